"""K-best search with max-log LLRs in single precision, fused with the triangle it searches.

The search of ``k_best``: survivors in the lanes where children are made and chosen, rows of the
residual in the lanes where survivors are brought up to date.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mimolearn.kernels import triangle_float32
from mimolearn.kernels.compile import compiled, inlined, source_stamp
from mimolearn.kernels.linear import cut
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
    rotate,
    triangle_group,
    triangle_memory,
)

_INFINITY = np.float32(np.inf)


def workspace(num_rx: int, num_tx: int, num_vectors: int, axes: int, k: int, levels: int) -> int:
    """Floats of workspace."""
    capacity, real = (k + 15) // 16 * 16, (axes * num_tx + 15) // 16 * 16
    lists = capacity * (2 * real + 2 + levels) + levels
    return triangle_float32.workspace(num_rx, num_tx, num_vectors, axes) + lists + 256


class Lists(NamedTuple):
    """Survivors, ``capacity`` of them (k rounded up to whole vectors), and their children.

    before, after (capacity, n'): residuals; distance, rest (capacity); child (L, capacity).
    parent, chosen (n, capacity), kept, side, leaf: whole numbers.
    """

    before: np.ndarray
    after: np.ndarray
    distance: np.ndarray
    rest: np.ndarray
    child: np.ndarray
    parent: np.ndarray
    chosen: np.ndarray
    kept: np.ndarray
    side: np.ndarray
    leaf: np.ndarray


@inlined
def _grow(lists, diagonal, capacity, num_levels):
    """Distances of every survivor extended by every level."""
    for s in range(0, capacity, 16):
        rest, total = load(lists.rest, s), load(lists.distance, s)
        for u in range(num_levels):
            gap = rest - diagonal * np.float32(u)
            store(lists.child, u * capacity + s, fma(gap, gap, total))


@inlined
def _threshold(child, count, k):
    """The bit pattern below which lie the k smallest of ``count`` children, or fewer if some tie.

    Bit patterns order non-negative floats: bisection on them needs no sort.
    """
    least, largest = splat_int(0x7FFFFFFF), splat_int(0)
    for i in range(0, count, 16):
        bits = as_int_bits(load(child, i))
        least = select_int(bits < least, bits, least)
        # An absent survivor's children are infinite, and never chosen.
        finite = bits < 0x7F800000
        largest = select_int(finite & (bits > largest), bits, largest)
    low, high = np.int64(lane_min_int(least)), -np.int64(lane_min_int(-largest))
    while low < high:
        middle = (low + high) // 2
        within = 0
        for i in range(0, count, 16):
            within += count_lanes(as_int_bits(load(child, i)) <= middle)
        if within == k:
            return middle + 1
        if within > k:
            high = middle
        else:
            low = middle + 1
    return low


@inlined
def _choose(lists, present, k, capacity, num_levels):
    """Numbers of the nearest children into ``kept``; returns how many."""
    size = 0
    if present * num_levels <= k:
        for u in range(num_levels):
            for s in range(present):
                lists.kept[size] = u * capacity + s
                size += 1
        return size
    count = num_levels * capacity
    patterns = lists.child.view(np.int32)
    threshold = _threshold(lists.child, count, k)
    for i in range(count):
        lists.kept[size] = i
        size += patterns[i] < threshold
    # Fewer only when several are equal to the threshold: then the first of these.
    i = 0
    while size < k:
        lists.kept[size] = i
        size += patterns[i] == threshold
        i += 1
    return size


@inlined
def _keep(lists, before, after, columns, k, size, capacity, real):
    """The chosen children become the survivors, their residuals brought up to date."""
    u, end = 0, capacity
    for new in range(size):
        i = lists.kept[new]
        # The children of one level lie together, so that levels come in ascending order.
        while i >= end:
            u += 1
            end += capacity
        s = i - (end - capacity)
        lists.distance[new] = lists.child[i]
        lists.parent[k * capacity + new] = s
        lists.chosen[k * capacity + new] = u
        step = np.float32(u)
        for c in range(0, k, 16):
            column = load(columns, k * real + c)
            store(after, new * real + c, fnma(column, step, load(before, s * real + c)))
        if k > 0:
            lists.rest[new] = after[new * real + k - 1]
    for new in range(size, capacity):
        lists.distance[new] = _INFINITY


@inlined
def _search(lists, columns, z, n, real, k, capacity, num_levels):
    """From the last row of R up; returns how many leaves there are."""
    for c in range(0, real, 16):
        store(lists.before, c, load(z, c))
    lists.distance[:] = _INFINITY
    lists.rest[:] = 0.0
    lists.distance[0] = 0.0
    lists.rest[0] = z[n - 1]
    present = 1
    for row in range(n - 1, -1, -1):
        _grow(lists, columns[row * real + row], capacity, num_levels)
        present = _choose(lists, present, k, capacity, num_levels)
        if (n - row) % 2 == 1:
            _keep(lists, lists.before, lists.after, columns, row, present, capacity, real)
        else:
            _keep(lists, lists.after, lists.before, columns, row, present, capacity, real)
    return present


@inlined
def _write_llr(lists, leaves, capacity, bits, clip, axes, order, least, llr, start):
    """LLRs of one vector, by streams and alternating between the axes."""
    num_levels, num_bits = bits.shape
    for leaf in range(capacity):
        lists.leaf[leaf] = min(leaf, leaves - 1)
    for row in range(axes * order.size):
        for leaf in range(capacity):
            at = row * capacity + lists.leaf[leaf]
            lists.side[leaf] = lists.chosen[at]
            lists.leaf[leaf] = lists.parent[at]
        for u in range(num_levels):
            best = splat(_INFINITY)
            for i in range(0, capacity, 16):
                same = load_int(lists.side, i) == u
                best = minimum(select(same, load(lists.distance, i), splat(_INFINITY)), best)
            least[u] = lane_min(best)
        to = start + order[row // axes] * num_bits * axes + row % axes
        for b in range(num_bits):
            zero, one = _INFINITY, _INFINITY
            for u in range(num_levels):
                if bits[u, b]:
                    one = min(one, least[u])
                else:
                    zero = min(zero, least[u])
            # inf - finite = +-inf where one side is missing, which the clip then bounds.
            llr[to + b * axes] = min(max(zero - one, -clip), clip)


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(h, y, noise_var, settings, bits, llr, ok, first, last, num, ..., space).

    h (B, Nr, Nt, 2), y (B, T, Nr, 2), llr (B, T, Nt, K), flat; noise_var padded to whole groups.
    settings: level spacing, diagonal loading, lowest level over spacing, largest energy of the
    Gram matrix and of z, clip. bits (L, Ka) of the levels. ok (B): where llr is valid.
    Integers: first and last group, channels, vectors, Nr, Nt, axes, k.
    """
    stamp = source_stamp()

    def k_best_float32(
        h, y, noise_var, settings, bits, llr, ok,
        first, last, num, vectors, rx, tx, axes, k, space,
    ):  # fmt: skip
        _ = stamp
        num_levels, num_bits = bits.shape
        n, real, capacity = axes * tx, lanes_of(axes * tx), lanes_of(k)
        clip = settings[5]
        m, rest = triangle_memory(space, rx, tx, vectors, axes)
        before, at = cut(rest, 0, capacity * real)
        after, at = cut(rest, at, capacity * real)
        distance, at = cut(rest, at, capacity)
        remainder, at = cut(rest, at, capacity)
        child, at = cut(rest, at, capacity * num_levels)
        least, at = cut(rest, at, num_levels)
        order = np.empty(tx, np.int64)
        lists = Lists(
            before, after, distance, remainder, child,
            np.empty(n * capacity, np.uint32), np.empty(n * capacity, np.uint32),
            np.empty(capacity * num_levels + 1, np.int64), np.empty(capacity, np.uint32),
            np.empty(capacity, np.uint32),
        )  # fmt: skip
        for group in range(first, last):
            precision = 1.0 / load(noise_var, group * 16)
            triangle_group(m, h, y, group, num, vectors, rx, tx, axes, precision, settings)
            for lane in range(min(16, num - group * 16)):
                channel = group * 16 + lane
                ok[channel] = factor(m, lane, tx, axes, order, settings[3])
                if not ok[channel]:
                    continue
                order_columns(m, tx, axes, order, settings[2])
                for t in range(vectors):
                    ok[channel] &= rotate(m, lane, t, vectors, tx, axes, order) <= settings[4]
                    if not ok[channel]:
                        break
                    leaves = _search(lists, m.columns, m.z, n, real, k, capacity, num_levels)
                    start = (channel * vectors + t) * tx * num_bits * axes
                    _write_llr(
                        lists, leaves, capacity, bits, clip, axes, order, least, llr, start
                    )

    floats = ", ".join(["float32[::1]"] * 4)
    arrays = f"{floats}, int8[:, ::1], float32[::1], boolean[::1]"
    return compiled(f"void({arrays}, {', '.join(['int64'] * 8)}, float32[::1])", k_best_float32)
