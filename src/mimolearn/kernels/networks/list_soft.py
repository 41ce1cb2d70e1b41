"""Soft bits of a list: masses of its hypotheses, and the network of ``list-net`` on top.

The bits of one vector are in the lanes, 16 at a time, in the order of their LLRs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.machine.compile import compiled, inlined, sizing, uncounted
from mimolearn.kernels.machine.mathematics import exp_of_negative, log_of_normal
from mimolearn.kernels.machine.memory import load, load_first, store, store_first
from mimolearn.kernels.machine.simd import (
    absolute,
    fma,
    fnma,
    maximum,
    minimum,
    select,
    splat,
)
from mimolearn.kernels.networks.list_scales import (
    LEAST_MASS,
    MOST,
    MOST_LLR,
    MOST_SHARE,
    RANGE,
    SHARE_UNIT,
    UNIT,
)

_UNITS = 4  # of the second hidden layer, worked on together

_MOST, _LEAST, _MOST_LLR = np.float32(MOST), np.float32(LEAST_MASS), np.float32(MOST_LLR)
_UNIT, _SLOPE = np.float32(UNIT), np.float32(1 / RANGE)


@sizing
def layout(space, k, bits, hidden):
    """Bits of the list's vectors; gaps and masses; odd inputs, also compressed; hidden units.

    bits: of a vector. hidden: in whole blocks of 4.
    """
    width, length = (bits + 15) // 16 * 16, (k + 15) // 16 * 16
    ones, at = cut(space, 0, k * width)
    gaps, at = cut(space, at, length)
    masses, at = cut(space, at, length)
    odd, at = cut(space, at, 128)
    small, at = cut(space, at, 128)
    plus, at = cut(space, at, hidden * 16)
    minus, at = cut(space, at, hidden * 16)
    return ones, gaps, masses, odd, small, plus, minus, at


@inlined
def _within(x, most):
    return minimum(maximum(x, splat(-most)), splat(most))


@inlined
def _positive(x):
    return maximum(x, splat(np.float32(0.0)))


@inlined
def _log(mass):
    return log_of_normal(maximum(mass, splat(_LEAST)))


@uncounted
def _take_list(metrics, v, k, gaps, masses):
    """Gaps to the best metric, and their masses; returns the best metric, and the largest gap."""
    least = metrics[v * k]
    for i in range(1, k):
        least = min(least, metrics[v * k + i])
    widest = np.float32(0.0)
    for i in range(k):
        gaps[i] = min(metrics[v * k + i] - least, _MOST)
        widest = max(widest, gaps[i])
    for i in range(0, k, 16):
        store(masses, i, exp_of_negative(-load(gaps, i)))
    return least, widest


@uncounted
def _take_bits(levels, v, k, table, tx, axes, width, ones):
    """One row a vector of the list: its bits as numbers, in the order of LLRs."""
    of_axis = table.shape[1]
    at = v * k * tx * axes
    for i in range(k):
        to = i * width
        for _stream in range(tx):
            for a in range(axes):
                level = levels[at]
                at += 1
                for j in range(of_axis):
                    ones[to + j * axes + a] = table[level, j]
            to += of_axis * axes


@inlined
def _of_list(ones, gaps, masses, k, width, c):
    """Masses and least gaps of both values of 16 bits."""
    zero = splat(np.float32(0.0))
    mass_0, mass_1, best_0, best_1 = zero, zero, splat(_MOST), splat(_MOST)
    for i in range(k):
        one, mass, gap = load(ones, i * width + c), splat(masses[i]), splat(gaps[i])
        mass_1 = fma(mass, one, mass_1)
        mass_0 = mass_0 + fnma(mass, one, mass)
        best_1 = minimum(select(one > np.float32(0.0), gap, splat(_MOST)), best_1)
        best_0 = minimum(select(one > np.float32(0.0), splat(_MOST), gap), best_0)
    return mass_0, mass_1, best_0, best_1


@inlined
def _filled(llr, mass_0, mass_1, tail):
    """LLR of the list's masses and the Gaussian mass, which a classical LLR divides."""
    e = exp_of_negative(-absolute(llr))
    larger = splat(np.float32(1.0)) / (e + np.float32(1.0))
    smaller = e * larger
    positive = llr > np.float32(0.0)
    mass_1 = fma(splat(tail), select(positive, larger, smaller), mass_1)
    mass_0 = fma(splat(tail), select(positive, smaller, larger), mass_0)
    return _within(_log(mass_1) - _log(mass_0), _MOST_LLR)


@uncounted
def _network(weights, odd, small, plus, minus, num_odd, hidden, share, spread, missing):
    """f(o, e) - f(-o, e) + w o of 16 bits; odd and small have one vector an input."""
    inputs = num_odd + 3
    biases = hidden * inputs
    second = biases + hidden
    second_biases = second + hidden * hidden
    last = second_biases + hidden
    straight = last + hidden
    for u in range(hidden):
        row = u * inputs
        fixed = weights[biases + u] + weights[row + num_odd] * share
        fixed += weights[row + num_odd + 1] * spread
        even = fma(splat(weights[row + num_odd + 2]), missing, splat(fixed))
        turned = splat(np.float32(0.0))
        for i in range(num_odd):
            turned = fma(splat(weights[row + i]), load(small, 16 * i), turned)
        store(plus, 16 * u, _positive(even + turned))
        store(minus, 16 * u, _positive(even - turned))
    out = splat(np.float32(0.0))
    for i in range(num_odd):
        out = fma(splat(weights[straight + i]), load(odd, 16 * i), out)
    for u in range(0, hidden, _UNITS):
        row = second + u * hidden
        a0, a1 = splat(weights[second_biases + u]), splat(weights[second_biases + u + 1])
        a2, a3 = splat(weights[second_biases + u + 2]), splat(weights[second_biases + u + 3])
        b0, b1, b2, b3 = a0, a1, a2, a3
        for j in range(hidden):
            up, down = load(plus, 16 * j), load(minus, 16 * j)
            w0, w1 = splat(weights[row + j]), splat(weights[row + hidden + j])
            w2, w3 = splat(weights[row + 2 * hidden + j]), splat(weights[row + 3 * hidden + j])
            a0, a1, a2, a3 = fma(w0, up, a0), fma(w1, up, a1), fma(w2, up, a2), fma(w3, up, a3)
            b0, b1, b2, b3 = (
                fma(w0, down, b0), fma(w1, down, b1), fma(w2, down, b2), fma(w3, down, b3),
            )  # fmt: skip
        out = fma(splat(weights[last + u]), _positive(a0) - _positive(b0), out)
        out = fma(splat(weights[last + u + 1]), _positive(a1) - _positive(b1), out)
        out = fma(splat(weights[last + u + 2]), _positive(a2) - _positive(b2), out)
        out = fma(splat(weights[last + u + 3]), _positive(a3) - _positive(b3), out)
    return out


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(metrics, levels, evidence, linear, ep, llr, table, weights, first, last,
    (k, Nt, axes, hidden, with ep, complete), space).

    Vectors first ... last - 1 of flat arrays: metrics (N, k), levels (N, k, Nt, axes) and evidence
    (N) of their lists; LLRs (N, Nt, K) of two classical detectors, of which the second counts where
    ``with ep`` is 1. Out: llr (N, Nt, K). table (L, Ka): bits of the levels. weights: as
    ``calls.pack_list_net`` packs them. complete: whether the lists hold all vectors; their own LLRs
    are then the answer.
    """

    def list_soft(
        metrics, levels, evidence, linear, ep, llr, table, weights, first, last, numbers, space
    ):
        k, tx, axes, hidden, with_ep, complete = numbers
        bits = tx * axes * table.shape[1]
        width = (bits + 15) // 16 * 16
        ones, gaps, masses, odd, small, plus, minus, _end = layout(space, k, bits, hidden)
        num_odd = 8 if with_ep else 6
        ones[:] = 0.0
        gaps[:] = 0.0
        for v in range(first, last):
            least, widest = _take_list(metrics, v, k, gaps, masses)
            _take_bits(levels, v, k, table, tx, axes, width, ones)
            total = np.float32(0.0)
            for i in range(k):
                total += masses[i]
            log_tail = min(max(evidence[v] + least, -_MOST), _MOST)
            tail = np.float32(math.exp(log_tail))
            share = (log_tail - np.float32(math.log(total))) / np.float32(SHARE_UNIT)
            share = min(max(share, np.float32(-MOST_SHARE)), np.float32(MOST_SHARE))
            spread = widest / (_UNIT + widest * _SLOPE)
            for c in range(0, bits, 16):
                count = min(16, bits - c)
                mass_0, mass_1, best_0, best_1 = _of_list(ones, gaps, masses, k, width, c)
                one, zero = splat(np.float32(1.0)), splat(np.float32(0.0))
                # Masses are at least e^-60 where the list has the value at all.
                lacks_0, lacks_1 = mass_0 < _LEAST, mass_1 < _LEAST
                missing = select(lacks_0 | lacks_1, one, zero)
                known = one - missing
                sign = select(lacks_1, -one, select(lacks_0, one, zero))
                of_list = _log(mass_1) - _log(mass_0)
                if complete:
                    store_first(llr, v * bits + c, _within(of_list, _MOST), count)
                    continue
                store(odd, 0, known * _within(of_list, _MOST_LLR))
                store(odd, 16, known * _within(best_0 - best_1, _MOST_LLR))
                store(odd, 32, sign)
                store(odd, 48, sign * widest)
                one_llr = _within(load_first(linear, v * bits + c, count), _MOST_LLR)
                store(odd, 64, one_llr)
                store(odd, 80, _filled(one_llr, mass_0, mass_1, tail))
                if with_ep:
                    one_llr = _within(load_first(ep, v * bits + c, count), _MOST_LLR)
                    store(odd, 96, one_llr)
                    store(odd, 112, _filled(one_llr, mass_0, mass_1, tail))
                for i in range(num_odd):
                    x = load(odd, 16 * i)
                    store(small, 16 * i, x / fma(absolute(x), splat(_SLOPE), splat(_UNIT)))
                out = _network(
                    weights, odd, small, plus, minus, num_odd, hidden, share, spread, missing
                )
                store_first(llr, v * bits + c, _within(out, _MOST_LLR), count)

    floats = "float32[::1]"
    arrays = f"{floats}, int8[::1], {floats}, {floats}, {floats}, {floats}"
    tables = f"float32[:, ::1], {floats}"
    numbers = "int64, int64, UniTuple(int64, 6)"
    return compiled(f"void({arrays}, {tables}, {numbers}, {floats})", list_soft)
