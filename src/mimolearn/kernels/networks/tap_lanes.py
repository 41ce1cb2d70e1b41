"""tap-net on 16 interleaved channels, one vector of each at a time through all layers.

The equations are those of ``detectors.tap_net``, in real form as ``ep`` has it: unknowns Re x_0,
Im x_0, Re x_1, ... for QAM. One pass over the Gram matrix gives all three products of a layer,
because S holds the squares of its entries.
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
    real_row,
    row_length,
    square_floats,
)
from mimolearn.kernels.dense.posterior import axis_posterior
from mimolearn.kernels.dense.real_dense import (
    real_cholesky,
    real_from_complex,
    real_inverse,
    real_solve,
)
from mimolearn.kernels.linear.linear import EPSILON
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK, floats_of
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fma, maximum, select, splat

_MOST_LEVELS = 16


@sizing
def matrix_floats(tx, axes):
    """Floats of a real matrix of a group of 16 channels."""
    return padded_real(tx * axes) * real_row(tx * axes)


@sizing
def sides_layout(sides, tx, axes):
    """What else is kept of a group: energy, 1 / mu, row sums, variance of start L; noise, scale."""
    n = padded_real(tx * axes)
    energy, at = cut(sides, 0, n * 16)
    inverse_mu, at = cut(sides, at, n * 16)
    row_sum, at = cut(sides, at, n * 16)
    start_var, at = cut(sides, at, n * 16)
    noise, at = cut(sides, at, 16)
    scale, at = cut(sides, at, 16)
    return energy, inverse_mu, row_sum, start_var, noise, scale, at


def sides_floats(groups: int, tx: int, axes: int) -> int:
    """Floats of the sides of some groups, and those that ``deinterleave`` reads beyond the last."""
    return groups * floats_of(sides_layout, tx, axes) + SLACK


@sizing
def prepare_layout(space, rx, tx, axes):
    """Channel, complex and real Gram matrix; scalings and diag(A^-1) of start L, or ratios."""
    n = padded_real(tx * axes)
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    complex_gram, at = cut(space, at, square_floats(tx))
    r, at = cut(space, at, matrix_floats(tx, axes))
    scale, at = cut(space, at, n * 16)
    power, at = cut(space, at, n * 16)
    ratios, at = cut(space, at, n * 16 + SLACK)
    return matrix, complex_gram, r, scale, power, ratios, at


@sizing
def detect_layout(space, rx, tx, axes, num_layers):
    """Channel, received vector, H^H y; the state of a layer; sums; outputs; scalars; weights."""
    n = padded_real(tx * axes)
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    received, at = cut(space, at, rx * 32 + SLACK)
    correlated, at = cut(space, at, padded(tx) * 32)
    b, at = cut(space, at, n * 16)
    x, at = cut(space, at, n * 16)
    nu, at = cut(space, at, n * 16)
    step, at = cut(space, at, n * 16)
    c, at = cut(space, at, n * 16)
    pushed, at = cut(space, at, n * 16)
    interference, at = cut(space, at, n * 16)
    feedback, at = cut(space, at, n * 16)
    value, at = cut(space, at, n * 16 + SLACK)
    tau, at = cut(space, at, n * 16 + SLACK)
    rows, at = cut(space, at, num_layers * 64 + SLACK)
    weights, at = cut(space, at, _MOST_LEVELS * 16)
    channel, state = (matrix, received, correlated, b), (x, nu, step, c)
    return channel, state, (pushed, interference, feedback), value, tau, rows, weights, at


@inlined
def _keep_gram(r, row, used, n, energy, row_sum, out):
    """Both halves of r without its diagonal, which goes to energy; row sums of S_ij / g_i."""
    for p in range(n):
        for q in range(p):
            inside = p < used
            value = load(r, p * row + q * 16) if inside else splat(0.0)
            store(out, p * row + q * 16, value)
            store(out, q * row + p * 16, value)
        # A stream that is not received gets a variance so large that it says nothing.
        g = maximum(splat(EPSILON), load(r, p * row + p * 16)) if p < used else splat(1.0)
        store(energy, p * 16, g)
        store(out, p * row + p * 16, splat(0.0))
    for p in range(n):
        total = splat(0.0)
        for q in range(n):
            value = load(out, p * row + q * 16)
            total = fma(value, value, total)
        store(row_sum, p * 16, total / load(energy, p * 16))


@inlined
def _start(r, row, used, n, noise, prior, factor, scale, power, inverse_mu, start_var):
    """The factor of (G + v/E I)^-1, 1 / mu and E (1 - mu) / mu of start L."""
    share = noise / prior
    for i in range(used):
        store(r, i * row + i * 16, load(r, i * row + i * 16) + share)
    real_cholesky(r, row, n, scale)
    real_inverse(r, row, n, scale, factor, power)
    for i in range(n):
        missing = load(power, i * 16) * share
        mu = maximum(splat(EPSILON), 1.0 - missing)
        store(inverse_mu, i * 16, 1.0 / mu)
        store(start_var, i * 16, missing / mu * prior)


@functools.cache
def prepare_kernel() -> Callable[..., None]:
    """kernel(h, noise_var, gram, factor, sides, noise, start_var, row_sums, settings, first, last,
    (*Sizes, axes), space).

    h (B, Nr, Nt, 2); noise_var continued to whole groups. Out, group after group: G with a zero
    diagonal, the factor of start L (of no group where it is empty: start zero), and the sides:
    energy, 1 / mu, row sums, variance of start L, noise, scale. In ordinary layout: noise,
    continued to whole groups; (B, n): start_var, and row sums over energy. settings: E.
    """

    def tap_prepare(
        h, noise_var, grams, factors, sides, noises, start_vars, row_sums, settings,
        first, last, numbers, space,
    ):  # fmt: skip
        num, _vectors, rx, tx, axes = numbers
        row, used, prior = row_length(tx), tx * axes, settings[0]
        n, real = padded_real(used), real_row(used)
        parts = prepare_layout(space, rx, tx, axes)
        matrix, complex_gram, r, scaling, power, ratios, _end = parts
        side_floats = sides_layout(sides, tx, axes)[-1]
        for group in range(first, last):
            span = (group * 16, num - 1, rx * tx * 2)
            interleave(h, span, 0, rx, 2 * tx, matrix, row)
            gram(matrix, row, rx, padded(tx), complex_gram, row)
            total = splat(0.0)
            for i in range(tx):
                total = total + load(complex_gram, i * (row + 32))
            heard = total > np.float32(0.0)
            scale = select(heard, np.float32(tx) / select(heard, total, splat(1.0)), splat(1.0))
            noise = load(noise_var, group * 16) * 0.5 * scale
            real_from_complex(complex_gram, row, tx, axes, scale, r, real)
            kept = sides_layout(sides[group * side_floats :], tx, axes)
            energy, inverse_mu, row_sum, start_var, kept_noise, kept_scale, _end = kept
            store(noises, group * 16, noise)
            store(kept_noise, 0, noise)
            store(kept_scale, 0, scale)
            out = grams[group * n * real :]
            _keep_gram(r, real, used, n, energy, row_sum, out)
            if factors.size > 0:
                factor = factors[group * n * real :]
                _start(
                    r, real, used, n, noise, prior, factor, scaling, power, inverse_mu, start_var
                )
                to = (span[0], span[1], used)
                deinterleave(start_var, used * 16, 1, used, start_vars, to, 0)
                for i in range(n):
                    ratio = load(row_sum, i * 16) / load(energy, i * 16)
                    store(ratios, i * 16, ratio)
                deinterleave(ratios, used * 16, 1, used, row_sums, to, 0)

    return compiled(group_signature(9, 1), tap_prepare)


@inlined
def _matched(c, used, n, axes, scale, b):
    """b = scale H_r^T y_r from conj(H^H y)."""
    for i in range(used):
        value = load(c, (i // axes) * 32 + (i % axes) * 16) * scale
        store(b, i * 16, -value if axes == 2 and i % 2 == 1 else value)
    for i in range(used, n):
        store(b, i * 16, splat(0.0))


@inlined
def _set(vectors, n, value):
    for i in range(0, n * 16, 16):
        store(vectors, i, splat(value))


@inlined
def _spread(g, row, n, x, nu, c, pushed, interference, feedback):
    """G x, S nu and S c, four rows at a time, where S_ij = G_ij^2."""
    zero = splat(0.0)
    for p in range(0, n, 4):
        x0, x1, x2, x3 = zero, zero, zero, zero
        n0, n1, n2, n3 = zero, zero, zero, zero
        c0, c1, c2, c3 = zero, zero, zero, zero
        at = p * row
        for k in range(0, n * 16, 16):
            g0, g1 = load(g, at + k), load(g, at + row + k)
            g2, g3 = load(g, at + 2 * row + k), load(g, at + 3 * row + k)
            v = load(x, k)
            x0, x1, x2, x3 = fma(g0, v, x0), fma(g1, v, x1), fma(g2, v, x2), fma(g3, v, x3)
            g0, g1, g2, g3 = g0 * g0, g1 * g1, g2 * g2, g3 * g3
            v = load(nu, k)
            n0, n1, n2, n3 = fma(g0, v, n0), fma(g1, v, n1), fma(g2, v, n2), fma(g3, v, n3)
            v = load(c, k)
            c0, c1, c2, c3 = fma(g0, v, c0), fma(g1, v, c1), fma(g2, v, c2), fma(g3, v, c3)
        _four(pushed, p * 16, x0, x1, x2, x3)
        _four(interference, p * 16, n0, n1, n2, n3)
        _four(feedback, p * 16, c0, c1, c2, c3)


@inlined
def _four(out, at, a, b, c, d):
    store(out, at, a)
    store(out, at + 16, b)
    store(out, at + 32, c)
    store(out, at + 48, d)


@inlined
def _spread_mean(g, row, n, used, x, nu, c, row_sum, energy, pushed, interference, feedback):
    """The scalar form: G x alone; S nu and S c from row sums and means."""
    zero = splat(0.0)
    for p in range(0, n, 4):
        x0, x1, x2, x3 = zero, zero, zero, zero
        at = p * row
        for k in range(0, n * 16, 16):
            v = load(x, k)
            x0, x1 = fma(load(g, at + k), v, x0), fma(load(g, at + row + k), v, x1)
            x2 = fma(load(g, at + 2 * row + k), v, x2)
            x3 = fma(load(g, at + 3 * row + k), v, x3)
        _four(pushed, p * 16, x0, x1, x2, x3)
    mean_nu, mean_c = splat(0.0), splat(0.0)
    for i in range(0, used * 16, 16):
        mean_nu, mean_c = mean_nu + load(nu, i), mean_c + load(c, i)
    mean_nu, mean_c = mean_nu / np.float32(used), mean_c / np.float32(used)
    for i in range(0, n * 16, 16):
        # Row sums come over g_i already.
        total = load(row_sum, i) * load(energy, i)
        store(interference, i, total * mean_nu)
        store(feedback, i, total * mean_c)


@inlined
def _update(used, energy, noise, b, state, sums, scalars, at, levels, space, r, var, last):
    """The rest of a layer. state: x, nu, step, c; sums: G x, S nu, S c."""
    x, nu, step, c = state
    pushed, interference, feedback = sums
    delta, alpha = load(scalars, at), load(scalars, at + 16)
    beta, onsager = load(scalars, at + 32), load(scalars, at + 48)
    for i in range(0, used * 16, 16):
        inverse, old = 1.0 / load(energy, i), load(x, i)
        moved = (load(b, i) - load(pushed, i)) * inverse - old
        moved = fma(onsager * load(feedback, i) * inverse, load(step, i), moved)
        tau = (beta * noise + alpha * load(interference, i) * inverse) * inverse
        store(step, i, moved)
        store(r, i, old + moved)
        store(var, i, tau)
        if not last:
            mean, remaining = axis_posterior(old + moved, tau, levels, space)
            before = load(nu, i)
            store(x, i, fma(delta, mean - old, old))
            store(nu, i, fma(delta, remaining - before, before))
            store(c, i, remaining / tau * inverse)


@functools.cache
def detect_kernel() -> Callable[..., None]:
    """kernel(h, y, gram, factor, sides, scalars, levels, settings, r, var, first, last,
    (*Sizes, axes, num_layers, each, vector_form), space).

    What ``prepare_kernel`` gives; y (B, T, Nr, 2); scalars (B or 1, L, 4), each: whether every
    channel has its own; r, var (B, T, Nt, axes) of the last layer. All flat. settings: E.
    """

    def tap_detect(
        h, y, grams, factors, sides, scalars, levels, settings, r, var,
        first, last, numbers, space,
    ):  # fmt: skip
        num, vectors, rx, tx, axes, num_layers, each, vector_form = numbers
        row, used, prior = row_length(tx), tx * axes, settings[0]
        n, real = padded_real(used), real_row(used)
        parts = detect_layout(space, rx, tx, axes, num_layers)
        (matrix, received, correlated, b), state, sums, value, tau, rows, weights, _end = parts
        x, nu, step, c = state
        pushed, interference, feedback = sums
        side_floats = sides_layout(sides, tx, axes)[-1]
        for group in range(first, last):
            lanes = (group * 16, num - 1)
            interleave(h, (lanes[0], lanes[1], rx * tx * 2), 0, rx, 2 * tx, matrix, row)
            if each == 1:
                size = num_layers * 4
                interleave(scalars, (lanes[0], lanes[1], size), 0, 1, size, rows, size * 16)
            else:
                for i in range(num_layers * 4):
                    store(rows, i * 16, splat(scalars[i]))
            g = grams[group * n * real :]
            kept = sides_layout(sides[group * side_floats :], tx, axes)
            energy, inverse_mu, row_sum, start_var, kept_noise, kept_scale, _end = kept
            noise, scale = load(kept_noise, 0), load(kept_scale, 0)
            for t in range(vectors):
                span = (lanes[0], lanes[1], vectors * rx * 2)
                interleave(y, span, t * rx * 2, 1, rx * 2, received, rx * 32)
                correlate(matrix, row, rx, padded(tx), received, 0, 1, correlated, 0)
                _matched(correlated, used, n, axes, scale, b)
                _set(x, n, np.float32(0.0))
                _set(nu, n, prior)
                _set(step, n, np.float32(0.0))
                _set(c, n, np.float32(0.0))
                if factors.size > 0:
                    real_solve(factors[group * n * real :], real, n, b, pushed, feedback)
                    for i in range(0, used * 16, 16):
                        first_guess = load(feedback, i) * load(inverse_mu, i)
                        mean, remaining = axis_posterior(
                            first_guess, load(start_var, i), levels, weights
                        )
                        store(x, i, mean)
                        store(nu, i, remaining)
                for layer in range(num_layers):
                    if vector_form == 1:
                        _spread(g, real, n, x, nu, c, pushed, interference, feedback)
                    else:
                        _spread_mean(
                            g, real, n, used, x, nu, c, row_sum, energy,
                            pushed, interference, feedback,
                        )  # fmt: skip
                    _update(
                        used, energy, noise, b, state, sums, rows, layer * 64, levels, weights,
                        value, tau, layer + 1 == num_layers,
                    )  # fmt: skip
                out = (lanes[0], lanes[1], vectors * used)
                deinterleave(value, used * 16, 1, used, r, out, t * used)
                deinterleave(tau, used * 16, 1, used, var, out, t * used)

    return compiled(group_signature(10, 4), tap_detect)
