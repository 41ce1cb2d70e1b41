"""Maximum ratio combining of 16 interleaved channels at a time: Gram matrix and matched filter."""

from __future__ import annotations

import functools
from collections.abc import Callable

from mimolearn.kernels.dense.complex_dense import correlate, gram, gram_real
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import channel_floats, cut, padded, row_length, square_floats
from mimolearn.kernels.linear.linear import EPSILON
from mimolearn.kernels.machine.compile import compiled, group_signature, sizing, uncounted
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import all_finite, fma, select, splat


@sizing
def layout(space, rx, tx):
    """Channel, Gram matrix, received vector, H^H y, estimates, scalings, error variances."""
    n = padded(tx)
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    product, at = cut(space, at, square_floats(tx))
    received, at = cut(space, at, rx * 32 + SLACK)
    matched, at = cut(space, at, n * 32)
    result, at = cut(space, at, n * 32)
    gain, at = cut(space, at, n * 16)
    variances, at = cut(space, at, n * 16)
    return matrix, product, received, matched, result, gain, variances, at


@uncounted
def _interference(product, row, i, num_tx, scale, axes):
    """Sum over the other streams j of |G_ij / G_ii|^2; of real symbols twice their real part."""
    total = splat(0.0)
    for j in range(num_tx):
        if j != i:
            at = i * row + j * 32 if i > j else j * row + i * 32
            re = load(product, at) * scale
            total = fma(re, re, total)
            if axes == 2:
                im = load(product, at + 16) * scale
                total = fma(im, im, total)
    return total if axes == 2 else total + total


@uncounted
def _scalings(product, row, num_tx, noise, axes, gain, error_var):
    """1 / ||h_i||^2 and the error variances, as ``detectors.unbiased.unbias``."""
    for i in range(num_tx):
        energy = load(product, i * row + i * 32)
        silent = energy == splat(0.0)
        scale = select(silent, splat(0.0), 1.0 / energy)
        store(gain, i * 16, scale)
        variance = _interference(product, row, i, num_tx, scale, axes) + noise * scale
        store(error_var, i * 16, select(silent, splat(1.0 / EPSILON), variance))


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, x, error_var, first, last, (*Sizes, axes), space).

    As that of ``linear``. axes: 1 for a real constellation.
    """

    def mrc(h, y, noise_var, x, error_var, first, last, numbers, space):
        num, vectors, rx, tx, axes = numbers
        n, row = padded(tx), row_length(tx)
        parts = layout(space, rx, tx)
        matrix, product, received, matched, result, gain, variances, _end = parts
        checksum = splat(0.0)
        for group in range(first, last):
            start, end = group * 16, num - 1
            interleave(h, (start, end, rx * tx * 2), 0, rx, 2 * tx, matrix, row)
            if axes == 2:
                gram(matrix, row, rx, n, product, row)
            else:
                gram_real(matrix, row, rx, n, product, row)
            _scalings(product, row, tx, load(noise_var, start), axes, gain, variances)
            deinterleave(variances, tx * 16, 1, tx, error_var, (start, end, tx), 0)
            for t in range(vectors):
                span = (start, end, vectors * rx * 2)
                interleave(y, span, t * rx * 2, 1, rx * 2, received, rx * 32)
                correlate(matrix, row, rx, n, received, 0, 1, matched, 0)
                for i in range(tx):
                    scale = load(gain, i * 16)
                    # ``correlate`` leaves the conjugate.
                    re, im = load(matched, i * 32) * scale, -load(matched, i * 32 + 16) * scale
                    checksum = checksum + (re + im) * 0.0
                    store(result, i * 32, re)
                    store(result, i * 32 + 16, im)
                deinterleave(
                    result, tx * 32, 1, tx * 2, x, (start, end, vectors * tx * 2), t * tx * 2
                )
            for i in range(0, tx * 16, 16):
                checksum = checksum + load(variances, i) * 0.0
        return all_finite(checksum)

    return compiled(group_signature(5, 1, gives="boolean"), mrc)
