"""Pivoted Cholesky factors of a batch of Gram matrices, as real triangles."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, inlined

# A pivot this small beside its column's energy is rounding: the column depends on the others.
_DEPENDENT = 1e-14


@inlined
def _pivot(a, b, is_real, order, energy, k):
    """Swap the smallest remaining pivot to k; only upper triangles are kept up to date."""
    size = a.shape[0]
    p = k
    for j in range(k + 1, size):
        if a[j, j] < a[p, p]:
            p = j
    if p == k:
        return
    order[k], order[p] = order[p], order[k]
    energy[k], energy[p] = energy[p], energy[k]
    for i in range(k):
        a[i, k], a[i, p] = a[i, p], a[i, k]
    a[k, k], a[p, p] = a[p, p], a[k, k]
    for j in range(k + 1, p):
        a[k, j], a[j, p] = a[j, p], a[k, j]
    for j in range(p + 1, size):
        a[k, j], a[p, j] = a[p, j], a[k, j]
    if is_real:
        return
    for i in range(k):
        b[i, k], b[i, p] = b[i, p], b[i, k]
    # Entries that cross the diagonal come back conjugated.
    for j in range(k + 1, p):
        b[k, j], b[j, p] = -b[j, p], -b[k, j]
    b[k, p] = -b[k, p]
    for j in range(p + 1, size):
        b[k, j], b[p, j] = b[p, j], b[k, j]


@inlined
def _eliminate(a, b, is_real, energy, k):
    """Turn row k into a row of R and take it out of the rows below."""
    size = a.shape[0]
    pivot = a[k, k]
    if pivot <= _DEPENDENT * energy:
        a[k, k:] = 0.0
        if not is_real:
            b[k, k:] = 0.0
        return
    scale = 1.0 / np.sqrt(pivot)
    for j in range(k, size):
        a[k, j] *= scale
    if is_real:
        for i in range(k + 1, size):
            factor = a[k, i]
            for j in range(i, size):
                a[i, j] -= factor * a[k, j]
        return
    b[k, k] = 0.0
    for j in range(k + 1, size):
        b[k, j] *= scale
    for i in range(k + 1, size):
        re = a[k, i]
        im = b[k, i]
        for j in range(i, size):
            a[i, j] -= re * a[k, j] + im * b[k, j]
            b[i, j] -= re * b[k, j] - im * a[k, j]


@inlined
def _interleave(a, b, columns):
    """[[Re, -Im], [Im, Re]] for every entry of the upper triangle."""
    size = a.shape[0]
    for k in range(size):
        for j in range(k, size):
            columns[2 * j, 2 * k] = a[k, j]
            columns[2 * j + 1, 2 * k + 1] = a[k, j]
            columns[2 * j, 2 * k + 1] = b[k, j]
            columns[2 * j + 1, 2 * k] = -b[k, j]


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(real, imag, is_sorted, columns, order).

    G[order, order] = R^H R with the weakest remaining column first, or as G is where that is
    sorted already.

    The R of the sorted QR decomposition (Wuebben et al. 2001), from the Gram matrix: the strong
    columns end up last, where a search begins. A complex R with real diagonal is a real triangle
    as it stands when real and imaginary part of a stream follow each other, at half the work of
    factoring the real matrix. A dependent column gets a row of zeros in R.

    real, imag: (C, N, N) float64, overwritten; imag may be (0, 0, 0) for real matrices.
    Out: columns (C, n, n), row k holds column k of the real R, zeros on entry, n = 2N or N;
    order (C, N) int64.
    """

    def sorted_cholesky(real, imag, is_sorted, columns, order):
        num_channels, size = real.shape[:2]
        is_real = imag.shape[0] == 0
        energy = np.empty(size)
        for c in range(num_channels):
            a = real[c]
            b = a if is_real else imag[c]
            for j in range(size):
                order[c, j] = j
                energy[j] = a[j, j]
            for k in range(size):
                if not is_sorted:
                    _pivot(a, b, is_real, order[c], energy, k)
                _eliminate(a, b, is_real, energy[k], k)
            if is_real:
                for k in range(size):
                    for j in range(k, size):
                        columns[c, j, k] = a[k, j]
            else:
                _interleave(a, b, columns[c])

    cube = "float64[:, :, ::1]"
    signature = f"void({cube}, {cube}, boolean, {cube}, int64[:, ::1])"
    return compiled(signature, sorted_cholesky)
