"""Expectation propagation in real form on 16 interleaved channels, one vector of each at a time.

The equations are those of ``detectors.ep``. The Gram matrix of a channel is computed once; every
iteration of every vector takes a Cholesky factor and its triangular inverse.
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
from mimolearn.kernels.dense.posterior import (
    axis_posterior,
    informed_posterior,
    level_priors,
    prior_moments,
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
from mimolearn.kernels.machine.simd import all_finite, maximum, select, splat

_MOST_LEVELS = 16


@sizing
def layout(space, rx, tx, axes, levels):
    """Complex channel, Gram matrix, received vector and H^H y; then real matrices and vectors.

    levels: of an axis whose bits have priors, 0 where none have; a symbol has fewer bits than
    levels on its axes.

    Real: the system, its factor, the inverse; the matched filter's output, the prior's two
    vectors, scalings, diag(A^-1), half a solution, means and variances; weights of the levels.
    """
    n, real = padded_real(tx * axes), real_row(tx * axes)
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    complex_gram, at = cut(space, at, square_floats(tx))
    received, at = cut(space, at, rx * 32 + SLACK)
    c, at = cut(space, at, padded(tx) * 32)
    system, at = cut(space, at, n * real)
    r, at = cut(space, at, n * real)
    u, at = cut(space, at, n * real)
    b, at = cut(space, at, n * 16)
    lam, at = cut(space, at, n * 16)
    gam, at = cut(space, at, n * 16)
    scale, at = cut(space, at, n * 16)
    power, at = cut(space, at, n * 16)
    middle, at = cut(space, at, n * 16)
    mean, at = cut(space, at, n * 16 + SLACK)
    var, at = cut(space, at, n * 16 + SLACK)
    weights, at = cut(space, at, _MOST_LEVELS * 16)
    prior_llr, at = cut(space, at, tx * axes * levels * 16 + SLACK)
    prior, at = cut(space, at, tx * axes * levels * 16)
    channel, matrices = (matrix, complex_gram, received, c), (system, r, u)
    vectors = b, lam, gam, scale, power, middle, mean, var, weights, prior_llr, prior
    return channel, matrices, vectors, at


@inlined
def _load_system(system, lam, row, n, out):
    """out = system + diag(lam), the lower half."""
    for p in range(n):
        for q in range(p):
            store(out, p * row + q * 16, load(system, p * row + q * 16))
        store(out, p * row + p * 16, load(system, p * row + p * 16) + load(lam, p * 16))


@inlined
def _cavity(power, estimate, lam, gam, n, mean, var):
    """Take the stand-in prior out of the marginals."""
    for i in range(0, n * 16, 16):
        precision = 1.0 / load(power, i)
        rest = maximum(precision * EPSILON, precision - load(lam, i))
        cavity_var = 1.0 / rest
        store(var, i, cavity_var)
        store(mean, i, cavity_var * (load(estimate, i) * precision - load(gam, i)))


@inlined
def _refine(mean, var, n, levels, least, damping, lam, gam, space, prior):
    """Match the moments of cavity times PAM prior, then damp."""
    for i in range(0, n * 16, 16):
        r, v = load(mean, i), load(var, i)
        if prior.size > 0:
            at = i * levels.size
            posterior_mean, posterior_var = informed_posterior(r, v, levels, prior, at, space)
        else:
            posterior_mean, posterior_var = axis_posterior(r, v, levels, space)
        posterior_var = maximum(v * least, posterior_var)
        old_lam, old_gam = load(lam, i), load(gam, i)
        new_lam = 1.0 / posterior_var - 1.0 / v
        new_gam = posterior_mean / posterior_var - r / v
        valid = new_lam >= np.float32(0.0)
        new_lam, new_gam = select(valid, new_lam, old_lam), select(valid, new_gam, old_gam)
        store(lam, i, new_lam + (old_lam - new_lam) * damping)
        store(gam, i, new_gam + (old_gam - new_gam) * damping)


@inlined
def _set_prior(lam, gam, used, n, prior):
    for i in range(n):
        # The system has ones on the padded diagonal already.
        store(lam, i * 16, splat(prior if i < used else np.float32(0.0)))
        store(gam, i * 16, splat(0.0))


@inlined
def _set_known(lam, gam, used, n, levels, least, prior, space):
    """The stand-ins have the moments of the priors."""
    for i in range(used):
        mean, var = prior_moments(levels, prior, i * levels.size * 16, space)
        precision = 1.0 / maximum(splat(least), var)
        store(lam, i * 16, precision)
        store(gam, i * 16, mean * precision)
    for i in range(used, n):
        store(lam, i * 16, splat(0.0))
        store(gam, i * 16, splat(0.0))


@inlined
def _matched(c, used, n, axes, scale, b):
    """b = scale H_r^T y_r from conj(H^H y)."""
    for i in range(used):
        value = load(c, (i // axes) * 32 + (i % axes) * 16) * scale
        store(b, i * 16, -value if axes == 2 and i % 2 == 1 else value)
    for i in range(used, n):
        store(b, i * 16, splat(0.0))


@inlined
def _add(a, b, n, out):
    for i in range(0, n * 16, 16):
        store(out, i, load(a, i) + load(b, i))


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, mean, var, levels, settings, known, labels, first, last,
    (*Sizes, axes, iterations), space).

    h (B, Nr, Nt, 2), y (B, T, Nr, 2); mean and var (B, T, Nt, axes) of the last cavities, all
    flat; noise_var continued to whole groups. settings: prior precision, damping, least variance
    as a share of the cavity's, least variance of a prior. known: LLRs (B, T, Nt, K) of the bits
    beforehand, flat, or empty; labels: the bits of every level, as floats. Returns whether all
    outputs are finite.
    """

    def expectation_propagation(
        h, y, noise_var, mean, var, levels, settings, known, labels, first, last, numbers, space
    ):
        num, vectors, rx, tx, axes, iterations = numbers
        row, used = row_length(tx), tx * axes
        n, real = padded_real(used), real_row(used)
        damping, least = settings[1], settings[2]
        informed, bits = known.size > 0, labels.size // levels.size * axes
        depth = levels.size if informed else 0
        channel, (system, r, u), of_vector, _end = layout(space, rx, tx, axes, depth)
        matrix, complex_gram, received, c = channel
        b, lam, gam, scale, power, middle, cavity_mean, cavity_var, weights = of_vector[:9]
        prior_llr, prior = of_vector[9], of_vector[10]
        finite = True
        for group in range(first, last):
            lanes = (group * 16, num - 1)
            precision = 2.0 / load(noise_var, group * 16)
            interleave(h, (lanes[0], lanes[1], rx * tx * 2), 0, rx, 2 * tx, matrix, row)
            gram(matrix, row, rx, padded(tx), complex_gram, row)
            real_from_complex(complex_gram, row, tx, axes, precision, system, real)
            for t in range(vectors):
                place = (lanes[0], lanes[1], vectors * rx * 2)
                interleave(y, place, t * rx * 2, 1, rx * 2, received, rx * 32)
                correlate(matrix, row, rx, padded(tx), received, 0, 1, c, 0)
                _matched(c, used, n, axes, precision, b)
                if informed:
                    place = (lanes[0], lanes[1], vectors * tx * bits)
                    width = tx * bits
                    interleave(known, place, t * width, 1, width, prior_llr, width * 16)
                    level_priors(prior_llr, used, axes, levels, labels, prior)
                    _set_known(lam, gam, used, n, levels, settings[3], prior, weights)
                else:
                    _set_prior(lam, gam, used, n, settings[0])
                for i in range(iterations):
                    if i > 0:
                        _refine(
                            cavity_mean, cavity_var, used, levels, least, damping,
                            lam, gam, weights, prior,
                        )  # fmt: skip
                    _load_system(system, lam, real, n, r)
                    real_cholesky(r, real, n, scale)
                    real_inverse(r, real, n, scale, u, power)
                    _add(b, gam, n, cavity_var)
                    real_solve(u, real, n, cavity_var, middle, cavity_mean)
                    _cavity(power, cavity_mean, lam, gam, used, cavity_mean, cavity_var)
                out = (lanes[0], lanes[1], vectors * used)
                deinterleave(cavity_mean, used * 16, 1, used, mean, out, t * used)
                deinterleave(cavity_var, used * 16, 1, used, var, out, t * used)
                checksum = splat(0.0)
                for i in range(0, used * 16, 16):
                    checksum = checksum + (load(cavity_mean, i) + load(cavity_var, i)) * 0.0
                finite &= all_finite(checksum)
        return finite

    return compiled(group_signature(9, 2, gives="boolean"), expectation_propagation)
