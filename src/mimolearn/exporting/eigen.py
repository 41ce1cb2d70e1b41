"""Eigenvalues and eigenvectors, which ONNX lacks, by rotations that are unrolled for one size.

Matrices are real, (*B, N, N), or pairs of real and imaginary parts (see ``pairs``).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch._higher_order_ops import scan

from mimolearn.exporting.pairs import Pair, Part, as_pair, multiply, part_of


def eigh(matrix: Part) -> tuple[Tensor, Part]:
    """Ascending eigenvalues (*B, N) and vectors (*B, N, N) of a Hermitian matrix.

    Jacobi's method with N/2 rotations at a time (Golub and Van Loan, 8.5): all pairs of columns
    meet once in a sweep of N - 1 rounds. As many sweeps for all matrices: convergence is quadratic
    at the end, and this many reach single precision. Vectors differ from LAPACK's by a phase.
    """
    size = matrix.shape[-1]
    # An odd one gets a row and a column of zeros, which no rotation touches.
    half = (size + 1) // 2
    left = part_of(as_pair(matrix), lambda x: _padded(x, 2 * half - size))
    vectors = as_pair(torch.eye(2 * half, dtype=torch.float32).expand(left.shape))
    rounds = _next_round(half).expand(_sweeps(size) * (2 * half - 1), 2 * half)
    parts = [left.real, left.imag, vectors.real, vectors.imag]
    if torch.compiler.is_exporting():
        # A loop in the graph too: unrolled, 16 columns are some 10,000 operators.
        parts = scan(_round, [part.contiguous() for part in parts], rounds)[0]
    else:
        for order in rounds:
            parts = _round(parts, order)[0]
    left, vectors = Pair(*parts[:2]), Pair(*parts[2:])
    values = left.real.diagonal(0, -2, -1)[..., :size]
    values, order = torch.sort(values, -1)
    order = order.unsqueeze(-2).expand(*values.shape[:-1], size, size)
    gathered = part_of(vectors, lambda x: torch.gather(x[..., :size, :size], -1, order))
    return values, gathered if isinstance(matrix, Pair) else as_pair(gathered).real


def _sweeps(size: int) -> int:
    return 1 if size <= 2 else 3 + math.ceil(math.log2(size))


def _padded(x: Tensor, count: int) -> Tensor:
    return torch.nn.functional.pad(x, (0, count, 0, count)) if count else x


def _next_round(half: int) -> Tensor:
    """Which column comes to each position, so that column i and i + half have not met before.

    The table of a tournament: the first stays, all others move on by one in a circle.
    """
    if half == 1:
        return torch.tensor([0, 1], dtype=torch.int64)
    upper = [0, half, *range(1, half - 1)]
    return torch.tensor([*upper, *range(half + 1, 2 * half), half - 1], dtype=torch.int64)


def _round(parts: list[Tensor], order: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """One round on the parts of matrix and vectors; the second list is what ``scan`` collects."""
    size = parts[0].shape[-1]
    left = Pair(*parts[:2])
    cosine, sine = _rotations(left, size // 2)
    left = _rotate(left, cosine, sine, order)
    # J^H (A J) = ((A J)^H J)^H, which is Hermitian.
    left = _rotate(Pair(left.real.mT, -left.imag.mT), cosine, sine, order)
    vectors = _rotate(Pair(*parts[2:]), cosine, sine, order)
    return [left.real, left.imag, vectors.real, vectors.imag], []


def _rotations(a: Pair, half: int) -> tuple[Tensor, Pair]:
    """c (*B, 1, N/2), s complex: the rotation that makes each a[i, i + half] zero, below 45°."""
    diagonal = a.real.diagonal(0, -2, -1)
    corner = part_of(a, lambda x: x[..., :half, half:].diagonal(0, -2, -1))
    assert isinstance(corner, Pair)
    size = torch.sqrt(corner.real * corner.real + corner.imag * corner.imag)
    apart = diagonal[..., half:] - diagonal[..., :half]
    reach = apart.abs() + torch.sqrt(apart * apart + 4 * size * size)
    # Where the corner is zero, or so small that its square is, nothing is turned.
    bare = size == 0
    tangent = 2 * size / torch.where(bare, torch.ones_like(reach), reach)
    tangent = torch.where(apart < 0, -tangent, tangent)
    cosine = 1 / torch.sqrt(1 + tangent * tangent)
    sine = tangent * cosine / torch.where(bare, torch.ones_like(size), size)
    turned = Pair(corner.real * sine, corner.imag * sine)
    return cosine.unsqueeze(-2), Pair(turned.real.unsqueeze(-2), turned.imag.unsqueeze(-2))


def _rotate(x: Pair, cosine: Tensor, sine: Pair, order: Tensor) -> Pair:
    """Columns i and i + half turned into each other, then put in the next round's order."""
    half = cosine.shape[-1]
    first, second = (
        as_pair(part_of(x, lambda part, start=start: part.narrow(-1, start, half)))
        for start in (0, half)
    )
    back = multiply(second, Pair(sine.real, -sine.imag))
    over = multiply(first, sine)

    def whole(first: Tensor, back: Tensor, over: Tensor, second: Tensor) -> Tensor:
        joined = torch.cat([first * cosine - back, over + second * cosine], -1)
        return joined.index_select(-1, order)

    return Pair(
        whole(first.real, back.real, over.real, second.real),
        whole(first.imag, back.imag, over.imag, second.imag),
    )
