"""K-best search with max-log LLRs in single precision, fused with the triangle it searches.

The search of ``k_best``: survivors in the lanes where children are made and chosen, rows of the
residual in the lanes where survivors are brought up to date.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mimolearn.kernels.compile import compiled, inlined, source_stamp
from mimolearn.kernels.simd import (
    as_int_bits,
    count_lanes,
    fma,
    fnma,
    lane_min,
    lane_min_int,
    minimum,
    select,
    select_int,
    splat,
    splat_int,
)
from mimolearn.kernels.simd_memory import load, load_int, store
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


def workspace(num_tx: int, axes: int, k: int, levels: int) -> int:
    """Floats of workspace."""
    capacity, real = (k + 15) // 16 * 16, (axes * num_tx + 15) // 16 * 16
    return triangle_space(num_tx, axes) + capacity * (2 * real + 2 + levels) + levels


class Lists(NamedTuple):
    """Where survivors, ``capacity`` of them (k rounded up to whole vectors), and children lie.

    In the workspace: residuals (2, capacity, n'); distance, rest (capacity); child (L, capacity);
    least (L). Among the whole numbers: parent, chosen (n, capacity); side, leaf (capacity); kept.
    """

    capacity: int
    residual: int
    distance: int
    rest: int
    child: int
    least: int
    parent: int
    chosen: int
    side: int
    leaf: int
    kept: int


@inlined
def _lists(start, n, real, capacity, num_levels):
    distance = start + 2 * capacity * real
    child = distance + 2 * capacity
    ints = 2 * n * capacity
    return Lists(
        capacity, start, distance, distance + capacity, child, child + capacity * num_levels,
        0, n * capacity, ints, ints + capacity, ints + 2 * capacity,
    )  # fmt: skip


@inlined
def _grow(space, lists, diagonal, num_levels):
    """Distances of every survivor extended by every level."""
    for s in range(0, lists.capacity, 16):
        rest, total = load(space, lists.rest + s), load(space, lists.distance + s)
        for u in range(num_levels):
            gap = rest - diagonal * np.float32(u)
            store(space, lists.child + u * lists.capacity + s, fma(gap, gap, total))


@inlined
def _threshold(space, child, count, k):
    """The bit pattern below which lie the k smallest of ``count`` children, or fewer if some tie.

    Bit patterns order non-negative floats: bisection on them needs no sort.
    """
    least, largest = splat_int(0x7FFFFFFF), splat_int(0)
    for i in range(child, child + count, 16):
        bits = as_int_bits(load(space, i))
        least = select_int(bits < least, bits, least)
        # An absent survivor's children are infinite, and never chosen.
        present = select_int(bits < 0x7F800000, bits, splat_int(0))
        largest = select_int(present > largest, present, largest)
    low, high = np.int64(lane_min_int(least)), -np.int64(lane_min_int(-largest))
    while low < high:
        middle = (low + high) // 2
        within = 0
        for i in range(child, child + count, 16):
            within += count_lanes(as_int_bits(load(space, i)) <= middle)
        if within == k:
            return middle + 1
        if within > k:
            high = middle
        else:
            low = middle + 1
    return low


@inlined
def _choose(space, ints, lists, present, k, num_levels):
    """Numbers of the nearest children into ``kept``; returns how many."""
    size, kept, capacity = 0, lists.kept, lists.capacity
    if present * num_levels <= k:
        for u in range(num_levels):
            for s in range(present):
                ints[kept + size] = u * capacity + s
                size += 1
        return size
    count, patterns = num_levels * capacity, space.view(np.int32)
    threshold = _threshold(space, lists.child, count, k)
    for i in range(count):
        ints[kept + size] = i
        size += patterns[lists.child + i] < threshold
    # Fewer only when several are equal to the threshold: then the first of these.
    i = 0
    while size < k:
        ints[kept + size] = i
        size += patterns[lists.child + i] == threshold
        i += 1
    return size


@inlined
def _keep(space, ints, lists, before, after, columns, k, size, real):
    """The chosen children become the survivors, their residuals brought up to date."""
    capacity = lists.capacity
    u, end = 0, capacity
    for new in range(size):
        i = np.int64(ints[lists.kept + new])
        # The children of one level lie together, so that levels mostly come in ascending order.
        while i >= end:
            u += 1
            end += capacity
        while i < end - capacity:
            u -= 1
            end -= capacity
        s = i - (end - capacity)
        space[lists.distance + new] = space[lists.child + i]
        ints[lists.parent + k * capacity + new] = s
        ints[lists.chosen + k * capacity + new] = u
        step = np.float32(u)
        for c in range(0, k, 16):
            column = load(space, columns + k * real + c)
            rest = load(space, before + s * real + c)
            store(space, after + new * real + c, fnma(column, step, rest))
        if k > 0:
            space[lists.rest + new] = space[after + new * real + k - 1]
    for new in range(size, capacity):
        space[lists.distance + new] = _INFINITY


@inlined
def _search(space, ints, lists, columns, z, n, real, k, num_levels):
    """From the last row of R up; returns how many leaves there are."""
    before, after = lists.residual, lists.residual + lists.capacity * real
    for c in range(0, real, 16):
        store(space, before + c, load(space, z + c))
    for s in range(lists.capacity):
        space[lists.distance + s] = _INFINITY
        space[lists.rest + s] = 0.0
    space[lists.distance] = 0.0
    space[lists.rest] = space[z + n - 1]
    present = 1
    for row in range(n - 1, -1, -1):
        _grow(space, lists, space[columns + row * real + row], num_levels)
        present = _choose(space, ints, lists, present, k, num_levels)
        _keep(space, ints, lists, before, after, columns, row, present, real)
        before, after = after, before
    return present


@inlined
def _write_llr(space, ints, lists, leaves, bits, clip, axes, order, llr, start):
    """LLRs of one vector, by streams and alternating between the axes."""
    num_levels, num_bits = bits.shape
    capacity = lists.capacity
    for leaf in range(capacity):
        ints[lists.leaf + leaf] = min(leaf, leaves - 1)
    for row in range(axes * order.size):
        for leaf in range(capacity):
            at = row * capacity + np.int64(ints[lists.leaf + leaf])
            ints[lists.side + leaf] = ints[lists.chosen + at]
            ints[lists.leaf + leaf] = ints[lists.parent + at]
        for u in range(num_levels):
            best = splat(_INFINITY)
            for i in range(0, capacity, 16):
                same = load_int(ints, lists.side + i) == u
                distance = load(space, lists.distance + i)
                best = minimum(select(same, distance, splat(_INFINITY)), best)
            space[lists.least + u] = lane_min(best)
        to = start + order[row // axes] * num_bits * axes + row % axes
        for b in range(num_bits):
            zero, one = _INFINITY, _INFINITY
            for u in range(num_levels):
                if bits[u, b]:
                    one = min(one, space[lists.least + u])
                else:
                    zero = min(zero, space[lists.least + u])
            # inf - finite = +-inf where one side is missing, which the clip then bounds.
            llr[to + b * axes] = min(max(zero - one, -clip), clip)


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(problems, settings, bits, llr, ok, first, last, vectors, tx, axes, k, space).

    problems: channels first ... last - 1 as the front end leaves them, overwritten. settings:
    level spacing, diagonal loading, lowest level over spacing, largest energy of the Gram matrix
    and of z, clip. bits (L, Ka) of the levels. Out: llr (B, T, Nt, K), flat, and ok (B): where
    it is valid.
    """
    stamp = source_stamp()

    def k_best_float32(problems, settings, bits, llr, ok, first, last, vectors, tx, axes, k, space):
        _ = stamp
        num_levels, num_bits = bits.shape
        n, real, capacity, width = axes * tx, lanes_of(axes * tx), lanes_of(k), lanes_of(tx)
        place, m = places(tx, vectors, axes), triangle_memory(tx, axes)
        space[: m.end] = 0.0
        lists = _lists(m.end, n, real, capacity, num_levels)
        ints = np.empty(lists.kept + capacity * num_levels + 1, np.uint32)
        order = np.empty(tx, np.int64)
        for channel in range(first, last):
            own = (channel - first) * place.stride
            ok[channel] = factor(space, m, problems, own, place, tx, axes, order, settings[3])
            if not ok[channel]:
                continue
            order_columns(space, m, tx, axes, order, settings[2])
            for t in range(vectors):
                b_re, b_im = own + place.b_re + t * width, own + place.b_im + t * width
                energy = rotate(space, m, problems, b_re, b_im, tx, axes, order)
                if not energy <= settings[4]:
                    ok[channel] = False
                    break
                leaves = _search(space, ints, lists, m.columns, m.z, n, real, k, num_levels)
                at = (channel * vectors + t) * tx * num_bits * axes
                _write_llr(space, ints, lists, leaves, bits, settings[5], axes, order, llr, at)

    arrays = "float32[::1], float32[::1], int8[:, ::1], float32[::1], boolean[::1]"
    return compiled(f"void({arrays}, {', '.join(['int64'] * 6)}, float32[::1])", k_best_float32)
