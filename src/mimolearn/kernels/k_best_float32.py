"""K-best search with max-log LLRs in single precision, fused with the triangle it searches.

The search of ``k_best``: survivors in the lanes where children are made and chosen, rows of the
residual in the lanes where survivors are brought up to date. A survivor's bits are collected in
one word for every eight rows, so that the final list is traced back in steps of eight.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mimolearn.kernels.compile import compiled, inlined, source_stamp
from mimolearn.kernels.simd import (
    as_float_bits,
    as_int_bits,
    compress,
    count_lanes,
    fma,
    lane_max_int,
    lane_min,
    lane_min_int,
    lane_numbers,
    minimum,
    select,
    select_int,
    splat,
    splat_int,
)
from mimolearn.kernels.simd_memory import load, load_int, store, store_int
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
_INFINITY_BITS = 0x7F800000
# Rows whose bits make one word: 32 bits at up to 256-QAM's four bits an axis.
_BLOCK = 8


def workspace(num_tx: int, axes: int, k: int, levels: int) -> int:
    """Floats of workspace."""
    capacity, real = (k + 15) // 16 * 16, (axes * num_tx + 15) // 16 * 16
    return triangle_space(num_tx, axes) + capacity * (2 * real + 2 + levels) + 16


class Lists(NamedTuple):
    """Where survivors, ``capacity`` of them (k rounded up to whole vectors), and children lie.

    In the workspace: residuals (2, capacity, n'); distance (capacity and a vector), rest
    (capacity); child (L, capacity). Among the whole numbers, ``size`` apart: parent, and twice
    origin (the ancestor at the start of the block of rows) and word (the bits since); ends (L + 1),
    first survivor of each level; from history on, word and origin at the end of each block.
    """

    capacity: int
    residual: int
    distance: int
    rest: int
    child: int
    size: int
    ends: int
    history: int


@inlined
def _lists(start, real, capacity, num_levels):
    distance = start + 2 * capacity * real
    rest = distance + capacity + 16
    size = capacity + 16
    return Lists(
        capacity, start, distance, rest, rest + capacity, size, 5 * size, 5 * size + num_levels + 1
    )


@inlined
def _grow(space, lists, diagonal, num_levels):
    """Distances of every survivor extended by every level; their smallest and largest patterns."""
    least, largest = splat_int(0x7FFFFFFF), splat_int(0)
    for s in range(0, lists.capacity, 16):
        rest, total = load(space, lists.rest + s), load(space, lists.distance + s)
        for u in range(num_levels):
            gap = rest - diagonal * np.float32(u)
            child = fma(gap, gap, total)
            store(space, lists.child + u * lists.capacity + s, child)
            bits = as_int_bits(child)
            least = select_int(bits < least, bits, least)
            # An absent survivor's children are infinite, and never chosen.
            present = select_int(bits < _INFINITY_BITS, bits, splat_int(0))
            largest = select_int(present > largest, present, largest)
    return np.int64(lane_min_int(least)), np.int64(lane_max_int(largest))


@inlined
def _threshold(space, child, count, k, low, high):
    """The bit pattern below which lie the k smallest of ``count`` children, and how many with it.

    Bit patterns order non-negative floats: bisection on them needs no sort.
    """
    below = 0
    while low < high:
        middle = (low + high) // 2
        within = 0
        for i in range(child, child + count, 16):
            within += count_lanes(as_int_bits(load(space, i)) <= middle)
        if within == k:
            return middle + 1, 0
        if within > k:
            high = middle
        else:
            low, below = middle + 1, within
    return low, k - below


@inlined
def _first_lanes(ints, scratch, mask, count):
    """The first ``count`` of the lanes where the mask is true."""
    if count == 0:
        return lane_numbers() < 0
    store_int(ints, scratch, compress(lane_numbers(), mask))
    return mask & (lane_numbers() <= ints[scratch + count - 1])


@inlined
def _choose(space, ints, lists, code, num_bits, now, threshold, ties):
    """The nearest children become the survivors, but for their residuals; returns how many."""
    size, capacity = 0, lists.capacity
    origin, word = (1 + 2 * now) * lists.size, (2 + 2 * now) * lists.size
    new_origin, new_word = (3 - 2 * now) * lists.size, (4 - 2 * now) * lists.size
    for u in range(code.size):
        ints[lists.ends + u] = size
        for s in range(0, capacity, 16):
            bits = as_int_bits(load(space, lists.child + u * capacity + s))
            chosen = bits < threshold
            if ties > 0:
                equal = bits == threshold
                many = min(count_lanes(equal), ties)
                chosen = chosen | _first_lanes(ints, size, equal, many)
                ties -= many
            store(space, lists.distance + size, as_float_bits(compress(bits, chosen)))
            store_int(ints, size, compress(lane_numbers() + s, chosen))
            store_int(ints, new_origin + size, compress(load_int(ints, origin + s), chosen))
            path = (load_int(ints, word + s) << num_bits) | code[u]
            store_int(ints, new_word + size, compress(path, chosen))
            size += count_lanes(chosen)
    ints[lists.ends + code.size] = size
    for s in range(size, capacity):
        space[lists.distance + s] = _INFINITY
    return size


@inlined
def _update(space, ints, lists, before, after, columns, row, num_levels, real):
    """The residuals of the chosen children in the rows that are left."""
    for c in range(0, row, 16):
        column = load(space, columns + row * real + c)
        for u in range(num_levels):
            step = column * np.float32(u)
            for new in range(ints[lists.ends + u], ints[lists.ends + u + 1]):
                rest = load(space, before + np.int64(ints[new]) * real + c)
                store(space, after + new * real + c, rest - step)
    for new in range(ints[lists.ends + num_levels]):
        space[lists.rest + new] = space[after + new * real + row - 1]


@inlined
def _end_block(ints, lists, now, block):
    """Keep words and origins of the block of rows, and start anew."""
    origin, word = (1 + 2 * now) * lists.size, (2 + 2 * now) * lists.size
    to = lists.history + 2 * block * lists.capacity
    for s in range(0, lists.capacity, 16):
        store_int(ints, to + s, load_int(ints, word + s))
        store_int(ints, to + lists.capacity + s, load_int(ints, origin + s))
        store_int(ints, word + s, splat_int(0))
        store_int(ints, origin + s, lane_numbers() + s)


@inlined
def _search(space, ints, lists, code, num_bits, columns, z, n, real, k):
    """From the last row of R up; returns how many leaves there are."""
    before, after = lists.residual, lists.residual + lists.capacity * real
    for c in range(0, real, 16):
        store(space, before + c, load(space, z + c))
    for s in range(0, lists.capacity, 16):
        store(space, lists.distance + s, splat(_INFINITY))
        store(space, lists.rest + s, splat(0.0))
    space[lists.distance] = 0.0
    space[lists.rest] = space[z + n - 1]
    now, present, num_levels = 0, 1, code.size
    # What is kept of the block before the first is overwritten.
    _end_block(ints, lists, now, 0)
    for row in range(n - 1, -1, -1):
        low, high = _grow(space, lists, space[columns + row * real + row], num_levels)
        threshold, ties = np.int64(_INFINITY_BITS), 0
        if present * num_levels > k:
            count = num_levels * lists.capacity
            threshold, ties = _threshold(space, lists.child, count, k, low, high)
        present = _choose(space, ints, lists, code, num_bits, now, threshold, ties)
        if row > 0:
            _update(space, ints, lists, before, after, columns, row, num_levels, real)
        before, after, now = after, before, 1 - now
        if row % _BLOCK == 0:
            _end_block(ints, lists, now, row // _BLOCK)
    return present


@inlined
def _gather_words(ints, lists, leaves, block):
    """Words of all leaves in a block of rows; their ancestors move to the block above it."""
    at = lists.history + 2 * block * lists.capacity
    for leaf in range(leaves):
        here = at + np.int64(ints[leaf])
        ints[lists.size + leaf] = ints[here]
        ints[leaf] = ints[here + lists.capacity]


@inlined
def _write_llr(space, ints, lists, leaves, num_bits, clip, axes, order, llr, start):
    """LLRs of one vector, by streams and alternating between the axes."""
    for s in range(0, lists.capacity, 16):
        store_int(ints, s, lane_numbers() + s)
    for row in range(axes * order.size):
        if row % _BLOCK == 0:
            _gather_words(ints, lists, leaves, row // _BLOCK)
        to = start + order[row // axes] * num_bits * axes + row % axes
        for b in range(num_bits):
            zero, one = splat(_INFINITY), splat(_INFINITY)
            place = row % _BLOCK * num_bits + b
            for s in range(0, lists.capacity, 16):
                is_zero = (load_int(ints, lists.size + s) & (1 << place)) == 0
                distance = load(space, lists.distance + s)
                zero = minimum(select(is_zero, distance, splat(_INFINITY)), zero)
                one = minimum(select(is_zero, splat(_INFINITY), distance), one)
            # inf - finite = +-inf where one side is missing, which the clip then bounds.
            llr[to + b * axes] = min(max(lane_min(zero) - lane_min(one), -clip), clip)


@inlined
def _codes(bits):
    """The bits of each level as one number, the first bit lowest."""
    code = np.zeros(bits.shape[0], np.int64)
    for u in range(bits.shape[0]):
        for b in range(bits.shape[1]):
            code[u] |= np.int64(bits[u, b]) << b
    return code


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
        lists = _lists(m.end, real, capacity, num_levels)
        ints = np.empty(lists.history + 2 * capacity * (n // _BLOCK + 1), np.uint32)
        code = _codes(bits)
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
                leaves = _search(space, ints, lists, code, num_bits, m.columns, m.z, n, real, k)
                at = (channel * vectors + t) * tx * num_bits * axes
                _write_llr(space, ints, lists, leaves, num_bits, settings[5], axes, order, llr, at)

    arrays = "float32[::1], float32[::1], int8[:, ::1], float32[::1], boolean[::1]"
    return compiled(f"void({arrays}, {', '.join(['int64'] * 6)}, float32[::1])", k_best_float32)
