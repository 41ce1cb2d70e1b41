"""Deep CG on 16 interleaved channels: all layers as one matrix, and that applied to vectors.

The equations are those of ``detectors.deep_cg``. The layers are a polynomial in the Hermitian
A = H^H H, so that gain and error variance of stream j come from column j alone. Everything is kept
conjugated, as ``complex_dense`` leaves it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.complex_dense import correlate, gram
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import channel_floats, cut, padded, row_length, square_floats
from mimolearn.kernels.linear.linear import EPSILON
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.mathematics import exp, log
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import absolute, all_finite, fma, maximum, select, splat, sqrt

_VECTORS = 8  # worked on at a time
_SQUARINGS = 6


@sizing
def layers_layout(space, tx):
    """Of ``_layers``: residuals, directions and their images."""
    size = _VECTORS * row_length(tx)
    residual, at = cut(space, 0, size)
    direction, at = cut(space, at, size)
    image, at = cut(space, at, size)
    return residual, direction, image, at


@sizing
def layout(space, rx, tx):
    """Channel, system, layers as a matrix, a spare one; gains, variances; vectors.

    What is left serves ``_layers``, and the vectors that come out of ``_product``.
    """
    square, side = square_floats(tx), padded(tx) * 16
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    system, at = cut(space, at, square)
    layers, at = cut(space, at, square + SLACK)
    spare, at = cut(space, at, square)
    gain, at = cut(space, at, side + SLACK)
    variance, at = cut(space, at, side + SLACK)
    received, at = cut(space, at, _VECTORS * rx * 32 + SLACK)
    x, at = cut(space, at, _VECTORS * row_length(tx))
    rest = space[at:]
    end = at + layers_layout(rest, tx)[-1]
    return (matrix, system, layers, spare), gain, variance, received, x, rest, end


@inlined
def _norm(x, row, n):
    """Frobenius norm from the lower half; 1 where it is 0."""
    total = splat(0.0)
    for i in range(n):
        for j in range(i + 1):
            re, im = load(x, i * row + j * 32), load(x, i * row + j * 32 + 16)
            total = total + fma(im, im, re * re) * (1.0 if i == j else 2.0)
    return select(total > np.float32(0.0), sqrt(total), splat(1.0))


@inlined
def _both_halves(x, row, n, factor):
    """Fill the upper half, times a factor."""
    for i in range(n):
        for j in range(i + 1):
            at, mirrored = i * row + j * 32, j * row + i * 32
            re, im = load(x, at) * factor, load(x, at + 16) * factor
            im = splat(0.0) if i == j else im
            store(x, at, re)
            store(x, at + 16, im)
            store(x, mirrored, re)
            store(x, mirrored + 16, -im)


@inlined
def _copy(x, row, n, factor, out):
    for i in range(n):
        for j in range(0, n * 32, 16):
            store(out, i * row + j, load(x, i * row + j) * factor)


@inlined
def _bound(system, row, n, power, spare):
    """``linalg.largest_eigenvalue_bound``; the system has both halves."""
    largest = splat(0.0)
    for i in range(n):
        largest = maximum(largest, load(system, i * (row + 32)))
    largest = select(largest > np.float32(0.0), largest, splat(1.0))
    _copy(system, row, n, 1.0 / largest, power)
    norm = _norm(power, row, n)
    logarithm = log(largest) + log(norm)
    _copy(power, row, n, 1.0 / norm, power)
    share = np.float32(0.5)
    for _ in range(_SQUARINGS):
        # The square of a Hermitian matrix, conjugated, which no norm sees.
        gram(power, row, n, n, spare, row)
        norm = _norm(spare, row, n)
        _both_halves(spare, row, n, 1.0 / norm)
        _copy(spare, row, n, splat(1.0), power)
        logarithm = fma(log(norm), splat(share), logarithm)
        share = share * np.float32(0.5)
    return exp(logarithm)


@inlined
def _product(system, row, n, count, vectors, shift, out):
    """(A + shift) times vectors."""
    correlate(system, row, n, n, vectors, row, count, out, row)
    for t in range(count):
        for i in range(0, n * 32, 32):
            at = t * row + i
            store(out, at, fma(load(vectors, at), splat(shift), load(out, at)))
            # It comes out conjugated.
            im = fma(load(vectors, at + 16), splat(shift), -load(out, at + 16))
            store(out, at + 16, im)


@inlined
def _add(target, size, vectors, factor):
    for i in range(0, size, 16):
        store(target, i, fma(load(vectors, i), splat(factor), load(target, i)))


@inlined
def _layers(system, row, n, tx, first, count, steps, space, x):
    """All layers on the unit vectors from ``first`` on."""
    alpha, beta, rho = steps
    residual, direction, image, _end = layers_layout(space, tx)
    for t in range(count):
        for i in range(0, row, 16):
            store(residual, t * row + i, splat(1.0 if i == (first + t) * 32 else 0.0))
            store(x, t * row + i, splat(0.0))
    _product(system, row, n, count, residual, rho[0], direction)
    last, used = len(alpha) - 1, count * row
    for layer in range(last):
        _add(x, used, direction, alpha[layer])
        _product(system, row, n, count, direction, rho[layer], image)
        _add(residual, used, image, -alpha[layer])
        _product(system, row, n, count, residual, rho[layer], image)
        for i in range(0, used, 16):
            turned = fma(load(direction, i), splat(beta[layer]), load(image, i))
            store(direction, i, turned)
    _add(x, used, direction, alpha[last])


@inlined
def _unbiasing(x, response, row, n, first, count, noise, scale, real, gains, variances):
    """Scale and error variance of the streams from ``first`` on, from columns of W and of W A."""
    for t in range(count):
        j = first + t
        total, heard_noise = splat(0.0), splat(0.0)
        for k in range(n):
            at = t * row + k * 32
            re, im = load(response, at), load(response, at + 16)
            power = re * re * 2.0 if real else fma(im, im, re * re)
            total = total + (splat(0.0) if k == j else power)
            heard_noise = fma(im, load(x, at + 16), fma(re, load(x, at), heard_noise))
        gain = load(response, t * row + j * 32)
        heard = absolute(gain) > EPSILON
        gain = select(heard, gain, splat(EPSILON))
        power = heard_noise * noise * scale
        power = select(power > np.float32(0.0), power, power * 0.0)
        variance = (total + power) / (gain * gain)
        store(gains, j * 16, 1.0 / gain)
        store(variances, j * 16, select(heard, variance, splat(1.0 / EPSILON)))


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, alpha, beta, rho, high, system, scale, filter, gain, error_var, x,
    first, last, (*Sizes, real), space).

    h (B, Nr, Nt, 2), y (B, T, Nr, 2); noise_var continued to whole groups; alpha, rho (L), beta
    (L - 1); high (1): where the bound of the eigenvalues goes. Out: the scaled system, one over
    what it is divided by (to whole groups), the layers as one matrix, transposed, on H^H y,
    gains and error variances (B, Nt), and unbiased estimates x (B, T, Nt, 2). system and filter
    are left out where they are empty. Returns whether all outputs are finite.
    """

    def deep_cg(
        h, y, noise_var, alpha, beta, rho, high, systems, scales, filters, gains, variances, out,
        first, last, numbers, space,
    ):  # fmt: skip
        num, vectors, rx, tx, real = numbers
        n, row = padded(tx), row_length(tx)
        matrices, gain, variance, received, x, rest, _end = layout(space, rx, tx)
        matrix, system, layers, spare = matrices
        checksum = splat(0.0)
        for group in range(first, last):
            start, end = group * 16, num - 1
            interleave(h, (start, end, rx * tx * 2), 0, rx, 2 * tx, matrix, row)
            gram(matrix, row, rx, n, system, row)
            _both_halves(system, row, n, splat(1.0))
            scale = high[0] / _bound(system, row, n, layers, spare)
            _copy(system, row, n, scale, system)
            noise = load(noise_var, start)
            store(scales, start, scale)
            for j in range(0, n, _VECTORS):
                count = min(_VECTORS, n - j)
                _layers(system, row, n, tx, j, count, (alpha, beta, rho), rest, x)
                _product(system, row, n, count, x, np.float32(0.0), rest)
                _unbiasing(x, rest, row, n, j, count, noise, scale, real == 1, gain, variance)
                for t in range(count):
                    for i in range(0, n * 32, 32):
                        store(layers, (j + t) * row + i, load(x, t * row + i) * scale)
                        store(layers, (j + t) * row + i + 16, -load(x, t * row + i + 16) * scale)
            for i in range(0, tx * 16, 16):
                checksum = checksum + (load(gain, i) + load(variance, i)) * 0.0
            deinterleave(gain, tx * 16, 1, tx, gains, (start, end, tx), 0)
            deinterleave(variance, tx * 16, 1, tx, variances, (start, end, tx), 0)
            if filters.size > 0:
                deinterleave(layers, row, tx, tx * 2, filters, (start, end, tx * tx * 2), 0)
            for t in range(0, vectors, _VECTORS):
                count = min(_VECTORS, vectors - t)
                span = (start, end, vectors * rx * 2)
                interleave(y, span, t * rx * 2, count, rx * 2, received, rx * 32)
                correlate(matrix, row, rx, n, received, rx * 32, count, rest, row)
                correlate(layers, row, n, n, rest, row, count, x, row)
                for v in range(count):
                    for i in range(tx):
                        at = v * row + i * 32
                        g = load(gain, i * 16)
                        re, im = load(x, at) * g, load(x, at + 16) * g
                        checksum = checksum + (re + im) * 0.0
                        store(x, at, re)
                        store(x, at + 16, im)
                span = (start, end, vectors * tx * 2)
                deinterleave(x, row, count, tx * 2, out, span, t * tx * 2)
            if systems.size > 0:
                for i in range(tx):
                    for j in range(tx):
                        at = i * row + j * 32 + 16
                        store(system, at, -load(system, at))
                deinterleave(system, row, tx, tx * 2, systems, (start, end, tx * tx * 2), 0)
        return all_finite(checksum)

    return compiled(group_signature(13, 1, gives="boolean"), deep_cg)
