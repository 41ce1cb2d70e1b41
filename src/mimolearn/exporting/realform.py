"""A traced program on complex tensors, run again on pairs of real ones.

What PyTorch has recorded of a detector's own code is the only description of it: nothing of a
network is written a second time for export.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from mimolearn.exporting import eigen, factors
from mimolearn.exporting.pairs import JOINS, PLACES, RULES, ExportError, Pair, as_pair


class RealForm(nn.Module):
    """The program with real inputs: a complex one comes as (..., 2), real and imaginary part.

    Complex outputs are given in the same way.

    Args:
        program: as PyTorch has traced it.
    """

    def __init__(self, program: fx.GraphModule) -> None:
        super().__init__()
        # What was traced was in evaluation mode; a traced program has no other and refuses to be
        # asked.
        self.training = False
        self._split_complex_constants(program)
        self.program = program

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = _Interpreter(self.program, self).run(*inputs)
        outputs = outputs if isinstance(outputs, list | tuple) else (outputs,)
        return tuple(
            torch.stack([out.real, out.imag], -1) if isinstance(out, Pair) else out
            for out in outputs
        )

    def _split_complex_constants(self, program: fx.GraphModule) -> None:
        for node in program.graph.nodes:
            if node.op != "get_attr" or hasattr(self, _buffer(node.target, "real")):
                continue
            value = _attribute(program, node.target)
            if isinstance(value, Tensor) and value.is_complex():
                value = value.detach().resolve_conj()
                self.register_buffer(_buffer(node.target, "real"), value.real.contiguous())
                self.register_buffer(_buffer(node.target, "imag"), value.imag.contiguous())


class _Interpreter(fx.Interpreter):
    def __init__(self, program: fx.GraphModule, home: RealForm) -> None:
        super().__init__(program)
        # An error's text is one line of our own.
        self.extra_traceback = False
        self._home = home

    def placeholder(self, target: Any, args: Any, kwargs: Any) -> Any:
        value = super().placeholder(target, args, kwargs)
        if _is_complex(self._current):
            return Pair(value[..., 0], value[..., 1])
        return value

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        if hasattr(self._home, _buffer(target, "real")):
            parts = (getattr(self._home, _buffer(target, part)) for part in ("real", "imag"))
            return Pair(*parts)
        return super().get_attr(target, args, kwargs)

    def run_node(self, n: fx.Node) -> Any:
        self._current = n
        return super().run_node(n)

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if not isinstance(target, torch._ops.OpOverload):
            return super().call_function(target, args, kwargs)
        name = target.overloadpacket.__name__
        if name.startswith("_assert"):
            return None
        if name in _REWRITTEN:
            return _REWRITTEN[name](*args, **kwargs)
        if not (_is_complex(self._current) or _holds_pair(args)):
            if name == "chunk":
                return factors.chunk(*args, **kwargs)
            return super().call_function(target, args, kwargs)
        if name in RULES:
            return RULES[name](*args, **kwargs)
        if name in JOINS:
            pairs = [as_pair(part) for part in args[0]]
            return Pair(
                target([pair.real for pair in pairs], *args[1:], **kwargs),
                target([pair.imag for pair in pairs], *args[1:], **kwargs),
            )
        if name in PLACES:
            # A real tensor that becomes complex here has no imaginary part.
            pair = as_pair(args[0])
            real, imag = (target(x, *args[1:], **kwargs) for x in (pair.real, pair.imag))
            if isinstance(real, list | tuple):
                return [Pair(a, b) for a, b in zip(real, imag, strict=True)]
            return Pair(real, imag)
        raise ExportError(f"export: the operator {name} of complex numbers has no real form here")


def _cholesky_ex(matrix: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    if upper:
        raise ExportError("export: an upper Cholesky factor is not written")
    factor = factors.cholesky(matrix)
    # A bad pivot shows as NaN in the factor.
    return factor, torch.zeros(matrix.shape[:-2], dtype=torch.int32)


def _searchsorted(
    boundaries: Tensor, values: Tensor, *, out_int32: bool = False, right: bool = False, **_: Any
) -> Tensor:
    return factors.searchsorted(boundaries, values, right=right)


def _eigh(matrix: Any, uplo: str = "L") -> Any:
    return eigen.eigh(matrix)


_REWRITTEN = {
    # Shifts by tensors, of numbers that are not negative.
    "__lshift__": lambda x, places: x * 2**places,
    "__rshift__": lambda x, places: torch.div(x, 2**places, rounding_mode="floor"),
    "linalg_cholesky_ex": _cholesky_ex,
    "linalg_eigh": _eigh,
    "cholesky_inverse": factors.cholesky_inverse,
    "cholesky_solve": factors.cholesky_solve,
    "searchsorted": _searchsorted,
}


def _is_complex(node: fx.Node) -> bool:
    value = node.meta.get("val")
    values: Sequence[Any] = value if isinstance(value, list | tuple) else (value,)
    return any(isinstance(v, Tensor) and v.is_complex() for v in values)


def _holds_pair(args: Any) -> bool:
    if isinstance(args, list | tuple):
        return any(_holds_pair(arg) for arg in args)
    return isinstance(args, Pair)


def _buffer(target: object, part: str) -> str:
    return f"constant_{part}_{str(target).replace('.', '_')}"


def _attribute(module: nn.Module, target: object) -> Any:
    value: Any = module
    for name in str(target).split("."):
        value = getattr(value, name)
    return value
