"""Turning a kernel into machine code: on first use, kept on disk, announced on a terminal.

Every kernel of the library is compiled here, so that all of them follow their sources, work where
no cache folder can be written to, and recover from damaged files in it.
"""

from __future__ import annotations

import functools
import gc
import platform
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
from llvmlite.binding import get_host_cpu_features
from numba.core import config, cpu, event, types
from numba.extending import register_jitable

from mimolearn.kernels.machine.cache import keep_on_disk, one_at_a_time
from mimolearn.kernels.machine.parts import compiler_options, fill_environments

# A kernel of its own accord never checks bounds, never holds the interpreter lock, and divides
# like IEEE; no C program calls it. Contraction is asked for operation by operation (see simd.fma),
# never "fastmath", which would lose NaN.
_OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


@contextmanager
def _jit_enabled() -> Iterator[None]:
    """Let numba compile also where NUMBA_DISABLE_JIT asks it not to.

    The variable is there to debug Python code. Kernels are made of machine instructions that
    Python cannot run.
    """
    settings: Any = config
    before = settings.DISABLE_JIT
    settings.DISABLE_JIT = 0
    try:
        yield
    finally:
        settings.DISABLE_JIT = before


def _njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` with options; its types know no option that begins with an underscore."""
    njit: Any = numba.njit

    def decorate(function: Callable[..., Any]) -> Any:
        with _jit_enabled():
            return njit(**options)(function)

    return decorate


def part_options(known: object, counted: bool) -> dict[str, Any]:
    """Options for a part of a kernel; known: what this numba's target lists as options.

    Counting references is switched by an option that numba keeps to itself. Where a numba has
    none, parts count them: kernels then give the same results, only later.
    """
    options: dict[str, Any] = {"forceinline": True, "error_model": "numpy"}
    # Only kernels call parts: an entry for Python, one for C and machine code of the part alone
    # would be made for nobody.
    options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    options |= compiler_options()
    return {**options, "_nrt": counted} if hasattr(known, "_nrt") else options


def _part(*, counted: bool) -> Callable[[Callable[..., Any]], Any]:
    """A decorator that makes one part for all values of an integer, not one for every constant.

    What a constant makes shorter is found when the part lies in its kernel.
    """
    # A part without the option of counting would take its caller's.
    decorate = _njit(**part_options(getattr(cpu, "CPUTargetOptions", None), counted=counted))

    def decorated(function: Callable[..., Any]) -> Any:
        part = decorate(function)
        template = part.get_call_template

        def of_types(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
            plain = {name: types.unliteral(kind) for name, kind in kws.items()}
            return template(tuple(map(types.unliteral, args)), plain)

        part.get_call_template = of_types
        return part

    return decorated


inlined = _part(counted=True)
"""Decorator for the parts of kernels: they become part of every caller."""

uncounted = _part(counted=False)
"""The same for parts that neither make an array nor give one back.

Others count references to every array that they are given. That is a call, which also empties the
vector registers: more than a row of a small matrix costs.
"""


sizing: Any = register_jitable(**part_options(getattr(cpu, "CPUTargetOptions", None), counted=True))
"""Decorator for arithmetic on sizes: Python calls the function itself, kernels a compiled part."""


def group_signature(arrays: int, options: int = 0, gives: str = "void") -> str:
    """Signature of a kernel on groups of channels: kernel(..., first, last, numbers, space).

    arrays: flat float32 arrays that come first. numbers: ``launch.Sizes`` and ``options`` more
    integers, one plain tuple, whose type numba sees faster than a named one.
    """
    floats = "float32[::1]"
    numbers = f"int64, int64, UniTuple(int64, {4 + options})"
    return f"{gives}({', '.join([floats] * arrays)}, {numbers}, {floats})"


@functools.cache
def reads_halves() -> bool:
    """Whether this machine turns half-precision numbers into floats by an instruction."""
    if getattr(config, "CPU_NAME", None) is not None:
        # Code for another processor than this one was asked for.
        return False
    arm = platform.machine().lower() in ("arm64", "aarch64")
    return arm or bool(get_host_cpu_features().get("f16c"))


def kernel_folder() -> Path:
    """The folder of the kernels' sources."""
    return Path(__file__).parents[1]


def _files() -> list[Path]:
    """The Python files of all kernels, those in subfolders included."""
    return sorted(kernel_folder().rglob("*.py"))


@functools.cache
def source_stamp() -> int:
    """A number that changes with the text of any kernel file.

    numba's disk cache notices changes of the file that holds a kernel, not of the files it
    imports. Kernels are compiled anew after either.
    """
    return functools.reduce(lambda stamp, file: zlib.crc32(file.read_bytes(), stamp), _files(), 0)


def compiled(
    signature: str, kernel: Callable[..., Any], *, contracted: bool = False
) -> Callable[..., Any]:
    """Compile a kernel for one numba signature, or fetch its machine code from the disk cache.

    The one signature means that arrays of other types or layouts are refused, not recompiled for.
    contracted: let the compiler fuse any multiplication with an addition.
    """
    # Contraction alone leaves NaN and infinity what they are.
    options = {**_OPTIONS, "fastmath": {"contract"}} if contracted else _OPTIONS
    with _announced(kernel), _jit_enabled(), _garbage_kept():
        dispatcher: Any = numba.njit(**options)(kernel)
        keep_on_disk(dispatcher, source_stamp())
        with one_at_a_time(dispatcher):
            dispatcher.compile(signature)
        fill_environments(dispatcher)
        dispatcher.disable_compile()
    return dispatcher


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """No search for cyclic garbage: a compiler leaves little, and would be searched all the time.

    It took a tenth of the time of a compilation.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _announced(kernel: Callable[..., Any]) -> Iterator[None]:
    """Say on a terminal, while a kernel is compiled, why this takes seconds."""
    announcement = _Announcement(kernel.__name__)
    with event.install_listener("numba:compile", announcement):
        try:
            yield
        finally:
            announcement.clear()


class _Announcement(event.Listener):
    """A line that the next kernel, or the next output, replaces.

    Where somebody else draws on the terminal there is one line, for the first kernel.
    """

    count = 0

    def __init__(self, name: str) -> None:
        self._name, self._shown = name, False

    def on_start(self, event: Any) -> None:
        if self._shown:
            # A part of the kernel.
            return
        self._shown = True
        _Announcement.count += 1
        words = f"mimolearn: compiling for this machine, once: kernel {self._name}"
        if not sys.stderr.isatty():
            return
        if sys.stderr is sys.__stderr__:
            _rewrite_line(f"{words} ({_Announcement.count}) ...")
        elif _Announcement.count == 1:
            print(f"{words} and others ...", file=sys.stderr)

    def on_end(self, event: Any) -> None:
        """Nothing: a part may be done before the kernel is."""

    def clear(self) -> None:
        """Take the line away."""
        if self._shown and sys.stderr is sys.__stderr__ and sys.stderr.isatty():
            _rewrite_line("")


def _rewrite_line(text: str) -> None:
    """Put text in the place of the terminal's last line."""
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()


def _probe() -> None:
    """Has the place of a kernel, and nothing to do."""


def cache_folder(file: Path = Path(__file__)) -> Path | None:
    """Where machine code of a file's kernels is kept; None where no place can be written to."""
    code = _probe.__code__.replace(co_filename=str(file))
    try:
        with _jit_enabled():
            stats = numba.njit(cache=True, **_OPTIONS)(FunctionType(code, globals())).stats
    except RuntimeError as error:
        if "no locator" not in str(error):
            raise
        return None
    return Path(stats.cache_path) if stats.cache_path else None


def _count_on_disk(file: Path) -> int:
    folder = cache_folder(file)
    return len(list(folder.glob(f"{file.stem}.*.nbi"))) if folder else 0


def is_on_disk(module: str) -> bool:
    """Whether a module of kernels ("name" or "folder.name") has machine code on disk.

    The code may be of earlier sources.
    """
    return _count_on_disk(kernel_folder().joinpath(*module.split(".")).with_suffix(".py")) > 0


def kernel_files() -> dict[str, int]:
    """Each module of kernels, and how many of its kernels have machine code on disk.

    The code may be of earlier sources or another processor; the first use then replaces it.
    """
    modules = [
        file
        for file in _files()
        if file != Path(__file__) and " compiled(" in file.read_text("utf-8")
    ]
    names = (file.relative_to(kernel_folder()).with_suffix("").parts for file in modules)
    return {".".join(name): _count_on_disk(file) for name, file in zip(names, modules, strict=True)}
