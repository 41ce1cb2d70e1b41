"""Posterior mean and variance of PAM symbols, in lanes: the denoiser inside kernels."""

from __future__ import annotations

import numpy as np

from mimolearn.kernels.machine.compile import inlined
from mimolearn.kernels.machine.mathematics import exp_of_negative
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import absolute, fma, maximum, select, splat


@inlined
def axis_posterior(r, error_var, levels, space):
    """Mean and variance of a PAM level given r = level + N(0, error_var), per lane.

    levels: ascending, equally likely. space: one vector for each level.
    """
    if levels.size == 2:
        level = levels[1]
        z = r * level / error_var
        e = exp_of_negative(absolute(z) * -2.0)
        tanh = (1.0 - e) / (1.0 + e)
        mean = level * select(z < np.float32(0.0), -tanh, tanh)
        # 4 a^2 e / (1 + e)^2, not a^2 - mean^2, which cancels at high SNR.
        return mean, (4.0 * level * level) * e / ((1.0 + e) * (1.0 + e))
    precision = -0.5 / error_var
    best = splat(-np.inf)
    for i in range(levels.size):
        distance = r - levels[i]
        metric = distance * distance * precision
        store(space, i * 16, metric)
        best = maximum(best, metric)
    return _moments(levels, best, space)


@inlined
def _moments(levels, best, space):
    """Mean and variance by the metrics in ``space``, of which ``best`` is the largest."""
    total, first = splat(0.0), splat(0.0)
    for i in range(levels.size):
        weight = exp_of_negative(load(space, i * 16) - best)
        store(space, i * 16, weight)
        total = total + weight
        first = fma(weight, splat(levels[i]), first)
    mean = first / total
    second = splat(0.0)
    for i in range(levels.size):
        distance = levels[i] - mean
        second = fma(load(space, i * 16) * distance, distance, second)
    return mean, second / total


@inlined
def informed_posterior(r, error_var, levels, prior, at, space):
    """``axis_posterior`` where level i has the log-probability at ``prior[at + 16 i]``."""
    precision = -0.5 / error_var
    best = splat(-np.inf)
    for i in range(levels.size):
        distance = r - levels[i]
        metric = fma(distance * distance, precision, load(prior, at + i * 16))
        store(space, i * 16, metric)
        best = maximum(best, metric)
    return _moments(levels, best, space)


@inlined
def prior_moments(levels, prior, at, space):
    """Mean and variance of a level by its prior alone."""
    best = splat(-np.inf)
    for i in range(levels.size):
        metric = load(prior, at + i * 16)
        store(space, i * 16, metric)
        best = maximum(best, metric)
    return _moments(levels, best, space)


@inlined
def level_priors(llr, used, axes, levels, labels, out):
    """Log-probabilities of the levels of ``used`` axes, up to a number that all levels share.

    llr: interleaved LLRs, those of a symbol next to each other, its axes taking turns. labels: the
    bits of every level, as floats.
    """
    bits = labels.size // levels.size
    for i in range(used):
        first = (i // axes * bits * axes + i % axes) * 16
        for level in range(levels.size):
            total = splat(0.0)
            for b in range(bits):
                known = load(llr, first + b * axes * 16)
                total = fma(known, splat(labels[level * bits + b]), total)
            store(out, (i * levels.size + level) * 16, total)
