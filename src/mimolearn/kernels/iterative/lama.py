"""Approximate message passing on 16 interleaved channels, one vector of each at a time.

The equations are those of ``detectors.lama``. Everything is kept conjugated, as ``complex_dense``
leaves it. In the real model of real symbols all imaginary parts are zero. Numbers with a unit are
divided by the mean energy of a stream, so that no scale of h overflows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.complex_dense import correlate, gram
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import (
    channel_floats,
    cut,
    padded,
    row_length,
    square_floats,
)
from mimolearn.kernels.dense.posterior import axis_posterior
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import all_finite, fma, maximum, splat

_MOST_LEVELS = 16
# That of ``detectors.lama``, against the mean energy here.
_LEAST_ENERGY = np.float32(1e-12)


@sizing
def layout(space, rx, tx):
    """Channel, system, received vector; H^H y, H^H r, x, its image, z; energies, variances."""
    n = padded(tx)
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    system, at = cut(space, at, square_floats(tx))
    received, at = cut(space, at, rx * 32 + SLACK)
    matched, at = cut(space, at, n * 32)
    rest, at = cut(space, at, n * 32)
    x, at = cut(space, at, n * 32)
    image, at = cut(space, at, n * 32)
    z, at = cut(space, at, n * 32 + SLACK)
    energy, at = cut(space, at, n * 16)
    var, at = cut(space, at, n * 16 + SLACK)
    weights, at = cut(space, at, _MOST_LEVELS * 16)
    vectors = received, matched, rest, x, image, z
    return matrix, system, vectors, energy, var, weights, at


@inlined
def _normalise(system, row, n, used, real, energy):
    """Both halves of G over its mean diagonal, and that diagonal; returns one over the mean."""
    total = splat(0.0)
    for i in range(used):
        total = total + load(system, i * (row + 32))
    # A channel of zeros stays one.
    scale = splat(np.float32(used)) / maximum(splat(np.float32(1e-37)), total)
    for i in range(n):
        for j in range(i + 1):
            at, mirrored = i * row + j * 32, j * row + i * 32
            re = load(system, at) * scale
            im = splat(0.0) if real or i == j else load(system, at + 16) * scale
            store(system, at, re)
            store(system, at + 16, im)
            store(system, mirrored, re)
            store(system, mirrored + 16, -im)
        store(energy, i * 16, maximum(splat(_LEAST_ENERGY), load(system, i * (row + 32))))
    return scale


@inlined
def _denoise(z, var, energy, used, axes, levels, x, weights):
    """x = E[symbol | z]; returns the sum of the energies times what variance is left.

    var: of both axes together.
    """
    total = splat(0.0)
    for i in range(used):
        axis_var = load(var, i * 16) * np.float32(0.5)
        left = splat(0.0)
        for axis in range(axes):
            at = i * 32 + axis * 16
            mean, rest = axis_posterior(load(z, at), axis_var, levels, weights)
            store(x, at, mean)
            left = left + rest
        total = fma(load(energy, i * 16), left, total)
    return total


@inlined
def _sum(x, rest, energy, total, used, z, var):
    """z = x + rest / energy and var = total / energy."""
    for i in range(used):
        at, inverse = i * 32, 1.0 / load(energy, i * 16)
        store(z, at, fma(load(rest, at), inverse, load(x, at)))
        store(z, at + 16, fma(load(rest, at + 16), inverse, load(x, at + 16)))
        store(var, i * 16, total * inverse)


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, z, error_var, levels, settings, first, last,
    (*Sizes, axes, iterations), space).

    h (B, Nr, Nt, 2), y (B, T, Nr, 2), z (B, T, Nt, 2), error_var (B, T, Nt), all flat; noise_var,
    of an antenna, continued to whole groups. settings: damping. Returns whether all outputs are
    finite.
    """

    def lama(h, y, noise_var, out, error_var, levels, settings, first, last, numbers, space):
        num, vectors, rx, tx, axes, iterations = numbers
        damping, share = settings[0], np.float32(1.0) / np.float32(rx)
        n, row = padded(tx), row_length(tx)
        matrix, system, of_vector, energy, var, weights, _end = layout(space, rx, tx)
        received, matched, rest, x, image, z = of_vector
        checksum = splat(0.0)
        for group in range(first, last):
            lanes = (group * 16, num - 1)
            interleave(h, (lanes[0], lanes[1], rx * tx * 2), 0, rx, 2 * tx, matrix, row)
            gram(matrix, row, rx, n, system, row)
            unit = _normalise(system, row, n, tx, axes == 1, energy)
            noise, all_streams = load(noise_var, group * 16) * unit, splat(0.0)
            for i in range(tx):
                all_streams = all_streams + load(energy, i * 16)
            for t in range(vectors):
                place = (lanes[0], lanes[1], vectors * rx * 2)
                interleave(y, place, t * rx * 2, 1, rx * 2, received, rx * 32)
                correlate(matrix, row, rx, n, received, 0, 1, matched, 0)
                for i in range(2 * n):
                    kept = unit if axes == 2 or i % 2 == 0 else splat(0.0)
                    store(matched, i * 16, load(matched, i * 16) * kept)
                    store(rest, i * 16, load(matched, i * 16))
                    store(x, i * 16, splat(0.0))
                spread = all_streams * share
                _sum(x, rest, energy, noise + spread, tx, z, var)
                for _iteration in range(1, iterations):
                    left = _denoise(z, var, energy, tx, axes, levels, x, weights) * share
                    left = left + (spread - left) * damping
                    memory = left / (noise + spread)
                    correlate(system, row, n, n, x, 0, 1, image, 0)
                    for i in range(0, n * 32, 32):
                        re = fma(load(rest, i), memory, load(matched, i))
                        im = fma(load(rest, i + 16), memory, load(matched, i + 16))
                        store(rest, i, re - load(image, i))
                        # correlate gives the conjugate, here that of a conjugate.
                        store(rest, i + 16, im + load(image, i + 16))
                    spread = left
                    _sum(x, rest, energy, noise + spread, tx, z, var)
                for i in range(tx):
                    store(z, i * 32 + 16, -load(z, i * 32 + 16))
                    checksum = checksum + (load(z, i * 32) + load(z, i * 32 + 16)) * 0.0
                    checksum = checksum + load(var, i * 16) * 0.0
                place = (lanes[0], lanes[1], vectors * tx * 2)
                deinterleave(z, tx * 32, 1, tx * 2, out, place, t * tx * 2)
                place = (lanes[0], lanes[1], vectors * tx)
                deinterleave(var, tx * 16, 1, tx, error_var, place, t * tx)
        return all_finite(checksum)

    return compiled(group_signature(7, 2, gives="boolean"), lama)
