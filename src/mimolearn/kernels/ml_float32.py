"""Exact max-log maximum likelihood in single precision, with the triangle that it enumerates.

All streams but the weakest are enumerated, some of them in the lanes; the last one needs no
enumeration, as its axes are independent given the others: every symbol's metric is a sum of two
axis distances. Kept are the smallest metrics of every symbol of every stream.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mimolearn.kernels.compile import compiled, inlined, source_stamp
from mimolearn.kernels.simd import fma, fnma, lane_min, minimum, select_int, splat, splat_int
from mimolearn.kernels.simd_memory import load, store, store_int
from mimolearn.kernels.triangle_float32 import (
    factor,
    lanes_of,
    order_columns,
    places,
    rotate,
    triangle_memory,
    triangle_space,
)

_INFINITY = np.float32(np.inf)


def lane_streams(num_tx: int, num_points: int) -> int:
    """How many streams are enumerated in the lanes: as many as fill them."""
    count = 0
    while count < num_tx - 1 and num_points**count < 16:
        count += 1
    return count


def workspace(num_tx: int, axes: int, num_levels: int) -> int:
    """Floats of workspace."""
    num_points, real = num_levels**axes, (axes * num_tx + 15) // 16 * 16
    width = (num_points ** lane_streams(num_tx, num_points) + 15) // 16 * 16
    tables = (axes * num_tx + 2) * width + 16 * num_points * num_tx
    return triangle_space(num_tx, axes) + real + tables + 32 * num_levels + 16


class _Enumeration(NamedTuple):
    """Where things lie in the workspace, and sizes.

    residual (n') of the outer streams' choice; table (rows, width): R u of the lane streams;
    lane_best (width), starting from 0 or, for padding, from inf in ``padding``; best (N, M, 16);
    axis (2, L, 16): distances of the sliced stream.
    """

    residual: int
    table: int
    padding: int
    lane_best: int
    best: int
    axis: int
    width: int
    in_lanes: int


@inlined
def _digit_axes(value, stream, num_levels, num_points, axis):
    """Level on one axis of the stream that is digit ``stream`` of a number in base M."""
    digit = value // num_points**stream % num_points
    return digit // num_levels if axis == 1 else digit % num_levels


@inlined
def _fill_table(space, e, columns, real, axes, num_levels, num_points):
    count = num_points**e.in_lanes
    for p in range(e.width):
        space[e.padding + p] = np.float32(0.0) if p < count else _INFINITY
        for row in range(axes * (e.in_lanes + 1)):
            total = np.float32(0.0)
            if p < count:
                for j in range(e.in_lanes):
                    for axis in range(axes):
                        level = _digit_axes(p, j, num_levels, num_points, axis)
                        at = columns + ((j + 1) * axes + axis) * real + row
                        total += space[at] * np.float32(level)
            space[e.table + row * e.width + p] = total


@inlined
def _outer_residual(space, e, columns, z, number, n, real, axes, num_levels, num_points):
    """z less what the outer streams explain; returns their share of the metric."""
    first = axes * (e.in_lanes + 1)
    for c in range(0, real, 16):
        rest = load(space, z + c)
        digits = number
        for column in range(first, n, axes):
            digit = digits % num_points
            digits //= num_points
            low = np.float32(digit % num_levels)
            rest = fnma(load(space, columns + column * real + c), low, rest)
            if axes == 2:
                high = np.float32(digit // num_levels)
                rest = fnma(load(space, columns + (column + 1) * real + c), high, rest)
        store(space, e.residual + c, rest)
    total = np.float32(0.0)
    for row in range(first, n):
        total += space[e.residual + row] * space[e.residual + row]
    return total


@inlined
def _slice(space, e, diagonal, total, p, axes, num_levels):
    """Metrics of 16 vectors with every symbol of the sliced stream; returns the smallest."""
    gap = space[e.residual] - load(space, e.table + p)
    least = splat(_INFINITY)
    for u in range(num_levels):
        rest = gap - diagonal * np.float32(u)
        metric = fma(rest, rest, total)
        store(space, e.axis + u * 16, metric)
        least = minimum(metric, least)
        if axes == 1:
            store(space, e.best + u * 16, minimum(metric, load(space, e.best + u * 16)))
    if axes == 1:
        return least
    gap = space[e.residual + 1] - load(space, e.table + e.width + p)
    least_other = splat(_INFINITY)
    for u in range(num_levels):
        rest = gap - diagonal * np.float32(u)
        other = rest * rest
        least_other = minimum(other, least_other)
        for v in range(num_levels):
            at = e.best + (u * num_levels + v) * 16
            metric = load(space, e.axis + v * 16) + other
            store(space, at, minimum(metric, load(space, at)))
    return least + least_other


@inlined
def _enumerate(space, codes, e, columns, z, n, real, axes, num_levels, num_points):
    """Fill the smallest metrics; returns the number of the best vector, outer streams first."""
    tx, in_lanes = n // axes, e.in_lanes
    for i in range(0, e.width, 16):
        store(space, e.lane_best + i, splat(_INFINITY))
    for i in range(0, tx * num_points * 16, 16):
        store(space, e.best + i, splat(_INFINITY))
    blocks = e.width // 16
    smallest, code = splat(_INFINITY), splat_int(0)
    for number in range(num_points ** (tx - 1 - in_lanes)):
        base = _outer_residual(space, e, columns, z, number, n, real, axes, num_levels, num_points)
        of_outer = splat(_INFINITY)
        for block in range(blocks):
            p = block * 16
            total = load(space, e.padding + p) + base
            for row in range(axes, axes * (in_lanes + 1)):
                gap = space[e.residual + row] - load(space, e.table + row * e.width + p)
                total = fma(gap, gap, total)
            metric = _slice(space, e, space[columns], total, p, axes, num_levels)
            known = load(space, e.lane_best + p)
            store(space, e.lane_best + p, minimum(metric, known))
            of_outer = minimum(metric, of_outer)
            code = select_int(metric < smallest, splat_int(number * blocks + block), code)
            smallest = minimum(metric, smallest)
        digits = number
        for j in range(in_lanes + 1, tx):
            at = e.best + (j * num_points + digits % num_points) * 16
            store(space, at, minimum(of_outer, load(space, at)))
            digits //= num_points
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
def _write(space, e, columns, z, number, n, real, axes, to_index, order, logits, decided, at):
    """Logits and the joint decision of one vector, by streams."""
    num_levels, tx = to_index.size, n // axes
    num_points = num_levels**axes
    for p in range(num_points**e.in_lanes):
        for j in range(e.in_lanes):
            to = e.best + ((j + 1) * num_points + p // num_points**j % num_points) * 16
            space[to] = min(space[to], space[e.lane_best + p])
    for j in range(tx):
        start = (at * tx + order[j]) * num_points
        for q in range(num_points):
            index = to_index[q % num_levels]
            if axes == 2:
                index += to_index[q // num_levels] >> 1
            logits[start + index] = -lane_min(load(space, e.best + (j * num_points + q) * 16))
    for j in range(tx):
        index = np.int64(0)
        for axis in range(axes):
            if j > 0:
                level = _digit_axes(number, j - 1, num_levels, num_points, axis)
            else:
                rest = space[z + axis]
                for column in range(axes, n):
                    digit = column // axes - 1
                    u = _digit_axes(number, digit, num_levels, num_points, column % axes)
                    rest -= space[columns + column * real + axis] * np.float32(u)
                level = np.int64(np.floor(rest / space[columns] + np.float32(0.5)))
                level = min(max(level, 0), num_levels - 1)
            index += to_index[level] >> axis
        decided[at * tx + order[j]] = index


@functools.cache
def kernel(num_levels: int, axes: int) -> Callable[..., None]:
    """kernel(problems, settings, to_index, logits, decided, ok, first, last, ..., space).

    Compiled for the number of levels and axes, which bound its innermost loops.
    problems, settings, ok: as for ``k_best_float32``; to_index (L): what a level adds to the index
    of a symbol, on the real axis. Out, flat: logits (B, T, Nt, M), decided (B, T, Nt).
    Integers: first and last channel, vectors, Nt, streams in the lanes.
    """
    stamp = source_stamp()
    num_points = num_levels**axes

    def ml_float32(
        problems, settings, to_index, logits, decided, ok,
        first, last, vectors, tx, in_lanes, space,
    ):  # fmt: skip
        _ = stamp
        n, real, columns_width = axes * tx, lanes_of(axes * tx), lanes_of(tx)
        place, m = places(tx, vectors, axes), triangle_memory(tx, axes)
        width = lanes_of(num_points**in_lanes)
        space[: m.end] = 0.0
        table = m.end + real
        padding = table + n * width
        lane_best = padding + width
        best = lane_best + width
        axis = best + tx * num_points * 16
        e = _Enumeration(m.end, table, padding, lane_best, best, axis, width, in_lanes)
        order, codes = np.empty(tx, np.int64), np.empty(16, np.uint32)
        for channel in range(first, last):
            own = (channel - first) * place.stride
            ok[channel] = factor(space, m, problems, own, place, tx, axes, order, settings[3])
            if not ok[channel]:
                continue
            order_columns(space, m, tx, axes, order, settings[2])
            _fill_table(space, e, m.columns, real, axes, num_levels, num_points)
            for t in range(vectors):
                shift = t * columns_width
                b_re, b_im = own + place.b_re + shift, own + place.b_im + shift
                energy = rotate(space, m, problems, b_re, b_im, tx, axes, order)
                if not energy <= settings[4]:
                    ok[channel] = False
                    break
                number = _enumerate(
                    space, codes, e, m.columns, m.z, n, real, axes, num_levels, num_points
                )
                _write(
                    space, e, m.columns, m.z, number, n, real, axes, to_index, order,
                    logits, decided, channel * vectors + t,
                )  # fmt: skip

    arrays = "float32[::1], float32[::1], int64[::1], float32[::1], int64[::1], boolean[::1]"
    return compiled(f"void({arrays}, {', '.join(['int64'] * 5)}, float32[::1])", ml_float32)
