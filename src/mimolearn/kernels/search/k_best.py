"""Breadth-first K-best search with max-log LLRs from its final list."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, inlined
from mimolearn.kernels.search.tree import copy_row


@inlined
def _grow(diagonal, k, residual, distance, penalty, children):
    """Metrics of every survivor extended by every level of row k."""
    # A row of zeros has no bias: where its pivot was not rounded away, it cancels the penalty.
    share = 1.0 if diagonal > 0.0 else 0.0
    i = 0
    for s in range(distance.size):
        rest = residual[s, k]
        total = distance[s]
        for u in range(penalty.size):
            gap = rest - diagonal * u
            children[i] = (total + share * penalty[u]) + gap * gap
            i += 1


@inlined
def _nearest(children, capacity, kept):
    """Numbers of the nearest children into kept, which has room for all and one; returns how many.

    A threshold is found by bisection on the bit patterns, which order non-negative floats: no
    sort, hardly a branch, and it ends as soon as the threshold separates.
    """
    patterns = children.view(np.int64)
    count = patterns.size
    if count <= capacity:
        for i in range(count):
            kept[i] = i
        return count
    low = patterns.min()
    high = patterns.max()
    while low < high:
        middle = low + (high - low) // 2
        within = 0
        for i in range(count):
            within += patterns[i] <= middle
        if within == capacity:
            low = middle + 1
            break
        if within > capacity:
            high = middle
        else:
            low = middle + 1
    size = 0
    for i in range(count):
        kept[size] = i
        size += patterns[i] < low
    # Fewer only when several are equal to the threshold: then the first of these.
    i = 0
    while size < capacity:
        kept[size] = i
        size += patterns[i] == low
        i += 1
    return size


@inlined
def _keep(
    column, k, num_levels, kept, children, residual, residual_next, distance_next, parent, chosen
):  # fmt: skip
    """Copy the kept children into the next list, their residuals brought up to date."""
    shift = 0
    while 1 << shift < num_levels:
        shift += 1
    for new in range(kept.size):
        i = kept[new]
        s = i >> shift
        u = i & (num_levels - 1)
        distance_next[new] = children[i]
        parent[new] = s
        chosen[new] = u
        step = float(u)
        before = residual[s]
        after = residual_next[new]
        for j in range(k):
            after[j] = before[j] - column[j] * step


@inlined
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


@inlined
def _write_leaves(distance, parent, chosen, metrics, levels):
    for leaf in range(distance.size):
        metrics[leaf] = distance[leaf]
        s = leaf
        for k in range(levels.shape[1]):
            levels[leaf, k] = chosen[k, s]
            s = parent[k, s]


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(columns, z, bits, penalty, num_survivors, clip, llr, decided, metrics, levels).

    Max-log LLRs over the num_survivors best leaves that a breadth-first search reaches. The metric
    of u is ||z - R u||^2 + sum_k penalty[u_k].

    columns: (C, n, n), row k holds column k of R; z: (C, T, n), both float64; bits: (L, Ka) int8;
    penalty: (L) float64, none below 0; clip: largest |LLR|, and the value where the list holds one
    side only.
    Out: llr (C, T, n, Ka) float64, NaN where no metric is finite; decided (C, T, n) int8, the
    levels of the nearest leaf, -1 there; the leaves themselves where they are wanted, else arrays
    without channels: metrics (C, T, num_survivors) float64 and levels (C, T, num_survivors, n)
    int8, NaN and -1 there.
    """

    def k_best(columns, z, bits, penalty, num_survivors, clip, llr, decided, metrics, levels):
        listed = metrics.shape[0] > 0
        num_channels, num_vectors, n = z.shape
        num_levels, num_bits = bits.shape
        residual = np.zeros((2, num_survivors, n))
        distance = np.empty((2, num_survivors))
        child = np.empty(num_survivors * num_levels)
        kept = np.empty(child.size + 1, np.int64)
        parent = np.empty((n, num_survivors), np.int64)
        chosen = np.empty((n, num_survivors), np.int64)
        least = np.empty((2, n, num_bits))
        for c in range(num_channels):
            channel_ok = np.isfinite(columns[c].sum())
            for t in range(num_vectors):
                llr[c, t] = np.nan
                decided[c, t] = -1
                if listed:
                    metrics[c, t] = np.nan
                    levels[c, t] = -1
                if not (channel_ok and np.isfinite(z[c, t].sum())):
                    continue
                copy_row(residual[0, 0], z[c, t])
                distance[0, 0] = 0.0
                count = 1
                now = 0
                for k in range(n - 1, -1, -1):
                    children = child[: count * num_levels]
                    _grow(
                        columns[c, k, k], k, residual[now], distance[now, :count], penalty, children
                    )
                    count = _nearest(children, num_survivors, kept)
                    _keep(
                        columns[c, k], k, num_levels, kept[:count], children, residual[now],
                        residual[1 - now], distance[1 - now], parent[k], chosen[k],
                    )  # fmt: skip
                    now = 1 - now
                if np.isfinite(distance[now, :count].sum()):
                    _fill_llr(distance[now, :count], parent, chosen, bits, clip, least, llr[c, t])
                    if listed:
                        _write_leaves(
                            distance[now, :count], parent, chosen, metrics[c, t], levels[c, t]
                        )
                    leaf = np.argmin(distance[now, :count])
                    for k in range(n):
                        decided[c, t, k] = chosen[k, leaf]
                        leaf = parent[k, leaf]

    arrays = "float64[:, :, ::1], float64[:, :, ::1], int8[:, ::1], float64[::1], int64, float64"
    out = "float64[:, :, :, ::1], int8[:, :, ::1], float64[:, :, ::1], int8[:, :, :, ::1]"
    return compiled(f"void({arrays}, {out})", k_best)
