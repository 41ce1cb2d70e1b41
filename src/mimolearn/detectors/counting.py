"""Real multiplications of the building blocks, so that every detector counts alike.

Complex by default: one complex multiplication counts four real ones. ``real=True`` counts the
same block on real numbers. Hermitian results count their half; divisions and square roots and
multiplications by a real scalar's reciprocal are left out (they are O(N) beside O(N^2)).
"""

from __future__ import annotations


def matvec(rows: int, cols: int, *, real: bool = False) -> int:
    """A matrix times a vector."""
    return rows * cols * (1 if real else 4)


def gram(rows: int, cols: int, *, real: bool = False) -> int:
    """H^H H of a rows x cols matrix, the Hermitian half with its diagonal."""
    return rows * cols * (cols + 1) // 2 * (1 if real else 4)


def matmul(rows: int, inner: int, cols: int, *, real: bool = False) -> int:
    """A general product."""
    return rows * inner * cols * (1 if real else 4)


def cholesky(n: int, *, real: bool = False) -> int:
    """Cholesky factor: n (n-1) (n+1) / 6 products and n (n-1) / 2 scalings."""
    return (n * (n - 1) * (n + 1) // 6 + n * (n - 1) // 2) * (1 if real else 4)


def triangular_inverse(n: int, *, real: bool = False) -> int:
    """Inverse of a triangular matrix."""
    return n * (n + 1) * (n + 2) // 6 * (1 if real else 4)


def hermitian_inverse(n: int, *, real: bool = False) -> int:
    """Cholesky factor, its inverse, and the Hermitian half of L^-H L^-1."""
    factor = cholesky(n, real=real) + triangular_inverse(n, real=real)
    return factor + n * (n + 1) * (n + 2) // 6 * (1 if real else 4)


def triangular_solve(n: int, *, real: bool = False) -> int:
    """One right-hand side."""
    return n * (n + 1) // 2 * (1 if real else 4)


def qr(rows: int, cols: int, *, real: bool = False) -> int:
    """Thin Q and R by modified Gram-Schmidt: rows * cols * (cols + 1)."""
    return rows * cols * (cols + 1) * (1 if real else 4)
