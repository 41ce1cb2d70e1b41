"""Factorisations that ONNX lacks, unrolled into slices, products and sums for one fixed size.

Matrices are real, (*B, N, N), or pairs of real and imaginary parts (see ``pairs``).
"""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.exporting.pairs import Pair, Part, adjoint, join, matmul, part_of


def cholesky(matrix: Part) -> Part:
    """Lower factor L of L L^H = A, a column after another; NaN from the first bad pivot on.

    It takes N steps, each with a rank-one update of what is left.

    Args:
        matrix: (*B, N, N) Hermitian.
    """
    size = matrix.shape[-1]
    left, columns = matrix, []
    for k in range(size):
        pivot = part_of(left, lambda x: x[..., :1, :1])
        root = torch.sqrt(pivot.real if isinstance(pivot, Pair) else pivot)
        column = part_of(left, lambda x, root=root: x[..., :1] / root)
        columns.append(part_of(column, lambda x, k=k: torch.nn.functional.pad(x, (0, 0, k, 0))))
        if k < size - 1:
            below = part_of(column, lambda x: x[..., 1:, :])
            rest = part_of(left, lambda x: x[..., 1:, 1:])
            left = _less(rest, matmul(below, adjoint(below)))
    return join(columns, lambda parts: torch.cat(parts, -1))


def triangular_inverse(factor: Part) -> Part:
    """Inverse of a lower triangular matrix (*B, N, N) with a real diagonal, halves by halves.

    [[A, 0], [C, B]]^-1 = [[A^-1, 0], [-B^-1 C A^-1, B^-1]].
    """
    size = factor.shape[-1]
    if size == 1:
        return Pair(1 / factor.real, factor.imag) if isinstance(factor, Pair) else 1 / factor
    half = size // 2
    first = triangular_inverse(part_of(factor, lambda x: x[..., :half, :half]))
    second = triangular_inverse(part_of(factor, lambda x: x[..., half:, half:]))
    corner = part_of(factor, lambda x: x[..., half:, :half])
    corner = part_of(matmul(matmul(second, corner), first), torch.neg)
    right = part_of(corner, lambda x: torch.zeros_like(x).mT)
    top = join([first, right], lambda parts: torch.cat(parts, -1))
    bottom = join([corner, second], lambda parts: torch.cat(parts, -1))
    return join([top, bottom], lambda parts: torch.cat(parts, -2))


def cholesky_inverse(factor: Part) -> Part:
    """(L L^H)^-1 of a lower factor L."""
    inverse = triangular_inverse(factor)
    return matmul(adjoint(inverse), inverse)


def cholesky_solve(right: Part, factor: Part) -> Part:
    """X of L L^H X = right, (*B, N, R)."""
    inverse = triangular_inverse(factor)
    return matmul(adjoint(inverse), matmul(inverse, right))


def searchsorted(boundaries: Tensor, values: Tensor, *, right: bool) -> Tensor:
    """How many boundaries each value lies above, or not below.

    Args:
        boundaries: (*D, n) ascending.
        values: (*D, N) real.
        right: a value that equals a boundary is not below it, and counts.

    Returns:
        (*D, N) int64 counts.
    """
    values, boundaries = values.unsqueeze(-1), boundaries.unsqueeze(-2)
    above = values >= boundaries if right else values > boundaries
    return above.to(torch.int64).sum(-1)


def chunk(x: Tensor, chunks: int, dim: int = 0) -> list[Tensor]:
    """Equal slices: ONNX's split wants sizes that are known beforehand.

    Args:
        x: of any shape.
        chunks: how many slices.
        dim: the axis that is cut.
    """
    step = (x.shape[dim] + chunks - 1) // chunks
    return [x.narrow(dim, i * step, step) for i in range(chunks)]


def _less(a: Part, b: Part) -> Part:
    if isinstance(a, Pair) and isinstance(b, Pair):
        return Pair(a.real - b.real, a.imag - b.imag)
    assert isinstance(a, Tensor)
    assert isinstance(b, Tensor)
    return a - b
