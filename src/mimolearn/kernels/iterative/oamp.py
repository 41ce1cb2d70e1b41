"""Orthogonal AMP on 16 interleaved channels, one vector of each at a time.

A layer has the scalars (gamma, theta, phi, xi, kappa) of OAMP-Net2, (1, 1, 1, 0, 1) for plain OAMP.
The equations are those of ``detectors.oamp``, without its eigenvalues l: with rho = sigma^2 / v^2
and A = G + rho I, G divided by its mean eigenvalue, the means over l that a layer needs come from
m1 = tr(A^-1) / N and m2 = |A^-1|_F^2 / N,

    mean l/(l + rho) = 1 - rho m1,   mean l/(l + rho)^2 = m1 - rho m2,
    variance of l/(l + rho) = rho^2 (m2 - m1^2).

Where rho is far above all l, as it is once the estimate explains y, these are differences of near
values; there a series in 1/rho with the first four moments of l takes their place.
Everything is kept conjugated, as ``complex_dense`` leaves it. In the real model of real symbols
all imaginary parts are zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.blocks import complex_2x2, complex_4x1, complex_4x2
from mimolearn.kernels.dense.complex_dense import cholesky, correlate, gram, inverse, solve
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import (
    channel_floats,
    cut,
    padded,
    padded_real,
    row_length,
    square_floats,
)
from mimolearn.kernels.dense.posterior import axis_posterior
from mimolearn.kernels.linear.linear import EPSILON
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import all_finite, fma, maximum, minimum, select, splat, sqrt

_MOST_LEVELS = 16
# Against the largest eigenvalue: the series is off by 1e-4 there, the differences by 1e-5.
_FAR = np.float32(10.0)
_LEAST_VAR = np.float32(1e-9)
# Least share, and least v^2 in units of sigma^2, of variances for each stream: beyond, 1 - rho a_i
# is rounding, and interference is far below the noise.
_LEAST_SHARE = np.float32(1e-7)
_LEAST_ERROR = np.float32(1e-2)


@sizing
def layout(space, rx, tx):
    """Channel, system, its factor and inverse; vectors of y and x; numbers of streams; weights.

    The channel and y have rows of zeros up to a multiple of four.
    """
    n, rows = padded(tx), padded_real(rx)
    matrix, at = cut(space, 0, channel_floats(rows, tx))
    system, at = cut(space, at, square_floats(tx))
    r, at = cut(space, at, square_floats(tx))
    u, at = cut(space, at, square_floats(tx))
    received, at = cut(space, at, rows * 32 + SLACK)
    residual, at = cut(space, at, rows * 32)
    matched, at = cut(space, at, n * 32)
    middle, at = cut(space, at, n * 32)
    solved, at = cut(space, at, n * 32 + SLACK)
    x, at = cut(space, at, n * 32)
    scale, at = cut(space, at, n * 16)
    power, at = cut(space, at, n * 16 + SLACK)
    claimed, at = cut(space, at, n * 16)
    weights, at = cut(space, at, _MOST_LEVELS * 16)
    matrices, vectors = (matrix, system, r, u), (received, residual, matched, middle, solved, x)
    return matrices, vectors, (scale, power, claimed), weights, at


@inlined
def _normalise(system, row, n, used, real):
    """Both halves of G over its mean eigenvalue; returns one over that."""
    total = splat(0.0)
    for i in range(used):
        total = total + load(system, i * (row + 32))
    scale = splat(np.float32(used)) / total
    for i in range(n):
        for j in range(i + 1):
            at, mirrored = i * row + j * 32, j * row + i * 32
            re = load(system, at) * scale
            im = splat(0.0) if real or i == j else load(system, at + 16) * scale
            store(system, at, re)
            store(system, at + 16, im)
            store(system, mirrored, re)
            store(system, mirrored + 16, -im)
    return scale


@inlined
def _norm(s, first, count, total):
    for i in range(2 * first, 2 * (first + count)):
        total = fma(s[i], s[i], total)
    return total


@inlined
def _moments(g, row, n, used):
    """Means of the eigenvalues' squares, cubes and fourth powers."""
    second, third, fourth = splat(0.0), splat(0.0), splat(0.0)
    for p in range(0, n, 2):
        for q in range(0, p + 2, 2):
            s = complex_2x2(g, p * row, row, 32, g, q * row, row, 32, n)
            twice = splat(2.0 if q < p else 1.0)
            at = p * row + q * 32
            e = (
                load(g, at), load(g, at + 16), load(g, at + 32), load(g, at + 48),
                load(g, at + row), load(g, at + row + 16),
                load(g, at + row + 32), load(g, at + row + 48),
            )  # fmt: skip
            product = splat(0.0)
            for i in range(8):
                product = fma(e[i], s[i], product)
            second = fma(_norm(e, 0, 4, splat(0.0)), twice, second)
            third = fma(product, twice, third)
            fourth = fma(_norm(s, 0, 4, splat(0.0)), twice, fourth)
    share = np.float32(1.0) / np.float32(used)
    return second * share, third * share, fourth * share


@inlined
def _inverse_energy(u, row, n):
    """|A^-1|_F^2 = |U U^H|_F^2, A^-1 being U^H U."""
    once, twice = splat(0.0), splat(0.0)
    for q in range(0, n, 2):
        at, count = q * row, q + 2
        once = _norm(complex_2x2(u, at, row, 32, u, at, row, 32, count), 0, 4, once)
        p = q + 2
        while p + 4 <= n:
            twice = _norm(complex_4x2(u, p * row, row, 32, u, at, row, 32, count), 0, 8, twice)
            p += 4
        if p < n:
            twice = _norm(complex_2x2(u, p * row, row, 32, u, at, row, 32, count), 0, 4, twice)
    return fma(twice, splat(2.0), once)


@inlined
def _invert(system, rho, row, n, used, r, scale, u, power):
    """U of A = G + rho I; returns the means of its eigenvalues' inverses and of their squares."""
    for p in range(n):
        for q in range(p + 1):
            at = p * row + q * 32
            store(r, at, load(system, at) + (rho if p == q else splat(0.0)))
            store(r, at + 16, load(system, at + 16))
    for p in range(used, n):
        store(r, p * (row + 32), splat(1.0))
    cholesky(r, row, n, scale)
    inverse(r, row, n, scale, u, power)
    for p in range(used, n):
        store(u, p * (row + 32), splat(0.0))
    first = splat(0.0)
    for i in range(used):
        first = first + load(power, i * 16)
    share = np.float32(1.0) / np.float32(used)
    return first * share, _inverse_energy(u, row, n) * share


@inlined
def _linear_scalars(rho, m1, m2, moments):
    """Gain of A^-1, and the shares of v^2 and of sigma^2 in the variance of what comes out."""
    second, third, fourth, largest = moments
    i = 1.0 / rho
    # In units of 1/rho, or of its square.
    seen = 1.0 - i * (second - i * (third - i * fourth))
    squares = second - i * (2.0 * third - 3.0 * (i * fourth))
    noise = 1.0 - i * (2.0 * second - i * (3.0 * third - 4.0 * (i * fourth)))
    spread = squares / (seen * seen) - 1.0
    near = rho < largest * _FAR
    seen_near = 1.0 - rho * m1
    gain = select(near, 1.0 / seen_near, rho / seen)
    noise = select(near, (m1 - rho * m2) * gain * gain, noise / (seen * seen))
    spread = select(near, (rho * rho) * (m2 - m1 * m1) * (gain * gain), spread)
    return gain, maximum(splat(0.0), spread), maximum(splat(0.0), noise)


@inlined
def _residual(matrix, row, rows, n, received, x, out):
    """out = y - H x; returns its energy. rows: a multiple of four."""
    energy = splat(0.0)
    for p in range(0, rows, 4):
        s = complex_4x1(matrix, p * row, row, 32, x, 0, 0, 32, n)
        for i in range(8):
            rest = load(received, p * 32 + i * 16) - s[i]
            store(out, p * 32 + i * 16, rest)
            energy = fma(rest, rest, energy)
    return energy


@inlined
def _denoise(r, error_var, used, axes, levels, scalars, damping, x, weights):
    """x = phi (E[symbol | r] - xi r), damped; returns the mean posterior variance of a symbol.

    error_var: of every stream, over the axes that it has.
    """
    phi, xi = scalars
    total = splat(0.0)
    half = np.float32(1.0 if axes == 1 else 0.5)
    for i in range(used):
        variance = load(error_var, i * 16) * half
        for axis in range(axes):
            at = i * 32 + axis * 16
            value = load(r, at)
            mean, left = axis_posterior(value, variance, levels, weights)
            target = phi * (mean - xi * value)
            store(x, at, target + (load(x, at) - target) * damping)
            total = total + left
    return total / np.float32(used)


@inlined
def _stream_scalars(rho, noise, gamma, theta, used, power, gains):
    """From diag(A^-1) in ``power``: gains of A^-1, and in ``power`` the error variances."""
    for i in range(used):
        a = load(power, i * 16)
        share = maximum(splat(_LEAST_SHARE), 1.0 - rho * a)
        store(gains, i * 16, gamma / share)
        store(power, i * 16, theta * noise * a / share)


@inlined
def _doubt(power, claimed, used, first):
    """Raise error variances, up to twofold, that are below those of the first layer."""
    for i in range(used):
        error = load(power, i * 16)
        if first:
            store(claimed, i * 16, error)
        ratio = minimum(error / load(claimed, i * 16), splat(1.0))
        store(power, i * 16, error * (2.0 - ratio))


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, r, error_var, levels, settings, first, last,
    (*Sizes, axes, layers, streams), space).

    h (B, Nr, Nt, 2), y (B, T, Nr, 2), r (B, T, Nt, 2), error_var (B, T, Nt), all flat; noise_var,
    per row of the model, continued to whole groups. settings: damping, and five scalars a layer.
    streams: 1 for a variance of each stream, 2 to doubt them as
    ``oamp`` does. Returns whether all outputs are finite.
    """

    def oamp(h, y, noise_var, out, error_var, levels, settings, first, last, numbers, space):
        num, vectors, rx, tx, axes, layers, streams = numbers
        damping = settings[0]
        n, row, rows = padded(tx), row_length(tx), padded_real(rx)
        matrices, of_vector, of_stream, weights, _end = layout(space, rx, tx)
        matrix, system, r, u = matrices
        received, residual, matched, middle, solved, x = of_vector
        scale, power, claimed = of_stream
        # Rows that fill the last four up.
        matrix[:] = 0.0
        received[:] = 0.0
        # A complex row counts once, and so do the two real ones that it is in the real model.
        heard = np.float32(rx if axes == 2 else 2 * rx)
        checksum = splat(0.0)
        for group in range(first, last):
            lanes = (group * 16, num - 1)
            interleave(h, (lanes[0], lanes[1], rx * tx * 2), 0, rx, 2 * tx, matrix, row)
            gram(matrix, row, rx, n, system, row)
            unit = _normalise(system, row, n, tx, axes == 1)
            second, third, fourth = _moments(system, row, n, tx)
            largest = sqrt(sqrt(fourth * np.float32(tx)))
            moments = (second, third, fourth, largest)
            noise = load(noise_var, group * 16) * unit
            for t in range(vectors):
                span = (lanes[0], lanes[1], vectors * rx * 2)
                interleave(y, span, t * rx * 2, 1, rx * 2, received, rx * 32)
                for i in range(2 * n):
                    store(x, i * 16, splat(0.0))
                left = splat(1.0)
                for layer in range(layers):
                    at = 1 + layer * 5
                    if layer > 0:
                        before = (settings[at - 3], settings[at - 2])
                        left = _denoise(
                            solved, power, tx, axes, levels, before, damping, x, weights
                        )
                    distance = _residual(matrix, row, rows, n, received, x, residual) * unit
                    correlate(matrix, row, rx, n, residual, 0, 1, matched, 0)
                    for i in range(2 * n):
                        kept = unit if axes == 2 or i % 2 == 0 else splat(0.0)
                        store(matched, i * 16, load(matched, i * 16) * kept)
                    var = (distance - noise * heard) / np.float32(tx)
                    least = splat(_LEAST_VAR)
                    if streams:
                        least = maximum(noise * _LEAST_ERROR, left * settings[at + 4])
                    var = maximum(least, var)
                    rho = maximum(splat(EPSILON * np.float32(tx)), noise / var)
                    m1, m2 = _invert(system, rho, row, n, tx, r, scale, u, power)
                    gamma, theta = settings[at], settings[at + 1]
                    solve(u, row, n, matched, 1, middle, solved, 0)
                    if streams:
                        _stream_scalars(rho, noise, gamma, theta, tx, power, scale)
                        if streams > 1:
                            _doubt(power, claimed, tx, layer == 0)
                    else:
                        gain, spread, of_noise = _linear_scalars(rho, m1, m2, moments)
                        off = (1.0 - theta) * (1.0 - theta)
                        share = fma(spread, splat(theta * theta), splat(off))
                        error = fma(var, share, noise * (of_noise * (theta * theta)))
                        for i in range(tx):
                            store(scale, i * 16, gain * gamma)
                            store(power, i * 16, error)
                    for i in range(2 * tx):
                        weight = load(scale, i // 2 * 16)
                        store(solved, i * 16, fma(load(solved, i * 16), weight, load(x, i * 16)))
                both = np.float32(2.0 if axes == 1 else 1.0)
                for i in range(tx):
                    store(solved, i * 32 + 16, -load(solved, i * 32 + 16))
                    total = load(power, i * 16) * both
                    checksum = checksum + (load(solved, i * 32) + load(solved, i * 32 + 16)) * 0.0
                    store(power, i * 16, total)
                    checksum = checksum + total * 0.0
                span = (lanes[0], lanes[1], vectors * tx * 2)
                deinterleave(solved, tx * 32, 1, tx * 2, out, span, t * tx * 2)
                span = (lanes[0], lanes[1], vectors * tx)
                deinterleave(power, tx * 16, 1, tx, error_var, span, t * tx)
        return all_finite(checksum)

    return compiled(group_signature(7, 3, gives="boolean"), oamp)
