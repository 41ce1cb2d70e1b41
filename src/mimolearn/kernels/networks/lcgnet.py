"""The unfolded conjugate gradient of the LcgNets on 16 interleaved channels.

The equations are those of ``detectors.lcgnet``: one set of step sizes, one number a layer and real
unknown, for all channels. Everything is kept conjugated, as in ``cg``; a step size of an imaginary
part does not know of that. Vectors are worked on some at a time, so that the system is fetched
once for all of them, and stay in the cache through all layers.

With fixed step sizes the layers are one real matrix: from some number of vectors on they are
applied to the identity, and their result to the vectors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from mimolearn.kernels.dense.blocks import real_4x1, real_4x4
from mimolearn.kernels.dense.complex_dense import correlate, gram
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import (
    channel_floats,
    cut,
    padded,
    padded_real,
    row_length,
    square_floats,
)
from mimolearn.kernels.linear.large_system import correlations, energies, scaled_system, sinr_of
from mimolearn.kernels.linear.linear import EPSILON
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import all_finite, fma, maximum, splat

_VECTORS = 8  # worked on at a time


@sizing
def system_layout(space, tx):
    """Of ``_system``: squared correlations, energies, what is left of them, SINRs."""
    width = padded_real(tx)
    power, at = cut(space, 0, width * width * 16)
    energy, at = cut(space, at, width * 16)
    heard, at = cut(space, at, width * 16)
    sinr, at = cut(space, at, width * 16)
    return power, energy, heard, sinr, at


@sizing
def prepare_layout(space, rx, tx):
    """Channel, system, error variances; what is left serves ``_system``."""
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    system, at = cut(space, at, square_floats(tx))
    variance, at = cut(space, at, padded(tx) * 16 + SLACK)
    rest = space[at:]
    return matrix, system, variance, rest, at + system_layout(rest, tx)[-1]


@sizing
def vectors_layout(space, rx, tx, as_matrix):
    """Of ``_detect``: received vectors, H^H y, the iteration's vectors; the layers as a matrix."""
    stride = padded(tx) * 32 + 16
    received, at = cut(space, 0, _VECTORS * rx * 32 + SLACK)
    b, at = cut(space, at, _VECTORS * stride)
    image, at = cut(space, at, _VECTORS * stride)
    residual, at = cut(space, at, _VECTORS * stride)
    direction, at = cut(space, at, _VECTORS * stride)
    x, at = cut(space, at, _VECTORS * stride)
    layers, at = cut(space, at, as_matrix * 2 * padded(tx) * stride)
    return received, b, image, residual, direction, x, layers, at


@sizing
def detect_layout(space, rx, tx, as_matrix):
    """Channel, system, what estimates are multiplied by; what is left serves ``_detect``."""
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    system, at = cut(space, at, square_floats(tx) + SLACK)
    gain, at = cut(space, at, padded(tx) * 16 + SLACK)
    rest = space[at:]
    return matrix, system, gain, rest, at + vectors_layout(rest, rx, tx, as_matrix)[-1]


@sizing
def one_shot_layout(space, rx, tx, as_matrix):
    """Channel, system, error variances, gains; what is left serves both parts of the work."""
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    system, at = cut(space, at, square_floats(tx))
    variance, at = cut(space, at, padded(tx) * 16 + SLACK)
    gain, at = cut(space, at, padded(tx) * 16)
    rest = space[at:]
    end = at + max(system_layout(rest, tx)[-1], vectors_layout(rest, rx, tx, as_matrix)[-1])
    return matrix, system, variance, gain, rest, end


@inlined
def _system(h, span, noise, rx, tx, stages, widely, matrix, system, space, error_var):
    """Interleaved h, and A over its mean diagonal; returns one over that mean.

    error_var: (tx) vectors, of the unbiased output. widely: that of a widely linear receiver.
    """
    n, row, width = padded(tx), row_length(tx), padded_real(tx)
    power, energy, heard, sinr, _end = system_layout(space, tx)
    interleave(h, span, 0, rx, 2 * tx, matrix, row)
    gram(matrix, row, rx, n, system, row)
    energies(system, row, tx, width, energy)
    correlations(system, row, tx, width, energy, heard, power, widely)
    half = 0.5 if widely else 1.0
    sinr_of(power, width, tx, noise * half, stages, energy, heard, sinr)
    for i in range(tx):
        store(error_var, i * 16, 1.0 / maximum(splat(EPSILON), load(sinr, i * 16)))
    return scaled_system(system, row, n, tx, noise, False)


@inlined
def _start(vectors, count, size, stride, gamma, scale, residual, direction, x):
    """Residual and direction gamma o b, x = 0."""
    for t in range(count):
        for i in range(size):
            at = t * stride + i * 16
            value = load(vectors, at) * scale * gamma[i]
            store(residual, at, value)
            store(direction, at, value)
            store(x, at, splat(0.0))


@inlined
def _entry(at, alpha, beta, product, residual, direction, x):
    """One entry of all three vectors; product: alpha times that of the image, with its sign."""
    d = load(direction, at)
    store(x, at, fma(d, splat(alpha), load(x, at)))
    r = load(residual, at) - product
    store(residual, at, r)
    store(direction, at, fma(d, splat(beta), r))


@inlined
def _layers(system, row, n, stride, count, alpha, beta, image, residual, direction, x):
    """All layers on some vectors. The image comes out conjugated."""
    size, last = 2 * n, len(alpha) // (2 * n) - 1
    for layer in range(last):
        correlate(system, row, n, n, direction, stride, count, image, stride)
        first = layer * size
        for t in range(count):
            for i in range(0, size, 2):
                at = t * stride + i * 16
                a, b = alpha[first + i], alpha[first + i + 1]
                re, im = load(image, at) * a, -load(image, at + 16) * b
                _entry(at, a, beta[first + i], re, residual, direction, x)
                _entry(at + 16, b, beta[first + i + 1], im, residual, direction, x)
    for t in range(count):
        for i in range(size):
            at = t * stride + i * 16
            step = splat(alpha[last * size + i])
            store(x, at, fma(load(direction, at), step, load(x, at)))


@inlined
def _as_matrix(system, row, n, stride, alpha, beta, gamma, units, image, residual, direction, out):
    """The layers applied to the identity: row k of out is what they make of unit vector k."""
    for first in range(0, 2 * n, _VECTORS):
        count = min(_VECTORS, 2 * n - first)
        for t in range(count):
            for i in range(2 * n):
                store(units, t * stride + i * 16, splat(1.0 if i == first + t else 0.0))
        x = out[first * stride :]
        _start(units, count, 2 * n, stride, gamma, splat(1.0), residual, direction, x)
        _layers(system, row, n, stride, count, alpha, beta, image, residual, direction, x)


@inlined
def _multiply(matrix, size, stride, b, count, x):
    """x[t, p] = sum_k matrix[k, p] b[t, k]."""
    t = 0
    while t + 4 <= count:
        for p in range(0, size, 4):
            s = real_4x4(matrix, p * 16, 16, stride, b, t * stride, stride, 16, size)
            for i in range(4):
                for j in range(4):
                    store(x, (t + j) * stride + (p + i) * 16, s[4 * i + j])
        t += 4
    while t < count:
        for p in range(0, size, 4):
            v = real_4x1(matrix, p * 16, 16, stride, b, t * stride, stride, 16, size)
            for i in range(4):
                store(x, t * stride + (p + i) * 16, v[i])
        t += 1


@inlined
def _finish(x, count, tx, stride, gain, real):
    """Unbiased, and no longer conjugated; real symbols have no imaginary part."""
    checksum = splat(0.0)
    for t in range(count):
        for i in range(tx):
            at, g = t * stride + i * 32, load(gain, i * 16)
            re = load(x, at) * g
            im = splat(0.0) if real else -load(x, at + 16) * g
            checksum = checksum + (re + im) * 0.0
            store(x, at, re)
            store(x, at + 16, im)
    return checksum


@inlined
def _detect(y, span, steps, sizes, matrix, system, scale, gain, space, out):
    """All vectors of 16 channels; returns a sum that is 0 if all outputs are finite.

    steps: alpha, beta, gamma; sizes: vectors, rx, tx, whether symbols are real, whether the layers
    are to be one matrix, both 0 or 1.
    """
    alpha, beta, gamma = steps
    vectors, rx, tx, real, as_matrix = sizes
    n, row = padded(tx), row_length(tx)
    stride = n * 32 + 16
    parts = vectors_layout(space, rx, tx, as_matrix)
    received, b, image, residual, direction, x, layers, _end = parts
    if as_matrix == 1:
        _as_matrix(
            system, row, n, stride, alpha, beta, gamma, b, image, residual, direction, layers
        )
    checksum = splat(0.0)
    for t in range(0, vectors, _VECTORS):
        count = min(_VECTORS, vectors - t)
        from_y = (span[0], span[1], vectors * rx * 2)
        interleave(y, from_y, t * rx * 2, count, rx * 2, received, rx * 32)
        correlate(matrix, row, rx, n, received, rx * 32, count, b, stride)
        if as_matrix == 1:
            for i in range(0, count * stride, 16):
                store(b, i, load(b, i) * scale)
            _multiply(layers, 2 * n, stride, b, count, x)
        else:
            _start(b, count, 2 * n, stride, gamma, scale, residual, direction, x)
            _layers(system, row, n, stride, count, alpha, beta, image, residual, direction, x)
        checksum = checksum + _finish(x, count, tx, stride, gain, real == 1)
        to_x = (span[0], span[1], vectors * tx * 2)
        deinterleave(x, stride, count, tx * 2, out, to_x, t * tx * 2)
    return checksum


@functools.cache
def one_shot_kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, alpha, beta, gamma, x, error_var, first, last,
    (*Sizes, widely, real, as_matrix), space).

    h (B, Nr, Nt, 2), y (B, T, Nr, 2), x (B, T, Nt, 2), error_var (B, Nt), all flat; noise_var
    continued to whole groups; alpha (L, n, 2), beta (L - 1, n, 2), gamma (n, 2), n = Nt rounded up
    to an even number. widely, real, as_matrix: 0 or 1. Returns whether all outputs are finite.
    """

    def lcgnet_one_shot(
        h, y, noise_var, alpha, beta, gamma, x, error_var, first, last, numbers, space
    ):
        num, vectors, rx, tx, widely, real, as_matrix = numbers
        n = padded(tx)
        matrix, system, variance, gain, rest, _end = one_shot_layout(space, rx, tx, as_matrix)
        stages = len(alpha) // (2 * n)
        checksum = splat(0.0)
        for group in range(first, last):
            span, noise = (group * 16, num - 1, rx * tx * 2), load(noise_var, group * 16)
            scale = _system(
                h, span, noise, rx, tx, stages, widely == 1, matrix, system, rest, variance
            )
            factor = 2.0 if widely == 1 else 1.0
            for i in range(0, tx * 16, 16):
                store(gain, i, 1.0 + load(variance, i))
                store(variance, i, load(variance, i) * factor)
            sizes = (vectors, rx, tx, real, as_matrix)
            checksum = checksum + _detect(
                y, span, (alpha, beta, gamma), sizes, matrix, system, scale, gain, rest, x
            )
            deinterleave(variance, tx * 16, 1, tx, error_var, (span[0], span[1], tx), 0)
        return all_finite(checksum)

    return compiled(group_signature(8, 3, gives="boolean"), lcgnet_one_shot)


@functools.cache
def prepare_kernel() -> Callable[..., None]:
    """kernel(h, noise_var, system, inverse_diagonal, error_var, first, last,
    (*Sizes, stages, widely), space).

    system: A over its mean diagonal, (B, Nt, Nt, 2); inverse_diagonal: one over that mean, (B), and
    continued to whole groups. error_var: (B, Nt), not doubled where ``widely``.
    """

    def lcgnet_prepare(
        h, noise_var, system, inverse_diagonal, error_var, first, last, numbers, space
    ):
        num, _vectors, rx, tx, stages, widely = numbers
        row = row_length(tx)
        matrix, local, variance, rest, _end = prepare_layout(space, rx, tx)
        for group in range(first, last):
            span, noise = (group * 16, num - 1, rx * tx * 2), load(noise_var, group * 16)
            scale = _system(
                h, span, noise, rx, tx, stages, widely == 1, matrix, local, rest, variance
            )
            store(inverse_diagonal, group * 16, scale)
            for i in range(tx):
                for j in range(tx):
                    at = i * row + j * 32 + 16
                    store(local, at, -load(local, at))
            to = (span[0], span[1], tx * tx * 2)
            deinterleave(local, row, tx, tx * 2, system, to, 0)
            deinterleave(variance, tx * 16, 1, tx, error_var, (span[0], span[1], tx), 0)

    return compiled(group_signature(5, 2), lcgnet_prepare)


@functools.cache
def detect_kernel() -> Callable[..., bool]:
    """kernel(h, system, inverse_diagonal, gain, y, alpha, beta, gamma, x, first, last,
    (*Sizes, real, as_matrix), space).

    The first three as ``prepare_kernel`` gives them, gain: what x is multiplied with, (B, Nt);
    else as ``one_shot_kernel``.
    """

    def lcgnet_detect(
        h, system, inverse_diagonal, gain, y, alpha, beta, gamma, x, first, last, numbers, space
    ):
        num, vectors, rx, tx, real, as_matrix = numbers
        n, row = padded(tx), row_length(tx)
        matrix, local, scaling, rest, _end = detect_layout(space, rx, tx, as_matrix)
        checksum = splat(0.0)
        for group in range(first, last):
            span = (group * 16, num - 1, rx * tx * 2)
            interleave(h, span, 0, rx, 2 * tx, matrix, row)
            span = (group * 16, num - 1, tx * tx * 2)
            interleave(system, span, 0, tx, 2 * tx, local, row)
            for i in range(n):
                for j in range(n):
                    at = i * row + j * 32
                    inside = i < tx and j < tx
                    store(local, at, load(local, at) if inside else splat(0.0))
                    store(local, at + 16, -load(local, at + 16) if inside else splat(0.0))
            span = (group * 16, num - 1, tx)
            interleave(gain, span, 0, 1, tx, scaling, tx * 16)
            scale = load(inverse_diagonal, group * 16)
            sizes = (vectors, rx, tx, real, as_matrix)
            checksum = checksum + _detect(
                y, span, (alpha, beta, gamma), sizes, matrix, local, scale, scaling, rest, x
            )
        return all_finite(checksum)

    return compiled(group_signature(9, 2, gives="boolean"), lcgnet_detect)
