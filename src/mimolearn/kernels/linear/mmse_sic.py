"""Successive cancellation on the MMSE triangle, of 16 interleaved channels at a time.

The equations are those of ``detectors.mmse_sic``, unordered and unbiased. With R^H R = A =
H^H H + sigma^2 I the rotated vector is z = R^-H H^H y: no QR is needed. Everything is kept
conjugated, as ``complex_dense`` leaves it: its Cholesky factor C has the rows of R^T, r_ij = C_ji.
In the real model of real symbols all imaginary parts are zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.complex_dense import add_to_diagonal, cholesky, correlate, gram
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import channel_floats, cut, padded, row_length, square_floats
from mimolearn.kernels.linear.linear import EPSILON
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import all_finite, fma, fnma, maximum, minimum, splat

# Adding and subtracting 1.5 * 2^23 rounds to the nearest integer.
_ROUNDER = np.float32(12582912.0)


@sizing
def layout(space, rx, tx):
    """Channel, triangle, received vector, what is left of z, estimates, scalings, variances."""
    n = padded(tx)
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    triangle, at = cut(space, at, square_floats(tx))
    received, at = cut(space, at, rx * 32 + SLACK)
    left, at = cut(space, at, n * 32)
    x, at = cut(space, at, n * 32 + SLACK)
    scale, at = cut(space, at, n * 16)
    inverse_gain, at = cut(space, at, n * 16)
    error_var, at = cut(space, at, n * 16 + SLACK)
    return matrix, triangle, received, left, x, (scale, inverse_gain, error_var), at


@inlined
def _outputs(scale, noise, used, axes, inverse_gain, error_var):
    """One over the gain of every stream, and the variance of its error, total over both axes."""
    for i in range(used):
        diagonal = 1.0 / load(scale, i * 16)
        # Rounding takes an unreachable stream's SINR to 0 or below; its LLRs must only be small.
        sinr = maximum(splat(EPSILON), diagonal * diagonal / noise - 1.0)
        store(inverse_gain, i * 16, (1.0 + sinr) / (diagonal * sinr))
        store(error_var, i * 16, np.float32(3 - axes) / sinr)


@inlined
def _forward(triangle, row, used, scale, z):
    """In place, z = C^-1 z."""
    for i in range(used):
        re, im = load(z, i * 32), load(z, i * 32 + 16)
        for j in range(i):
            a, b = load(triangle, i * row + j * 32), load(triangle, i * row + j * 32 + 16)
            c, d = load(z, j * 32), load(z, j * 32 + 16)
            re = fma(b, d, fnma(a, c, re))
            im = fnma(b, c, fnma(a, d, im))
        factor = load(scale, i * 16)
        store(z, i * 32, re * factor)
        store(z, i * 32 + 16, im * factor)


@inlined
def _nearest(value, low, step, top):
    """The level next to a value, where levels are ``step`` apart from ``low`` on."""
    # Bounded before it is rounded, and in an order that leaves NaN what it is.
    number = minimum(splat(top), maximum(splat(np.float32(0.0)), (value - low) / step))
    number = (number + _ROUNDER) - _ROUNDER
    return fma(number, splat(step), splat(low))


@inlined
def _cancel(triangle, row, used, axes, levels, inverse_gain, z, x):
    """Estimate, decide, subtract, from the last stream on."""
    low, step = levels[0], levels[1] - levels[0]
    top = np.float32(levels.size - 1)
    for j in range(used - 1, -1, -1):
        factor = load(inverse_gain, j * 16)
        re, im = load(z, j * 32) * factor, load(z, j * 32 + 16) * factor
        store(x, j * 32, re)
        store(x, j * 32 + 16, im)
        c = _nearest(re, low, step, top)
        d = _nearest(im, low, step, top) if axes == 2 else splat(0.0)
        for i in range(j):
            # conj(z_i) loses conj(r_ij x_j) = conj(C_ji) conj(x_j).
            a, b = load(triangle, j * row + i * 32), load(triangle, j * row + i * 32 + 16)
            store(z, i * 32, fnma(b, d, fnma(a, c, load(z, i * 32))))
            store(z, i * 32 + 16, fma(b, c, fnma(a, d, load(z, i * 32 + 16))))


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, x, error_var, levels, first, last, (*Sizes, axes), space).

    h (B, Nr, Nt, 2), y (B, T, Nr, 2), x (B, T, Nt, 2), error_var (B, Nt), all flat; noise_var, per
    row of the model, continued to whole groups. Returns whether all outputs are finite.
    """

    def mmse_sic(h, y, noise_var, out, error_var, levels, first, last, numbers, space):
        num, vectors, rx, tx, axes = numbers
        n, row = padded(tx), row_length(tx)
        matrix, triangle, received, left, x, of_stream, _end = layout(space, rx, tx)
        scale, inverse_gain, variances = of_stream
        checksum = splat(0.0)
        for group in range(first, last):
            lanes, noise = (group * 16, num - 1), load(noise_var, group * 16)
            interleave(h, (lanes[0], lanes[1], rx * tx * 2), 0, rx, 2 * tx, matrix, row)
            gram(matrix, row, rx, n, triangle, row)
            if axes == 1:
                for i in range(n):
                    for j in range(i + 1):
                        store(triangle, i * row + j * 32 + 16, splat(0.0))
            add_to_diagonal(triangle, row, n, tx, noise)
            cholesky(triangle, row, n, scale)
            _outputs(scale, noise, tx, axes, inverse_gain, variances)
            for i in range(tx):
                checksum = checksum + load(variances, i * 16) * 0.0
            deinterleave(variances, tx * 16, 1, tx, error_var, (lanes[0], lanes[1], tx), 0)
            for t in range(vectors):
                place = (lanes[0], lanes[1], vectors * rx * 2)
                interleave(y, place, t * rx * 2, 1, rx * 2, received, rx * 32)
                correlate(matrix, row, rx, n, received, 0, 1, left, 0)
                if axes == 1:
                    for i in range(tx):
                        store(left, i * 32 + 16, splat(0.0))
                _forward(triangle, row, tx, scale, left)
                _cancel(triangle, row, tx, axes, levels, inverse_gain, left, x)
                for i in range(tx):
                    re, im = load(x, i * 32), -load(x, i * 32 + 16)
                    checksum = checksum + (re + im) * 0.0
                    store(x, i * 32 + 16, im)
                place = (lanes[0], lanes[1], vectors * tx * 2)
                deinterleave(x, tx * 32, 1, tx * 2, out, place, t * tx * 2)
        return all_finite(checksum)

    return compiled(group_signature(6, 1, gives="boolean"), mmse_sic)
