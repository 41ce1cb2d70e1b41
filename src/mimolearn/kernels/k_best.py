"""Breadth-first K-best search with max-log LLRs from its final list."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def k_best(columns, z, bits, num_survivors, clip, llr):
    """Max-log LLRs over the num_survivors best leaves that a breadth-first search reaches.

    columns: (C, n, n), row k holds column k of R; z: (C, T, n), both float64; bits: (L, Ka) int8;
    clip: largest |LLR|, and the value where the list holds one side only.
    Out: llr (C, T, n, Ka) float64, NaN where no distance is finite.
    """
    num_channels, num_vectors, n = z.shape
    num_levels, num_bits = bits.shape
    residual = np.empty((2, num_survivors, n))
    distance = np.empty((2, num_survivors))
    child = np.empty(num_survivors * num_levels)
    parent = np.empty((n, num_survivors), np.int64)
    chosen = np.empty((n, num_survivors), np.int64)
    least = np.empty((2, n, num_bits))
    for c in range(num_channels):
        channel_ok = np.isfinite(columns[c].sum())
        for t in range(num_vectors):
            llr[c, t] = np.nan
            if not (channel_ok and np.isfinite(z[c, t].sum())):
                continue
            residual[0, 0] = z[c, t]
            distance[0, 0] = 0.0
            count = 1
            now = 0
            for k in range(n - 1, -1, -1):
                count = _grow(
                    columns[c, k], k, num_levels, count, residual[now], distance[now], child,
                    residual[1 - now], distance[1 - now], parent[k], chosen[k],
                )  # fmt: skip
                now = 1 - now
            if np.isfinite(distance[now, :count].max()):
                _fill_llr(distance[now, :count], parent, chosen, bits, clip, least, llr[c, t])


@njit(cache=True, nogil=True, error_model="numpy")
def _grow(
    column, k, num_levels, count, residual, distance, child, residual_next, distance_next,
    parent, chosen,
):  # fmt: skip
    """Extend every survivor by every level of row k and keep the nearest; returns their number."""
    for s in range(count):
        for u in range(num_levels):
            gap = residual[s, k] - column[k] * u
            child[s * num_levels + u] = distance[s] + gap * gap
    num_children = count * num_levels
    capacity = distance.shape[0]
    limit = np.inf
    room_at_limit = capacity
    if num_children > capacity:
        limit, room_at_limit = _kth_smallest(child[:num_children], capacity)
    kept = 0
    for i in range(num_children):
        if child[i] > limit:
            continue
        if child[i] == limit:
            if room_at_limit == 0:
                continue
            room_at_limit -= 1
        s = i // num_levels
        u = i - s * num_levels
        step = float(u)
        for j in range(k):
            residual_next[kept, j] = residual[s, j] - column[j] * step
        distance_next[kept] = child[i]
        parent[kept] = s
        chosen[kept] = u
        kept += 1
    return kept


@njit(cache=True, nogil=True, error_model="numpy")
def _kth_smallest(values, rank):
    """The rank-th smallest of non-negative values, and how many equal to it make up the rank.

    Bisection on the bit patterns, which order non-negative floats: no sort, no branches.
    """
    patterns = values.view(np.int64)
    low = patterns.min()
    high = patterns.max()
    while low < high:
        middle = low + (high - low) // 2
        below = 0
        for i in range(patterns.size):
            below += patterns[i] <= middle
        if below >= rank:
            high = middle
        else:
            low = middle + 1
        if below == rank:
            # middle separates; the largest value not above it is the one looked for.
            low = patterns.min()
            for i in range(patterns.size):
                if patterns[i] <= middle:
                    low = max(low, patterns[i])
            break
    limit = np.inf
    smaller = 0
    for i in range(patterns.size):
        if patterns[i] == low:
            limit = values[i]
        smaller += patterns[i] < low
    return limit, rank - smaller


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_llr(distance, parent, chosen, bits, clip, least, llr):
    n, num_bits = llr.shape
    least[:] = np.inf
    for leaf in range(distance.size):
        s = leaf
        for k in range(n):
            u = chosen[k, s]
            s = parent[k, s]
            for b in range(num_bits):
                side = bits[u, b]
                least[side, k, b] = min(least[side, k, b], distance[leaf])
    for k in range(n):
        for b in range(num_bits):
            # inf - finite = +-inf where one side is missing, which the clip then bounds.
            llr[k, b] = min(max(least[0, k, b] - least[1, k, b], -clip), clip)
