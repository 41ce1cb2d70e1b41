"""Real multiplications of the building blocks, so that all detectors count alike.

Blocks are complex by default, and a complex multiplication counts four real ones. ``real=True``
counts the same block on real numbers. Hermitian results count their half. Divisions, square roots
and multiplications by the reciprocal of a real scalar are left out: they are O(N) beside O(N^2).
"""

from __future__ import annotations

from mimolearn.constellation import Constellation


def distances(constellation: Constellation) -> int:
    """Count the distances that a denoiser takes a symbol: to all levels of its axes, or points."""
    if not constellation.is_separable:
        return constellation.num_points
    return constellation.num_levels * (1 if constellation.is_real else 2)


def matvec(rows: int, cols: int, *, real: bool = False) -> int:
    """Count a matrix times a vector."""
    return rows * cols * (1 if real else 4)


def gram(rows: int, cols: int, *, real: bool = False) -> int:
    """Count H^H H of a rows x cols matrix, the Hermitian half with its diagonal."""
    return rows * cols * (cols + 1) // 2 * (1 if real else 4)


def matmul(rows: int, inner: int, cols: int, *, real: bool = False) -> int:
    """Count a general product."""
    return rows * inner * cols * (1 if real else 4)


def cholesky(n: int, *, real: bool = False) -> int:
    """Count a Cholesky factor: n (n-1) (n+1) / 6 products and n (n-1) / 2 scalings."""
    return (n * (n - 1) * (n + 1) // 6 + n * (n - 1) // 2) * (1 if real else 4)


def triangular_inverse(n: int, *, real: bool = False) -> int:
    """Count the inverse of a triangular matrix."""
    return n * (n + 1) * (n + 2) // 6 * (1 if real else 4)


def hermitian_inverse(n: int, *, real: bool = False) -> int:
    """Count a Cholesky factor, its inverse, and the Hermitian half of L^-H L^-1."""
    factor = cholesky(n, real=real) + triangular_inverse(n, real=real)
    return factor + n * (n + 1) * (n + 2) // 6 * (1 if real else 4)


def triangular_solve(n: int, *, real: bool = False) -> int:
    """Count the solution of a triangular system with one right-hand side."""
    return n * (n + 1) // 2 * (1 if real else 4)


def qr(rows: int, cols: int, *, real: bool = False) -> int:
    """Count thin Q and R by modified Gram-Schmidt: rows * cols * (cols + 1)."""
    return rows * cols * (cols + 1) * (1 if real else 4)
