"""Parts of kernels as code that is linked into kernels; of a part alone no machine code is made.

numba makes every function that it compiles ready to be called: it optimises the function and
writes its machine code, and does both again wherever the function becomes part of another. Nobody
calls a part. So it gets the few passes that numba runs on a function alone, and is optimised once,
inside its kernel. Without these passes EP and OAMP on 4 x 4 channels were slower.

This rests on names that numba keeps to itself. Where a numba lacks one, parts are compiled as any
function is: kernels then give the same results, only later.
"""

from __future__ import annotations

from typing import Any, Literal

from numba.core import compiler, cpu
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, CompileResult, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

_PRIVATE = (
    (vars(cpu).get("_dynfunc"), "make_function"),
    (compiler, "_LowerResult"),
    (CompileResult, "_find_referenced_environments"),
    (JITCodeLibrary, "_optimize_final_module"),
    (JITCodeLibrary, "_finalize_final_module"),
)


class _PartLibrary(JITCodeLibrary):
    """The code of a part and of the parts in it, to be linked into a kernel."""

    def _optimize_final_module(self) -> None:
        """Nothing: the kernel is optimised as a whole."""

    def _finalize_final_module(self) -> None:
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):
    """Lowering that leaves no function to call, only what stands for it in calls of other parts."""

    _name = "mimolearn_part_lowering"

    def run_pass(self, state: Any) -> Literal[True]:
        context = state.targetctx
        state.library = _PartLibrary(context.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        fndesc, name = lowered.fndesc, state.func_id.func_name
        # Callers know a part by such an object. Its address is null, as that of every function
        # without an entry for Python.
        make_function = vars(cpu)["_dynfunc"].make_function
        kept = (state.library,)
        entry = make_function(fndesc.lookup_module(), name, "A part.", 0, lowered.env, kept)
        context.insert_user_function(entry, fndesc, [state.library])
        result = vars(compiler)["_LowerResult"]
        state["cr"] = result(fndesc, lowered.call_helper, cfunc=entry, env=lowered.env)
        return True


class _PartCompiler(CompilerBase):
    """numba's compiler, with the lowering of parts."""

    def define_pipelines(self) -> list[Any]:
        manager: Any = DefaultPassBuilder.define_nopython_pipeline(self.state, "part")
        manager.passes = [
            (_PartLowering if step is NativeLowering else step, why) for step, why in manager.passes
        ]
        return [manager]


def compiler_options() -> dict[str, Any]:
    """What ``numba.njit`` is told of the compiler of parts; nothing where numba is another."""
    known = all(hasattr(owner, name) for owner, name in _PRIVATE)
    return {"pipeline_class": _PartCompiler} if known else {}


def fill_environments(dispatcher: Any) -> None:
    """Tell a kernel where its parts keep Python objects, as numba does for code from its disk."""
    if not compiler_options():
        return
    for result in dispatcher.overloads.values():
        for environment in result._find_referenced_environments():
            result.library.codegen.set_env(environment.env_name, environment)
