"""LLRs of Gaussian estimates, axis by axis: the compiled form of ``Constellation.llr``."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.addresses import floats_at, scratch
from mimolearn.kernels.machine.compile import compiled, inlined
from mimolearn.kernels.machine.mathematics import exp, log_of_normal
from mimolearn.kernels.machine.memory import (
    load,
    load_first,
    store,
    store_first,
    unzip_pairs,
    zip_lanes,
    zip_pairs,
)
from mimolearn.kernels.machine.simd import absolute, maximum, minimum, splat

_CHUNK = 512  # axis values that are worked on at a time
# Those of ``Constellation.within_range``: beyond, metrics are infinite and LLRs no numbers.
MOST_VALUE, MOST_PRECISION = np.float32(1e4), np.float32(1e30)


@inlined
def _largest(metrics, order, first, half):
    """The largest metric of the levels order[first : first + half]."""
    best = load(metrics, order[first] * 16)
    for i in range(first + 1, first + half):
        best = maximum(load(metrics, order[i] * 16), best)
    return best


@inlined
def _sum_below(metrics, order, first, half, best):
    """sum exp(metric - best) over those levels, 1 ... half."""
    total = splat(0.0)
    for i in range(first, first + half):
        total = total + exp(load(metrics, order[i] * 16) - best)
    return total


@inlined
def bit_llr(metrics, order, first, half, exact):
    """order: from first on, the levels that have a 0 in the bit, then those that have a 1."""
    best_0 = _largest(metrics, order, first, half)
    best_1 = _largest(metrics, order, first + half, half)
    llr = best_1 - best_0
    if exact:
        sum_0 = _sum_below(metrics, order, first, half, best_0)
        sum_1 = _sum_below(metrics, order, first + half, half, best_1)
        llr = llr + log_of_normal(sum_1 / sum_0)
    return llr


@inlined
def _log_sum_below(a, b):
    """ln(exp(a) + exp(b)) - max(a, b)."""
    return log_of_normal(exp(-absolute(a - b)) + 1.0)


@inlined
def _four_levels(value, precision, inner, outer, exact, known):
    """Both bits of a Gray-labelled axis -outer, -inner, inner, outer (TS 38.211, 5.1.4).

    The first bit is 0 on the upper levels, the second on the inner ones. known: their priors.
    """
    near, far = value * precision * (2.0 * inner), value * precision * (2.0 * outer)
    a, b = precision * (inner * inner), precision * (outer * outer)
    m0, m1, m2, m3 = -far - b, -near - a, near - a, far - b
    m0, m1, m3 = m0 + (known[0] + known[1]), m1 + known[0], m3 + known[1]
    sign = maximum(m0, m1) - maximum(m2, m3)
    place = maximum(m0, m3) - maximum(m1, m2)
    if exact:
        sign = sign + (_log_sum_below(m0, m1) - _log_sum_below(m2, m3))
        place = place + (_log_sum_below(m0, m3) - _log_sum_below(m1, m2))
    return sign, place


@inlined
def _store_zipped(out, at, a, b, lanes):
    low, high = zip_pairs(a, b)
    store_first(out, at, low, min(16, 2 * lanes))
    if lanes > 8:
        store_first(out, at + 16, high, 2 * lanes - 16)


@inlined
def _load_zipped(source, at, lanes):
    """The inverse of ``_store_zipped``."""
    high = splat(0.0)
    if lanes > 8:
        high = load_first(source, at + 16, 2 * lanes - 16)
    return unzip_pairs(load_first(source, at, min(16, 2 * lanes)), high)


@inlined
def _spread(error_var, start, symbols, axes, out, at):
    """The precision of every axis of one vector, next to each other."""
    for i in range(symbols):
        precision = np.float32(1.0) / error_var[start + i]
        for a in range(axes):
            out[at + i * axes + a] = precision


@inlined
def _spread_pairs(error_var, start, symbols, out):
    """As ``_spread`` where every symbol has a variance of its own and two axes."""
    for i in range(0, symbols, 16):
        lanes = min(16, symbols - i)
        precision = splat(1.0) / load_first(error_var, start + i, lanes)
        low, high = zip_lanes(precision, precision)
        store_first(out, 2 * i, low, min(16, 2 * lanes))
        if lanes > 8:
            store_first(out, 2 * i + 16, high, 2 * lanes - 16)


@inlined
def _gather_bits(source, row, symbols, num_bits, llr, start):
    """One row of LLRs a bit to the bits of each symbol, the two axes taking turns."""
    for b in range(num_bits):
        to, at = start + 2 * b, b * row
        for _ in range(symbols):
            llr[to] = source[at]
            llr[to + 1] = source[at + 1]
            to += 2 * num_bits
            at += 2


@inlined
def _scatter_bits(llr, start, symbols, num_bits, out, row):
    """The bits of each symbol to one row a bit of an axis: the inverse of ``_gather_bits``."""
    for b in range(num_bits):
        to, at = b * row, start + 2 * b
        for _ in range(symbols):
            out[to] = llr[at]
            out[to + 1] = llr[at + 1]
            to += 2
            at += 2 * num_bits


@inlined
def _of_level(priors, at, row, labels, level, num_bits):
    """The log-probability of a level, up to a number that all levels share."""
    total = load(priors, at) * labels[level * num_bits]
    for b in range(1, num_bits):
        total = total + load(priors, b * row + at) * labels[level * num_bits + b]
    return total


@functools.cache
def llr_kernel() -> Callable[..., None]:
    """kernel(x, error_var, known, llr, levels, order, labels, vectors, share, n, axes, own,
    informed, exact).

    Addresses of contiguous tensors (see ``addresses``): x (vectors, n, axes) real axes, error_var
    (vectors / share, n), llr (vectors, n, K); ``share`` successive vectors have one error_var.
    own: error_var is that of each axis, (vectors, n, axes), not the total of a symbol; share is 1.
    informed: bits have the priors known, (vectors, n, K), which the LLRs then contain.
    order: (Ka L), for each bit of the axis the levels that have a 0, then those that have a 1.
    labels: (L Ka) bits of the levels, as floats.
    """

    def demap(
        x,
        error_var,
        known,
        llr,
        levels,
        order,
        labels,
        vectors,
        share,
        n,
        axes,
        own,
        informed,
        exact,
    ):
        width, num_bits = n * axes, order.size // levels.size
        half = levels.size // 2
        together = min(max(1, _CHUNK // width), vectors)
        row = (together * width + 15) // 16 * 16
        x = floats_at(x, vectors * width)
        error_var = floats_at(error_var, vectors // share * (width if own else n))
        llr = floats_at(llr, vectors * n * num_bits * axes)
        known = floats_at(known, vectors * n * num_bits * axes if informed else 0)
        space = scratch((1 + 2 * num_bits) * row + 16 * levels.size)
        precisions, out = space[:row], space[row : row + num_bits * row]
        priors = space[row + num_bits * row : row + 2 * num_bits * row]
        metrics = space[row + 2 * num_bits * row :]
        for v in range(0, vectors, together):
            count = min(together, vectors - v)
            if share == 1 and axes == 2 and not own:
                _spread_pairs(error_var, v * n, count * n, precisions)
            elif not own:
                for j in range(count):
                    start = (v + j) // share * n
                    _spread(error_var, start, n, axes, precisions, j * width)
            first, size = v * width, count * width
            if informed and levels.size > 4:
                start = first * num_bits
                _scatter_bits(known, start, count * n, num_bits, priors, row)
            for at in range(0, size, 16):
                lanes = min(16, size - at)
                # In this order NaN stays NaN.
                value = minimum(splat(MOST_VALUE), load_first(x, first + at, lanes))
                value = maximum(splat(-MOST_VALUE), value)
                if own:
                    # Total over two axes is twice that of one.
                    precision = 0.5 / load_first(error_var, first + at, lanes)
                else:
                    precision = load(precisions, at)
                precision = minimum(splat(MOST_PRECISION), precision)
                if levels.size == 2:
                    # Closed form of both methods; the upper level stands for a 0.
                    llr_value = value * (precision * (-4.0 * levels[1]))
                    if informed:
                        llr_value = llr_value + load_first(known, first + at, lanes)
                    store_first(llr, first + at, llr_value, lanes)
                elif levels.size == 4:
                    both = (splat(0.0), splat(0.0))
                    if informed:
                        both = _load_zipped(known, 2 * (first + at), lanes)
                    sign, place = _four_levels(value, precision, levels[2], levels[3], exact, both)
                    _store_zipped(llr, 2 * (first + at), sign, place, lanes)
                else:
                    # -(x - a)^2 without x^2, which no LLR depends on.
                    for i in range(levels.size):
                        a = levels[i]
                        metric = (2.0 * a * value - a * a) * precision
                        if informed:
                            metric = metric + _of_level(priors, at, row, labels, i, num_bits)
                        store(metrics, i * 16, metric)
                    for b in range(num_bits):
                        llr_value = bit_llr(metrics, order, b * levels.size, half, exact)
                        store(out, b * row + at, llr_value)
            if levels.size > 4:
                _gather_bits(out, row, count * n, num_bits, llr, first * num_bits)

    numbers = ", ".join(["int64"] * 4)
    tables = "float32[::1], int64[::1], float32[::1]"
    flags = ", ".join(["boolean"] * 3)
    arguments = f"{numbers}, {tables}, {numbers}, {flags}"
    return compiled(f"void({arguments})", demap)
