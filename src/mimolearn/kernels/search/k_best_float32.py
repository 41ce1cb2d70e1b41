"""K-best search with max-log LLRs in single precision, fused with the triangle it searches.

The search of ``k_best``: survivors in the lanes where children are made and chosen, rows of the
residual in the lanes where survivors are brought up to date. A survivor's last 16 bits and the
number of its ancestor before them are one word, its path. So the final list is traced back in steps
of as many rows; and of a residual the 16 rows in work alone follow every choice, while the rest
waits until a path ends and takes it in four steps, each from a table of 16 sums of columns.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, inlined, uncounted
from mimolearn.kernels.machine.memory import load, load_int, load_lines, store, store_int, transpose
from mimolearn.kernels.machine.simd import (
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
from mimolearn.kernels.search.k_best_lists import lists_of, rows_of_block
from mimolearn.kernels.search.selection_float32 import first_lanes, threshold_of
from mimolearn.kernels.triangles.ordered_triangles import ordered
from mimolearn.kernels.triangles.triangle_float32 import (
    factor,
    lanes_of,
    order_columns,
    places,
    rotate,
    triangle_memory,
)

_INFINITY = np.float32(np.inf)
_INFINITY_BITS = 0x7F800000
MOST_SURVIVORS = 2**16
"""Whose number fits beside 16 bits in a word."""
PENALTIES = 6
"""Where in the settings the penalties of the levels begin."""
# Of each of four steps in which a residual takes a path.
_SUMS = 16


@uncounted
def _grow(space, lists, width, diagonal, settings, num_levels):
    """Metrics of every survivor extended by every level; their smallest and largest patterns."""
    least, largest = splat_int(0x7FFFFFFF), splat_int(0)
    for s in range(0, width, 16):
        rest, before = load(space, lists.rest + s), load(space, lists.distance + s)
        for pair in range(num_levels >> 1):
            # Two levels of one energy share a penalty.
            total = before + settings[PENALTIES + pair]
            for side in range(2):
                u = num_levels - 1 - pair if side else pair
                gap = rest - diagonal * np.float32(u)
                child = fma(gap, gap, total)
                store(space, lists.child + u * width + s, child)
                bits = as_int_bits(child)
                least = select_int(bits < least, bits, least)
                # An absent survivor's children are infinite, and never chosen.
                present = select_int(bits < _INFINITY_BITS, bits, splat_int(0))
                largest = select_int(present > largest, present, largest)
    return np.int64(lane_min_int(least)), np.int64(lane_max_int(largest))


@uncounted
def _choose(space, ints, lists, width, code, num_bits, path, new_path, threshold, ties):
    """The nearest children become the survivors, but for their residuals; returns how many."""
    size = 0
    for u in range(code.size):
        ints[lists.ends + u] = size
        for s in range(0, width, 16):
            bits = as_int_bits(load(space, lists.child + u * width + s))
            chosen = bits < threshold
            if ties > 0:
                equal = bits == threshold
                many = min(count_lanes(equal), ties)
                chosen = chosen | first_lanes(ints, size, equal, many)
                ties -= many
            store(space, lists.distance + size, as_float_bits(compress(bits, chosen)))
            store_int(ints, size, compress(lane_numbers() + s, chosen))
            longer = (load_int(ints, path + s) << num_bits) | code[u]
            store_int(ints, new_path + size, compress(longer, chosen))
            size += count_lanes(chosen)
    ints[lists.ends + code.size] = size
    store(space, lists.distance + size, splat(_INFINITY))
    return size


@uncounted
def _update(space, ints, lists, before, after, column, row, num_levels):
    """The rows in work of the chosen children's residuals."""
    of_row = load(space, column + row // 16 * 16)
    following = after + (row - 1) % 16
    for u in range(num_levels):
        step = of_row * np.float32(u)
        for new in range(ints[lists.ends + u], ints[lists.ends + u + 1]):
            rest = load(space, before + np.int64(ints[np.uint64(new)]) * 16)
            store(space, after + new * 16, rest - step)
            # Unsigned indices need not be looked at for being negative.
            space[np.uint64(lists.rest + new)] = space[np.uint64(following + new * 16)]


@uncounted
def _sum_columns(space, sums, columns, row, rows, c, n, real, level_of, num_bits):
    """What each value of some bits of a path takes from a residual, rows c ... c + 15.

    The bits of ``rows`` rows from ``row`` on, that of the first row lowest.
    """
    count = 1
    store(space, sums, splat(0.0))
    for r in range(row, min(row + rows, n)):
        column = load(space, columns + r * real + c)
        # The first sums are read until the last are made.
        for bits in range(level_of.size - 1, -1, -1):
            step = column * level_of[bits]
            for i in range(count):
                to = sums + (i + bits * count) * 16
                store(space, to, load(space, sums + i * 16) + step)
        count <<= num_bits


@uncounted
def _take_path(space, ints, lists, before, after, near, path, columns, row, present, n, real,
               level_of, num_bits):  # fmt: skip
    """Residuals of all survivors in the rows below those in work; at a vector's end its next."""
    rows = max(1, 4 // num_bits)
    shift, mask = rows * num_bits, (1 << rows * num_bits) - 1
    origin = rows_of_block(num_bits) * num_bits
    sums = lists.sums
    for c in range(0, row // 16 * 16, 16):
        for part in range(4):
            _sum_columns(
                space, sums + part * _SUMS * 16, columns, row + part * rows, rows, c, n, real,
                level_of, num_bits,
            )  # fmt: skip
        is_next = row % 16 == 0 and c == row - 16
        to, stride = (near, 16) if is_next else (after + c, real)
        for s in range(present):
            bits = np.int64(ints[np.uint64(path + s)])
            rest = load(space, before + (bits >> origin) * real + c)
            first = load(space, sums + (bits & mask) * 16)
            second = load(space, sums + (_SUMS + (bits >> shift & mask)) * 16)
            third = load(space, sums + (2 * _SUMS + (bits >> 2 * shift & mask)) * 16)
            fourth = load(space, sums + (3 * _SUMS + (bits >> 3 * shift & mask)) * 16)
            store(space, to + s * stride, rest - ((first + second) + (third + fourth)))
            if is_next:
                space[np.uint64(lists.rest + s)] = space[np.uint64(near + s * 16 + 15)]


@uncounted
def _begin_block(ints, path, capacity):
    for s in range(0, capacity, 16):
        store_int(ints, path + s, lane_numbers() + s)


@uncounted
def _begin(space, lists, z, n, real):
    """The one survivor before the last row."""
    for c in range(0, real, 16):
        store(space, lists.residual + c, load(space, z + c))
    store(space, lists.near, load(space, z + (n - 1) // 16 * 16))
    store(space, lists.distance, splat(_INFINITY))
    # What lies there before could be NaN, which an absent survivor must not have.
    for s in range(0, lists.capacity, 16):
        store(space, lists.rest + s, splat(0.0))
    space[lists.distance] = 0.0
    space[lists.rest] = space[z + n - 1]


@uncounted
def _search(space, ints, lists, settings, code, level_of, num_bits, columns, z, n, real, k):
    """From the last row of R up; returns how many leaves there are."""
    _begin(space, lists, z, n, real)
    near, new_near = lists.near, lists.near + lists.capacity * 16
    far, new_far = lists.residual, lists.residual + lists.capacity * real
    path, new_path = lists.size, 2 * lists.size
    _begin_block(ints, path, lists.capacity)
    present, num_levels, block = 1, code.size, rows_of_block(num_bits)
    for row in range(n - 1, -1, -1):
        width, column = lanes_of(present), columns + row * real
        low, high = _grow(space, lists, width, space[column + row], settings, num_levels)
        threshold, ties, children = np.int64(_INFINITY_BITS), 0, present * num_levels
        if children > k:
            count = num_levels * width
            threshold, ties = threshold_of(space, lists.child, count, children, k, low, high)
        present = _choose(
            space, ints, lists, width, code, num_bits, path, new_path, threshold, ties
        )
        path, new_path = new_path, path
        if row % 16 > 0:
            _update(space, ints, lists, near, new_near, column, row, num_levels)
        if row % block == 0:
            _take_path(
                space, ints, lists, far, new_far, new_near, path, columns, row, present, n, real,
                level_of, num_bits,
            )  # fmt: skip
            far, new_far = new_far, far
            to = lists.history + row // block * lists.capacity
            for s in range(0, lists.capacity, 16):
                store_int(ints, to + s, load_int(ints, path + s))
            _begin_block(ints, path, lists.capacity)
        near, new_near = new_near, near
    return present


@uncounted
def _gather_paths(ints, lists, leaves, block, bits_of_block):
    """Paths of all leaves in a block of rows; their ancestors move to the block above it."""
    at = lists.history + block * lists.capacity
    for leaf in range(leaves):
        path = ints[at + np.int64(ints[leaf])]
        ints[lists.size + leaf] = path
        ints[leaf] = path >> bits_of_block


@uncounted
def _nearest_with(space, ints, lists, leaves, best, count):
    """Distances of the nearest leaves that differ from the best one, for 16 bits of a block."""
    for place in range(count):
        nearest = splat(_INFINITY)
        for s in range(0, leaves, 16):
            differs = ((load_int(ints, lists.size + s) ^ best) & (1 << place)) != 0
            distance = select(differs, load(space, lists.distance + s), splat(_INFINITY))
            nearest = minimum(distance, nearest)
        store(space, lists.bits + place * 16, nearest)
    t = transpose(load_lines(space, lists.bits))
    even = minimum(minimum(t[0], t[2]), minimum(t[4], t[6]))
    even = minimum(even, minimum(minimum(t[8], t[10]), minimum(t[12], t[14])))
    odd = minimum(minimum(t[1], t[3]), minimum(t[5], t[7]))
    return minimum(even, minimum(odd, minimum(minimum(t[9], t[11]), minimum(t[13], t[15]))))


@uncounted
def _write_levels(ints, lists, leaves, num_bits, first, rows, axes, order, level_of, levels, at):
    """Levels of all leaves in a block of rows, by streams and their axes."""
    n, mask = axes * order.size, (1 << num_bits) - 1
    for i in range(rows):
        to = at + order[(first + i) // axes] * axes + (first + i) % axes
        for leaf in range(leaves):
            bits = np.int64(ints[lists.size + leaf]) >> (i * num_bits) & mask
            levels[to + leaf * n] = np.int8(level_of[bits])


@uncounted
def _write_answer(
    space, ints, lists, leaves, num_bits, clip, axes, order, level_of, index_of, llr, decided,
    levels, at, k, listed,
):  # fmt: skip
    """LLRs of one vector, by streams and alternating between the axes, and its nearest leaf.

    Levels of all leaves too where they are ``listed``. Returns the distance of the nearest.
    """
    own, best = splat(_INFINITY), 0
    for s in range(0, lists.capacity, 16):
        store_int(ints, s, lane_numbers() + s)
        own = minimum(load(space, lists.distance + s), own)
    nearest = lane_min(own)
    while space[lists.distance + best] > nearest:
        best += 1
    n, block = axes * order.size, rows_of_block(num_bits)
    for first in range(0, n, block):
        rows = min(block, n - first)
        _gather_paths(ints, lists, leaves, first // block, block * num_bits)
        if listed:
            _write_levels(ints, lists, leaves, num_bits, first, rows, axes, order, level_of,
                          levels, at * axes * k)  # fmt: skip
        path = ints[lists.size + best]
        other = _nearest_with(space, ints, lists, leaves, path, rows * num_bits)
        # inf - finite = inf where one side is missing, which the clip then bounds.
        size = minimum(other - nearest, splat(clip))
        is_one = ((splat_int(path) >> lane_numbers()) & 1) != 0
        store(space, lists.bits, select(is_one, size, -size))
        for i in range(rows):
            stream, axis = order[(first + i) // axes], (first + i) % axes
            to = (at + stream) * num_bits * axes + axis
            for b in range(num_bits):
                llr[to + b * axes] = space[lists.bits + i * num_bits + b]
            at_level = (np.int64(path) >> (i * num_bits)) & (index_of.size - 1)
            decided[at + stream] += index_of[at_level] >> axis
    return nearest


@inlined
def _codes(bits, to_index):
    """Of each level its bits as a number, the first one lowest; of each number level and index."""
    code = np.zeros(bits.shape[0], np.int64)
    for u in range(bits.shape[0]):
        for b in range(bits.shape[1]):
            code[u] |= np.int64(bits[u, b]) << b
    level_of, index_of = np.empty(code.size, np.float32), np.empty(code.size, np.int64)
    for u in range(code.size):
        level_of[code[u]] = np.float32(u)
        index_of[code[u]] = to_index[u]
    return code, level_of, index_of


@uncounted
def _log_diagonal(space, columns, n, real):
    total = np.float32(0.0)
    for k in range(n):
        total += np.log(space[columns + k * (real + 1)])
    return total


@uncounted
def _take_triangle(space, m, problems, own, place, order, n, real):
    """Columns and order of a channel that ``ordered_triangles`` has left."""
    for k in range(n):
        for c in range(0, k + 1, 16):
            store(space, m.columns + k * real + c, load(problems, own + k * real + c))
    for j in range(order.size):
        order[j] = np.int64(problems[own + place.order + j])


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(problems, settings, bits, to_index, llr, decided, metrics, levels, log_diagonal, ok,
    first, last, (vectors, Nt, axes, k, listed, in order), space).

    problems: channels first ... last - 1 as ``ordered_triangles`` leaves them where they are in
    order, else as ``triangle_front_end`` does; overwritten. settings:
    level spacing, diagonal loading, lowest level over spacing, largest energy of the Gram matrix
    and of z, clip, then the penalty of each level. bits (L, Ka) of the levels; to_index (L): what
    a level adds to the index of a symbol. Out, flat: llr (B, T, Nt, K), decided (B, T, Nt), and
    ok (B): where they are valid; log_diagonal (B, T): the logarithm of the product of R's diagonal.
    Where ``listed`` is 1, metrics (B, T, k) and levels (B, T, k, Nt, axes) of the leaves, which
    have to be k; else metrics (B, T) of the nearest alone.
    """

    def k_best_float32(
        problems, settings, bits, to_index, llr, decided, metrics, levels, log_diagonal, ok,
        first, last, numbers, space,
    ):  # fmt: skip
        vectors, tx, axes, k, listed, in_order = numbers
        num_levels, num_bits = bits.shape
        n, real, width = axes * tx, lanes_of(axes * tx), lanes_of(tx)
        place, m, made = places(tx, vectors, axes), triangle_memory(tx, axes), ordered(tx, vectors)
        space[: m.end] = 0.0
        lists = lists_of(tx, axes, k, num_levels)
        blocks = n // rows_of_block(num_bits) + 1
        ints = np.empty(lists.history + lists.capacity * blocks, np.uint32)
        code, level_of, index_of = _codes(bits, to_index)
        order = np.empty(tx, np.int64)
        for channel in range(first, last):
            own = (channel - first) * (made.stride if in_order else place.stride)
            ok[channel] = True
            if in_order:
                _take_triangle(space, m, problems, own, made, order, n, real)
            else:
                ok[channel] = factor(space, m, problems, own, place, tx, axes, order, settings[3])
                if not ok[channel]:
                    continue
                order_columns(space, m, tx, axes, order, settings[2])
            diagonal = _log_diagonal(space, m.columns, n, real)
            for t in range(vectors):
                if in_order:
                    ok[channel] &= problems[own + made.trusted + t] > 0.0
                    for c in range(0, real, 16):
                        store(space, m.z + c, load(problems, own + made.z + t * real + c))
                else:
                    b_re, b_im = own + place.b_re + t * width, own + place.b_im + t * width
                    energy = rotate(space, m, problems, b_re, b_im, tx, axes, order)
                    ok[channel] = energy <= settings[4]
                if not ok[channel]:
                    break
                leaves = _search(
                    space, ints, lists, settings, code, level_of, num_bits, m.columns, m.z, n,
                    real, k,
                )  # fmt: skip
                vector = channel * vectors + t
                decided[vector * tx : (vector + 1) * tx] = 0
                nearest = _write_answer(
                    space, ints, lists, leaves, num_bits, settings[5], axes, order, level_of,
                    index_of, llr, decided, levels, vector * tx, k, listed,
                )  # fmt: skip
                log_diagonal[vector] = diagonal
                if listed:
                    for leaf in range(leaves):
                        metrics[vector * k + leaf] = space[lists.distance + leaf]
                else:
                    metrics[vector] = nearest

    arrays = "float32[::1], float32[::1], int8[:, ::1], int64[::1], float32[::1], int64[::1]"
    listed = "float32[::1], int8[::1], float32[::1]"
    numbers = "boolean[::1], int64, int64, UniTuple(int64, 6)"
    return compiled(f"void({arrays}, {listed}, {numbers}, float32[::1])", k_best_float32)
