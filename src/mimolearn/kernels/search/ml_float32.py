"""Maximum likelihood in single precision, exact or max-log, with the triangle that it enumerates.

All streams but the weakest are enumerated, some of them in the lanes; the last one needs no
enumeration, as its axes are independent given the others: sums over its symbols are products of
sums over two axes. Kept is ln sum exp(-metric) for every level of every axis, as a reference and
a sum relative to it, so that nothing underflows; max-log keeps the reference alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, inlined
from mimolearn.kernels.machine.mathematics import exp_of_negative, log_of_normal
from mimolearn.kernels.machine.memory import (
    load,
    load_lines,
    store,
    store_int,
    store_lines,
    transpose,
)
from mimolearn.kernels.machine.simd import (
    absolute,
    fma,
    lane_numbers,
    maximum,
    minimum,
    select,
    select_int,
    splat,
    splat_int,
)
from mimolearn.kernels.search.ml_enumeration import (
    digit_axes,
    enumeration,
    fill_table,
    outer_residual,
)
from mimolearn.kernels.triangles.triangle_float32 import (
    factor,
    lanes_of,
    order_columns,
    places,
    rotate,
    triangle_memory,
)

_INFINITY = np.float32(np.inf)
# Of an empty sum: finite, so that no difference of two is NaN.
_EMPTY = np.float32(-2e30)


@inlined
def _clear(space, at, stride, count):
    for i in range(0, count, 16):
        store(space, at + i, splat(_EMPTY))
        store(space, at + stride + i, splat(0.0))


@inlined
def _add(space, at, stride, x, weight, exact):
    """Add weight exp(x) to the sum whose logarithm's reference is at ``at``."""
    reference = load(space, at)
    if exact:
        total, gap = load(space, at + stride), x - reference
        e = exp_of_negative(-absolute(gap))
        above = gap > np.float32(0.0)
        store(space, at + stride, select(above, fma(total, e, weight), fma(weight, e, total)))
    store(space, at, maximum(x, reference))


@inlined
def _slice_axis(space, at, gap, diagonal, num_levels, exact):
    """Distances on one axis of the sliced stream; their least, and the sum relative to it."""
    least = splat(_INFINITY)
    for u in range(num_levels):
        rest = gap - diagonal * np.float32(u)
        distance = rest * rest
        store(space, at + u * 16, distance)
        least = minimum(distance, least)
    total = splat(1.0)
    if exact:
        total = splat(0.0)
        for u in range(num_levels):
            total = total + exp_of_negative(least - load(space, at + u * 16))
    return least, total


@inlined
def _slice(space, e, diagonal, total, p, axes, num_levels, exact):
    """Add 16 hypotheses of the other streams to all sums; returns their smallest metrics."""
    gap = space[e.residual] - load(space, e.table + p)
    least, weight = _slice_axis(space, e.axis, gap, diagonal, num_levels, exact)
    other, other_weight, beside = splat(0.0), splat(1.0), e.num_sums * 16
    if axes == 2:
        gap, at = space[e.residual + 1] - load(space, e.table + e.width + p), e.axis + 256
        other, other_weight = _slice_axis(space, at, gap, diagonal, num_levels, exact)
        for u in range(num_levels):
            x = -(total + least + load(space, at + u * 16))
            _add(space, e.levels + (num_levels + u) * 16, beside, x, weight, exact)
    for u in range(num_levels):
        x = -(total + other + load(space, e.axis + u * 16))
        _add(space, e.levels + u * 16, beside, x, other_weight, exact)
    least, weight = total + least + other, weight * other_weight
    _add(space, e.lane_sums + p, e.width, -least, weight, exact)
    _add(space, e.outer, 16, -least, weight, exact)
    return least


@inlined
def _enumerate(space, codes, e, columns, z, n, real, axes, num_levels, num_points, exact):
    """Fill all sums; returns the number of the best vector, outer streams first."""
    tx, in_lanes, beside = n // axes, e.in_lanes, e.num_sums * 16
    _clear(space, e.lane_sums, e.width, e.width)
    _clear(space, e.levels, beside, beside)
    blocks = e.width // 16
    smallest, code = splat(_INFINITY), splat_int(0)
    for number in range(num_points ** (tx - 1 - in_lanes)):
        base = outer_residual(space, e, columns, z, number, n, real, axes, num_levels, num_points)
        _clear(space, e.outer, 16, 16)
        for block in range(blocks):
            p = block * 16
            total = load(space, e.padding + p) + base
            for row in range(axes, axes * (in_lanes + 1)):
                gap = space[e.residual + row] - load(space, e.table + row * e.width + p)
                total = fma(gap, gap, total)
            metric = _slice(space, e, space[columns], total, p, axes, num_levels, exact)
            code = select_int(metric < smallest, splat_int(number * blocks + block), code)
            smallest = minimum(metric, smallest)
        x, weight = load(space, e.outer), load(space, e.outer + 16)
        for j in range(in_lanes + 1, tx):
            for axis in range(axes):
                digit = j - in_lanes - 1
                u = digit_axes(number, digit, num_levels, num_points, axis)
                at = e.levels + ((j * axes + axis) * num_levels + u) * 16
                _add(space, at, beside, x, weight, exact)
    store(space, e.axis, smallest)
    store_int(codes, 0, code)
    lane = 0
    for i in range(16):
        if space[e.axis + i] < space[e.axis + lane]:
            lane = i
    found = np.int64(codes[lane])
    # Its two parts as one number in base M, the lane streams' digits first.
    inner = found % blocks * 16 + lane
    return found // blocks * num_points**in_lanes + inner


@inlined
def _add_levels(space, e, digit, x, weight, p, first, last, level_bits, exact):
    """The lanes' share in levels first ... last - 1 of an enumerated axis."""
    level = ((lane_numbers() + p) >> (digit * level_bits)) & ((1 << level_bits) - 1)
    for u in range(first, last):
        of_level = level == u
        own = select(of_level, x, splat(_EMPTY))
        share = select(of_level, weight, splat(0.0))
        at = e.levels + (((e.axes + digit) << level_bits) + u) * 16
        _add(space, at, e.num_sums * 16, own, share, exact)


@inlined
def _add_lane_streams(space, e, level_bits, exact):
    """What each lane means, to the levels of the streams that are enumerated in the lanes."""
    num_levels = 1 << level_bits
    # Axes that repeat within every 16 lanes need the sum over the blocks alone.
    _clear(space, e.outer, 16, 16)
    for p in range(0, e.width, 16):
        x, weight = load(space, e.lane_sums + p), load(space, e.lane_sums + e.width + p)
        _add(space, e.outer, 16, x, weight, exact)
    for digit in range(e.in_lanes * e.axes):
        shift = digit * level_bits
        if shift + level_bits <= 4:
            x, weight = load(space, e.outer), load(space, e.outer + 16)
            _add_levels(space, e, digit, x, weight, 0, 0, num_levels, level_bits, exact)
            continue
        for p in range(0, e.width, 16):
            x, weight = load(space, e.lane_sums + p), load(space, e.lane_sums + e.width + p)
            first = (p >> shift) & (num_levels - 1)
            last = min(first + max(16 >> shift, 1), num_levels)
            _add_levels(space, e, digit, x, weight, p, first, last, level_bits, exact)


@inlined
def _reduce(space, e, exact):
    """Sums over the lanes, 16 levels at a time."""
    for first in range(0, e.num_sums, 16):
        at = e.levels + first * 16
        store_lines(space, at, transpose(load_lines(space, at)))
        best = splat(_EMPTY)
        for i in range(0, 256, 16):
            best = maximum(load(space, at + i), best)
        if exact:
            beside = at + e.num_sums * 16
            store_lines(space, beside, transpose(load_lines(space, beside)))
            total = splat(0.0)
            for i in range(0, 256, 16):
                total = fma(
                    load(space, beside + i), exp_of_negative(load(space, at + i) - best), total
                )
            best = best + log_of_normal(select(total > np.float32(0.0), total, splat(1.0)))
        store(space, e.logits + first, best)


@inlined
def _side(space, e, real, c, bits, b, side, exact):
    """ln sum exp of the levels that have ``side`` in bit b, for 16 axes."""
    best, total = splat(_EMPTY), splat(0.0)
    for u in range(bits.shape[0]):
        if bits[u, b] == side:
            best = maximum(load(space, e.gathered + u * real + c), best)
    if not exact:
        return best
    for u in range(bits.shape[0]):
        if bits[u, b] == side:
            total = total + exp_of_negative(load(space, e.gathered + u * real + c) - best)
    return best + log_of_normal(total)


@inlined
def _write(space, e, n, real, axes, bits, order, logits, llr, at, exact):
    """Logits and LLRs of one vector, by streams."""
    num_levels, num_bits = bits.shape
    tx, result = n // axes, e.gathered + num_levels * real
    for i in range(n):
        to = ((at * tx + order[i // axes]) * axes + i % axes) * num_levels
        for u in range(num_levels):
            value = space[e.logits + i * num_levels + u]
            logits[to + u] = value
            space[e.gathered + u * real + i] = value
    for b in range(num_bits):
        for c in range(0, real, 16):
            one = _side(space, e, real, c, bits, b, 1, exact)
            store(space, result + c, one - _side(space, e, real, c, bits, b, 0, exact))
        for i in range(n):
            to = (at * tx + order[i // axes]) * num_bits * axes
            llr[to + b * axes + i % axes] = space[result + i]


@inlined
def _decide(space, columns, z, number, n, real, axes, num_points, to_index, order, decided, at):
    """The joint decision of one vector, by streams."""
    num_levels, tx = to_index.size, n // axes
    for j in range(tx):
        index = np.int64(0)
        for axis in range(axes):
            if j > 0:
                level = digit_axes(number, j - 1, num_levels, num_points, axis)
            else:
                rest = space[z + axis]
                for column in range(axes, n):
                    digit = column // axes - 1
                    u = digit_axes(number, digit, num_levels, num_points, column % axes)
                    rest -= space[columns + column * real + axis] * np.float32(u)
                level = np.int64(np.floor(rest / space[columns] + np.float32(0.5)))
                level = min(max(level, 0), num_levels - 1)
            index += to_index[level] >> axis
        decided[at * tx + order[j]] = index


@functools.cache
def kernel(num_levels: int, axes: int, exact: bool) -> Callable[..., None]:
    """kernel(problems, settings, bits, to_index, logits, llr, decided, ok, first, last,
    (vectors, Nt, streams in the lanes), space).

    Compiled for the number of levels and axes, which bound its innermost loops, and for exact
    sums or max-log. problems, settings, bits, ok: as for ``k_best_float32``; to_index (L): what a
    level adds to the index of a symbol, on the real axis. Out, flat: logits (B, T, Nt, axes, L),
    llr (B, T, Nt, K), decided (B, T, Nt).
    """
    num_points = num_levels**axes
    level_bits = num_levels.bit_length() - 1

    def ml_float32(
        problems, settings, bits, to_index, logits, llr, decided, ok,
        first, last, numbers, space,
    ):  # fmt: skip
        vectors, tx, in_lanes = numbers
        n, real, columns_width = axes * tx, lanes_of(axes * tx), lanes_of(tx)
        place, m = places(tx, vectors, axes), triangle_memory(tx, axes)
        space[:] = 0.0
        e = enumeration(tx, num_levels, axes, in_lanes)
        order, codes = np.empty(tx, np.int64), np.empty(16, np.uint32)
        for channel in range(first, last):
            own = (channel - first) * place.stride
            ok[channel] = factor(space, m, problems, own, place, tx, axes, order, settings[3])
            if not ok[channel]:
                continue
            order_columns(space, m, tx, axes, order, settings[2])
            fill_table(space, e, m.columns, real, axes, num_levels, num_points)
            for t in range(vectors):
                shift = t * columns_width
                b_re, b_im = own + place.b_re + shift, own + place.b_im + shift
                energy = rotate(space, m, problems, b_re, b_im, tx, axes, order)
                if not energy <= settings[4]:
                    ok[channel] = False
                    break
                number = _enumerate(
                    space, codes, e, m.columns, m.z, n, real, axes, num_levels, num_points, exact
                )
                _add_lane_streams(space, e, level_bits, exact)
                _reduce(space, e, exact)
                at = channel * vectors + t
                _write(space, e, n, real, axes, bits, order, logits, llr, at, exact)
                _decide(
                    space, m.columns, m.z, number, n, real, axes, num_points, to_index, order,
                    decided, at,
                )  # fmt: skip

    arrays = "float32[::1], float32[::1], int8[:, ::1], int64[::1], float32[::1], float32[::1]"
    numbers = "int64, int64, UniTuple(int64, 3)"
    return compiled(
        f"void({arrays}, int64[::1], boolean[::1], {numbers}, float32[::1])", ml_float32
    )
