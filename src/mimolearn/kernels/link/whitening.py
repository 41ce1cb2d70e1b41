"""Whitening: the inverse of a covariance's Cholesky factor times channels and received vectors."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, inlined

# Least pivot, relative to the diagonal of the covariance.
_LEAST_PIVOT = 1e-10


@inlined
def _factor(given, factor):
    """Cholesky factor (n, n) of a Hermitian matrix, of which the lower half is read."""
    n = factor.shape[0]
    for j in range(n):
        for i in range(j, n):
            total = np.complex128(given[i, j])
            for k in range(j):
                total -= factor[i, k] * np.conj(factor[j, k])
            if i == j:
                least = _LEAST_PIVOT * given[j, j].real
                factor[j, j] = np.sqrt(max(total.real, least))
            else:
                factor[i, j] = total / factor[j, j].real


@inlined
def _invert(factor, inverse):
    """Lower half of the inverse of a lower triangular matrix."""
    n = factor.shape[0]
    for j in range(n):
        for i in range(j, n):
            total = np.complex128(1.0) if i == j else np.complex128(0.0)
            for k in range(j, i):
                total -= factor[i, k] * inverse[k, j]
            inverse[i, j] = total / factor[i, i].real


@inlined
def _multiply(inverse, rows, other):
    """rows (n, 2 m) <- inverse rows; real and imaginary parts alternate. other: scratch."""
    n, width = rows.shape
    for i in range(n):
        for m in range(0, width, 2):
            other[i, m], other[i, m + 1] = -rows[i, m + 1], rows[i, m]
    # Row i of the product needs rows up to i alone.
    for i in range(n - 1, -1, -1):
        out = rows[i]
        scale, turn = np.float32(inverse[i, i].real), np.float32(inverse[i, i].imag)
        for m in range(width):
            out[m] = scale * out[m] + turn * other[i, m]
        for k in range(i):
            row, turned = rows[k], other[k]
            scale, turn = np.float32(inverse[i, k].real), np.float32(inverse[i, k].imag)
            for m in range(width):
                out[m] += scale * row[m] + turn * turned[m]


@functools.cache
def whiten_kernel() -> Callable[..., None]:
    """kernel(covariance, block, h, y): h <- L^-1 h and y <- L^-1 y, C = L L^H.

    covariance: (N, B, Nr, Nr) complex64. block: (E) int64, the block of each element, increasing.
    h: (N, E, Nr, 2 S) and y: (N, E, Nr, 2), float32.
    """

    def whiten(covariance, block, h, y):
        num, _, rx, _ = covariance.shape
        width = h.shape[3]
        factor = np.zeros((rx, rx), np.complex128)
        inverse = np.zeros((rx, rx), np.complex128)
        other_h = np.empty((rx, width), np.float32)
        other_y = np.empty((rx, 2), np.float32)
        for n in range(num):
            last = -1
            for e in range(block.size):
                if block[e] != last:
                    last = block[e]
                    _factor(covariance[n, last], factor)
                    _invert(factor, inverse)
                _multiply(inverse, h[n, e], other_h)
                _multiply(inverse, y[n, e], other_y)

    four = "float32[:, :, :, ::1]"
    signature = f"void(complex64[:, :, :, ::1], int64[::1], {four}, {four})"
    return compiled(signature, whiten, contracted=True)
