"""Conjugate gradient on 16 interleaved channels, one vector of each at a time.

The equations are those of ``detectors.cg`` and ``detectors.large_system``. Everything is kept
conjugated, as ``complex_dense`` leaves it: X = conj(A), c = conj(b). The widely linear form is the
same with all imaginary parts set to zero, where Re(H^H H) and Re(H^H y) are its real system; its
Gram matrix costs most of the time either way.
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
    padded_real,
    row_length,
    square_floats,
)
from mimolearn.kernels.linear.large_system import correlations, energies, scaled_system, sinr_of
from mimolearn.kernels.linear.linear import EPSILON
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import all_finite, fma, fnma, maximum, select, splat


@sizing
def layout(space, rx, tx):
    """Channel, system, squared correlations, received vector, the iteration's vectors, SINRs."""
    n, width = padded(tx), padded_real(tx)
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    system, at = cut(space, at, square_floats(tx))
    power, at = cut(space, at, width * width * 16)
    received, at = cut(space, at, rx * 32 + SLACK)
    residual, at = cut(space, at, n * 32)
    direction, at = cut(space, at, n * 32)
    image, at = cut(space, at, n * 32)
    estimate, at = cut(space, at, n * 32)
    energy, at = cut(space, at, width * 16)
    heard, at = cut(space, at, width * 16)
    sinr, at = cut(space, at, width * 16 + SLACK)
    vectors = residual, direction, image, estimate
    return matrix, system, power, received, vectors, energy, heard, sinr, at


@inlined
def _ratio(numerator, denominator):
    """0 where the iteration has converged."""
    positive = denominator > np.float32(0.0)
    return select(positive, numerator / select(positive, denominator, splat(1.0)), splat(0.0))


@inlined
def _start(residual, n, scale, real, x, direction):
    """Residual b, x = 0; returns the residual's energy."""
    energy = splat(0.0)
    for i in range(0, n * 32, 32):
        re = load(residual, i) * scale
        im = splat(0.0) if real else load(residual, i + 16) * scale
        energy = fma(im, im, fma(re, re, energy))
        store(residual, i, re)
        store(residual, i + 16, im)
        store(direction, i, re)
        store(direction, i + 16, im)
        store(x, i, splat(0.0))
        store(x, i + 16, splat(0.0))
    return energy


@inlined
def _step(system, row, n, x, residual, direction, image, energy):
    """One iteration; returns the new energy. image comes out conjugated."""
    correlate(system, row, n, n, direction, 0, 1, image, 0)
    curvature = splat(0.0)
    for i in range(0, n * 32, 32):
        curvature = fma(load(direction, i), load(image, i), curvature)
        curvature = fnma(load(direction, i + 16), load(image, i + 16), curvature)
    step = _ratio(energy, curvature)
    next_energy = splat(0.0)
    for i in range(0, n * 32, 32):
        store(x, i, fma(step, load(direction, i), load(x, i)))
        store(x, i + 16, fma(step, load(direction, i + 16), load(x, i + 16)))
        re = fnma(step, load(image, i), load(residual, i))
        im = fma(step, load(image, i + 16), load(residual, i + 16))
        store(residual, i, re)
        store(residual, i + 16, im)
        next_energy = fma(im, im, fma(re, re, next_energy))
    turn = _ratio(next_energy, energy)
    for i in range(0, n * 32, 16):
        store(direction, i, fma(turn, load(direction, i), load(residual, i)))
    return next_energy


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, x, error_var, first, last, (*Sizes, steps, real), space).

    h (B, Nr, Nt, 2), y (B, T, Nr, 2), x (B, T, Nt, 2), error_var (B, Nt), all flat; noise_var, per
    row of the system, continued to whole groups. real: 0 or 1. Returns whether all outputs are
    finite.
    """

    def conjugate_gradient(h, y, noise_var, x, error_var, first, last, numbers, space):
        num, vectors, rx, tx, steps, real = numbers
        n, row, width = padded(tx), row_length(tx), padded_real(tx)
        matrix, system, power, received, iterates, energy, heard, sinr, _end = layout(space, rx, tx)
        residual, direction, image, estimate = iterates
        checksum = splat(0.0)
        for group in range(first, last):
            lanes, noise = (group * 16, num - 1), load(noise_var, group * 16)
            interleave(h, (lanes[0], lanes[1], rx * tx * 2), 0, rx, 2 * tx, matrix, row)
            gram(matrix, row, rx, n, system, row)
            energies(system, row, tx, width, energy)
            correlations(system, row, tx, width, energy, heard, power, real == 1)
            sinr_of(power, width, tx, noise, steps, energy, heard, sinr)
            for i in range(tx):
                variance = 1.0 / maximum(splat(EPSILON), load(sinr, i * 16))
                store(sinr, i * 16, variance)
                checksum = checksum + variance * 0.0
            span = (lanes[0], lanes[1], tx)
            deinterleave(sinr, tx * 16, 1, tx, error_var, span, 0)
            scale = scaled_system(system, row, n, tx, noise, real == 1)
            for t in range(vectors):
                span = (lanes[0], lanes[1], vectors * rx * 2)
                interleave(y, span, t * rx * 2, 1, rx * 2, received, rx * 32)
                correlate(matrix, row, rx, n, received, 0, 1, residual, 0)
                left = _start(residual, n, scale, real == 1, estimate, direction)
                for _step_number in range(steps):
                    left = _step(system, row, n, estimate, residual, direction, image, left)
                for i in range(tx):
                    gain = 1.0 + load(sinr, i * 16)
                    re, im = load(estimate, i * 32) * gain, -load(estimate, i * 32 + 16) * gain
                    checksum = checksum + (re + im) * 0.0
                    store(estimate, i * 32, re)
                    store(estimate, i * 32 + 16, im)
                span = (lanes[0], lanes[1], vectors * tx * 2)
                deinterleave(estimate, tx * 32, 1, tx * 2, x, span, t * tx * 2)
        return all_finite(checksum)

    return compiled(group_signature(5, 2, gives="boolean"), conjugate_gradient)
