"""Widely linear LMMSE for real symbols on 16 interleaved channels at a time.

The model is [Re y; Im y] = [Re H; Im H] x + n with s = noise_var / 2 per row: Gram matrix
Re(H^H H), matched filter Re(H^H y).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from mimolearn.kernels.dense.complex_dense import correlate_real, gram_real
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import (
    channel_floats,
    cut,
    padded,
    padded_real,
    real_row,
    row_length,
    square_floats,
)
from mimolearn.kernels.dense.real_dense import (
    real_cholesky,
    real_from_complex,
    real_inverse,
    real_solve,
)
from mimolearn.kernels.linear.linear import EPSILON
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import all_finite, maximum, splat


@sizing
def layout(space, rx, tx):
    """Complex channel, Gram matrix, received vector and H^H y; then real matrices and vectors.

    Real: the Gram matrix and its factor, the inverse, scalings, diag(A^-1), gains, the matched
    filter's output, half a solution, estimates.
    """
    n, real = padded_real(tx), real_row(tx)
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    complex_gram, at = cut(space, at, square_floats(tx))
    received, at = cut(space, at, rx * 32 + SLACK)
    c, at = cut(space, at, padded(tx) * 32)
    r, at = cut(space, at, n * real)
    u, at = cut(space, at, n * real)
    scale, at = cut(space, at, n * 16)
    power, at = cut(space, at, n * 16)
    gain, at = cut(space, at, n * 16)
    b, at = cut(space, at, n * 16)
    middle, at = cut(space, at, n * 16)
    result, at = cut(space, at, n * 16 + SLACK)
    return matrix, complex_gram, received, c, r, u, scale, power, gain, b, middle, result, at


@inlined
def _scalings(power, noise_var, num_tx, gain, error_var):
    """Remove the bias; error_var counts both axes, only one of which acts."""
    for i in range(0, num_tx * 16, 16):
        residual = 0.5 * noise_var * load(power, i)
        bias = maximum(splat(EPSILON), 1.0 - residual)
        store(gain, i, 1.0 / bias)
        store(error_var, i, 2.0 * residual / bias)


@inlined
def _real_parts(c, num_tx, n, out):
    for i in range(num_tx):
        store(out, i * 16, load(c, i * 32))
    for i in range(num_tx, n):
        store(out, i * 16, splat(0.0))


@inlined
def widely_linear_group(h, y, noise, x, error_var, lanes, vectors, rx, tx, space):
    """16 channels with all their vectors; returns whether the outputs are all finite.

    lanes: (first channel, last channel of all).
    """
    row, n, real = row_length(tx), padded_real(tx), real_row(tx)
    start, end = lanes
    parts = layout(space, rx, tx)
    matrix, complex_gram, received, c, r, u, scale, power, gain, b, middle, result, _end = parts
    interleave(h, (start, end, rx * tx * 2), 0, rx, 2 * tx, matrix, row)
    gram_real(matrix, row, rx, padded(tx), complex_gram, row)
    real_from_complex(complex_gram, row, tx, 1, splat(1.0), r, real)
    for i in range(tx):
        store(r, i * real + i * 16, load(r, i * real + i * 16) + 0.5 * noise)
    real_cholesky(r, real, n, scale)
    real_inverse(r, real, n, scale, u, power)
    _scalings(power, noise, tx, gain, result)
    deinterleave(result, tx * 16, 1, tx, error_var, (start, end, tx), 0)
    checksum = splat(0.0)
    for t in range(vectors):
        span = (start, end, vectors * rx * 2)
        interleave(y, span, t * rx * 2, 1, rx * 2, received, rx * 32)
        correlate_real(matrix, row, rx, padded(tx), received, c)
        _real_parts(c, tx, n, b)
        real_solve(u, real, n, b, middle, result)
        for i in range(0, tx * 16, 16):
            estimate = load(result, i) * load(gain, i)
            checksum = checksum + estimate * 0.0
            store(result, i, estimate)
        deinterleave(result, tx * 16, 1, tx, x, (start, end, vectors * tx), t * tx)
    return all_finite(checksum)


@functools.cache
def one_shot_kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, x, error_var, first, last, Sizes, space).

    As that of ``linear``, but x (B, T, Nt) is real.
    """

    def widely_linear(h, y, noise_var, x, error_var, first, last, numbers, space):
        num, vectors, rx, tx = numbers
        finite = True
        for group in range(first, last):
            lanes, noise = (group * 16, num - 1), load(noise_var, group * 16)
            finite &= widely_linear_group(h, y, noise, x, error_var, lanes, vectors, rx, tx, space)
        return finite

    return compiled(group_signature(5, gives="boolean"), widely_linear)
