"""Correlated channels A U B and the roots A and B, rounded alike on every machine.

A linear algebra library sums in an order that depends on the processor. Here multiplications and
additions are never fused and every sum has one order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.machine.compile import compiled, inlined, sizing, uncounted

_MOST_SWEEPS = 60


@uncounted
def _rotate(a, v, p, q):
    """Make a[p, q] zero by a rotation of both sides, which also goes into the rows of v."""
    n = a.shape[0]
    theta = (a[q, q] - a[p, p]) / (2.0 * a[p, q])
    t = 1.0 / (abs(theta) + np.sqrt(theta * theta + 1.0))
    t = t if theta >= 0.0 else -t
    c = 1.0 / np.sqrt(t * t + 1.0)
    s = t * c
    for k in range(n):
        x, y = a[p, k], a[q, k]
        a[p, k], a[q, k] = c * x - s * y, s * x + c * y
        x, y = v[p, k], v[q, k]
        v[p, k], v[q, k] = c * x - s * y, s * x + c * y
    for k in range(n):
        x, y = a[k, p], a[k, q]
        a[k, p], a[k, q] = c * x - s * y, s * x + c * y
    a[p, q], a[q, p] = 0.0, 0.0


@functools.cache
def root_kernel() -> Callable[..., None]:
    """kernel(a, v, root): the square root of a symmetric positive semidefinite matrix.

    By Jacobi's rotations. a: (n, n) float64, overwritten. v: (n, n), the identity before and the
    eigenvectors in rows after. root: (n, n), zeros before.
    """

    def symmetric_root(a, v, root):
        n = a.shape[0]
        for _ in range(_MOST_SWEEPS):
            rotations = 0
            for p in range(n):
                for q in range(p + 1, n):
                    if abs(a[p, q]) > 1e-17 * (abs(a[p, p]) + abs(a[q, q])):
                        _rotate(a, v, p, q)
                        rotations += 1
            if rotations == 0:
                break
        for k in range(n):
            scale = np.sqrt(max(a[k, k], 0.0))
            for i in range(n):
                factor = scale * v[k, i]
                for j in range(n):
                    root[i, j] += factor * v[k, j]

    matrix = "float64[:, ::1]"
    return compiled(f"void({matrix}, {matrix}, {matrix})", symmetric_root)


@inlined
def _add_row(re, im, x_re, x_im, y_re, y_im, is_real):
    """y += (re + j im) x, a row; im counts unless ``is_real``."""
    if is_real:
        for j in range(y_re.size):
            y_re[j] += re * x_re[j]
            y_im[j] += re * x_im[j]
        return
    for j in range(y_re.size):
        y_re[j] += re * x_re[j] - im * x_im[j]
        y_im[j] += re * x_im[j] + im * x_re[j]


@sizing
def layout(space, rx, tx):
    """Real and imaginary parts of U, of a row of A U, and of a row of A U B."""
    given, at = cut(space, 0, 2 * rx * tx)
    mixed, at = cut(space, at, 2 * tx)
    row, at = cut(space, at, 2 * tx)
    return given, mixed, row, at


@functools.cache
def correlate_kernel() -> Callable[..., None]:
    """kernel(rx, tx, u, is_real, space): U <- A U B for every U.

    rx: (2, Nr, Nr) and tx: (2, Nt, Nt), real and imaginary parts of A and B. u: (N, Nr, 2 Nt),
    real and imaginary parts alternate; overwritten. is_real: A has no imaginary part, B has none.
    All but is_real (2) are float32.
    """

    def correlate(rx, tx, u, is_real, space):
        num, num_rx, num_tx = u.shape[0], u.shape[1], u.shape[2] // 2
        parts = layout(space, num_rx, num_tx)
        given, mixed = parts[0].reshape(2, num_rx, num_tx), parts[1].reshape(2, num_tx)
        row = parts[2].reshape(2, num_tx)
        for c in range(num):
            for r in range(num_rx):
                for j in range(num_tx):
                    given[0, r, j] = u[c, r, 2 * j]
                    given[1, r, j] = u[c, r, 2 * j + 1]
            for r in range(num_rx):
                mixed[:] = np.float32(0.0)
                for k in range(num_rx):
                    _add_row(
                        rx[0, r, k], rx[1, r, k], given[0, k], given[1, k],
                        mixed[0], mixed[1], is_real[0],
                    )  # fmt: skip
                row[:] = np.float32(0.0)
                for k in range(num_tx):
                    # The matrix's row times a complex number.
                    if is_real[1]:
                        for j in range(num_tx):
                            row[0, j] += mixed[0, k] * tx[0, k, j]
                            row[1, j] += mixed[1, k] * tx[0, k, j]
                    else:
                        _add_row(
                            mixed[0, k], mixed[1, k], tx[0, k], tx[1, k], row[0], row[1], False
                        )
                for j in range(num_tx):
                    u[c, r, 2 * j] = row[0, j]
                    u[c, r, 2 * j + 1] = row[1, j]

    cubes = "float32[:, :, ::1], float32[:, :, ::1], float32[:, :, ::1]"
    return compiled(f"void({cubes}, boolean[::1], float32[::1])", correlate)
