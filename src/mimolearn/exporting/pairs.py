"""Complex tensors as pairs of real ones, and the operators of a traced program on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Size, Tensor

from mimolearn.foundation.errors import MimolearnError


class ExportError(MimolearnError):
    """A part cannot be exported as an ONNX graph; the message names it and the reason."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A complex tensor real + j imag, as two real tensors of the same shape."""

    real: Tensor
    imag: Tensor

    @property
    def shape(self) -> Size:
        return self.real.shape

    def expand(self, shape: Size) -> Pair:
        return Pair(self.real.expand(shape), self.imag.expand(shape))


Part = Tensor | Pair


def part_of(x: Part, do: Callable[[Tensor], Tensor]) -> Part:
    """A real-linear map of entries or places, done to a tensor or to both parts of a pair."""
    return Pair(do(x.real), do(x.imag)) if isinstance(x, Pair) else do(x)


def join(parts: Sequence[Part], do: Callable[[list[Tensor]], Tensor]) -> Part:
    """A map of several tensors, pairs or not, such as a concatenation."""
    if not any(isinstance(part, Pair) for part in parts):
        return do([part for part in parts if isinstance(part, Tensor)])
    pairs = [as_pair(part) for part in parts]
    return Pair(do([pair.real for pair in pairs]), do([pair.imag for pair in pairs]))


def as_pair(x: Part | complex) -> Pair:
    if isinstance(x, Pair):
        return x
    if isinstance(x, Tensor):
        return Pair(x, torch.zeros_like(x))
    number = complex(x)
    return Pair(
        torch.tensor(number.real, dtype=torch.float32),
        torch.tensor(number.imag, dtype=torch.float32),
    )


def adjoint(x: Part) -> Part:
    return Pair(x.real.mT, -x.imag.mT) if isinstance(x, Pair) else x.mT


def matmul(a: Part, b: Part) -> Part:
    if isinstance(a, Pair) and isinstance(b, Pair):
        real = a.real @ b.real - a.imag @ b.imag
        return Pair(real, a.real @ b.imag + a.imag @ b.real)
    if isinstance(a, Pair):
        assert isinstance(b, Tensor)
        return Pair(a.real @ b, a.imag @ b)
    if isinstance(b, Pair):
        return Pair(a @ b.real, a @ b.imag)
    return a @ b


def multiply(a: Any, b: Any) -> Pair:
    if isinstance(a, Pair) and isinstance(b, Pair):
        return Pair(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real)
    if isinstance(a, Pair):
        return Pair(a.real * b, a.imag * b)
    return Pair(a * b.real, a * b.imag)


def _div(a: Any, b: Any) -> Pair:
    if not isinstance(b, Pair):
        return Pair(a.real / b, a.imag / b)
    # Divided by the larger part first, so that no square leaves the range of the type.
    size = torch.maximum(b.real.abs(), b.imag.abs())
    real, imag = b.real / size, b.imag / size
    square = (real * real + imag * imag) * size
    return multiply(a, Pair(real / square, -imag / square))


def _add(a: Any, b: Any, *, alpha: float = 1) -> Pair:
    a, b = as_pair(a), as_pair(b)
    if alpha != 1:
        b = Pair(b.real * alpha, b.imag * alpha)
    return Pair(a.real + b.real, a.imag + b.imag)


def _where(condition: Tensor, a: Any, b: Any) -> Pair:
    a, b = as_pair(a), as_pair(b)
    return Pair(torch.where(condition, a.real, b.real), torch.where(condition, a.imag, b.imag))


def _lerp(a: Any, b: Any, weight: Any) -> Pair:
    a, b = as_pair(a), as_pair(b)
    return Pair(torch.lerp(a.real, b.real, weight), torch.lerp(a.imag, b.imag, weight))


def _square(x: Pair) -> Pair:
    return Pair(x.real * x.real - x.imag * x.imag, 2 * x.real * x.imag)


def _magnitude(x: Pair) -> Tensor:
    return torch.sqrt(x.real * x.real + x.imag * x.imag)


def _norm(x: Pair, order: float = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
    if order != 2:
        raise ExportError(f"export: a norm of order {order} of complex numbers is not written")
    total = (x.real * x.real + x.imag * x.imag).sum(dim, keepdim=keepdim)
    return torch.sqrt(total)


def _sgn(x: Pair) -> Pair:
    size = _magnitude(x)
    safe = torch.where(size > 0, size, torch.ones_like(size))
    return Pair(x.real / safe, x.imag / safe)


def _to(x: Pair, *arguments: Any, **options: Any) -> Pair:
    # Complex to complex of another precision: parts follow what the graph's numbers are.
    return x


def _eye(*size: int, **options: Any) -> Pair:
    real = torch.eye(*size, dtype=torch.float32)
    return Pair(real, torch.zeros_like(real))


RULES: dict[str, Callable[..., Any]] = {
    "sym_size": lambda x, dim: x.real.shape[dim],
    "expand_as": lambda x, like: as_pair(x).expand(like.shape),
    "matmul": matmul,
    "mH": adjoint,
    "adjoint": adjoint,
    "conj": lambda x: Pair(x.real, -x.imag),
    "_conj": lambda x: Pair(x.real, -x.imag),
    "resolve_conj": lambda x: x,
    "resolve_neg": lambda x: x,
    "real": lambda x: x.real,
    "imag": lambda x: x.imag,
    "view_as_real": lambda x: torch.stack([x.real, x.imag], -1),
    "view_as_complex": lambda x: Pair(x[..., 0], x[..., 1]),
    "complex": Pair,
    "mul": multiply,
    "div": _div,
    "add": _add,
    "sub": lambda a, b, *, alpha=1: _add(a, b, alpha=-alpha),
    "lerp": _lerp,
    "neg": lambda x: Pair(-x.real, -x.imag),
    "reciprocal": lambda x: _div(as_pair(1.0), x),
    "abs": _magnitude,
    "square": _square,
    "sgn": _sgn,
    "linalg_vector_norm": _norm,
    "where": _where,
    "eye": _eye,
    "to": _to,
    "_to_copy": _to,
    "ones_like": lambda x, **options: Pair(torch.ones_like(x.real), torch.zeros_like(x.imag)),
    "full_like": lambda x, value, **options: Pair(
        torch.full_like(x.real, complex(value).real), torch.full_like(x.imag, complex(value).imag)
    ),
}
"""By the operator's name: what it does where a complex number comes in or goes out."""

# As words of a text: a list of strings would take a line each.
_PLACES = """mT t transpose permute expand flatten unflatten reshape view view_as unsqueeze squeeze
select slice diagonal diag_embed index gather contiguous clone alias detach lift_fresh_copy
zeros_like sum mean cumsum unbind chunk split tensor_split repeat flip broadcast_to movedim"""
PLACES = frozenset(_PLACES.split())
"""Operators that move or add entries: done to both parts alike."""

JOINS = frozenset(("cat", "stack", "concat"))
