"""Single tree search for exact max-log LLRs."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, inlined, uncounted
from mimolearn.kernels.search.sphere import first_child, next_child

_DOWN, _SIBLING, _UP = 0, 1, 2


@inlined
def _search(columns, residual, reals, ints, counter, bits, clip, max_nodes):
    n = columns.shape[0]
    num_levels = bits.shape[0]
    distance, center, path = reals[0], reals[1], reals[2]
    low, high, chosen, best = ints[0], ints[1], ints[2], ints[3]
    below_max = np.full(n + 1, np.inf)
    below_max[0] = -np.inf
    path[:] = np.inf
    path[n] = -np.inf
    counter[:] = np.inf
    nearest = np.inf
    nodes = 0
    work = 0
    k = n - 1
    distance[k] = 0.0
    move = _DOWN
    while True:
        if move == _DOWN:
            first_child(columns[k, k], residual[k, k], num_levels, center, low, high, chosen, k)
        else:
            k += move == _UP
            while k < n and not next_child(num_levels, center, low, high, chosen, k):
                k += 1
            if k == n:
                return False, work, nearest
        nodes += 1
        if nodes > max_nodes and nearest < np.inf:
            return True, work, nearest
        gap = residual[k, k] - columns[k, k] * chosen[k]
        total = distance[k] + gap * gap
        work += 2
        # Later children are farther, and any of them could flip every bit from level k down.
        if not total < max(below_max[k + 1], path[k + 1]):
            move = _UP
            continue
        own = path[k + 1]
        if nearest < np.inf:
            for b in range(bits.shape[1]):
                if bits[chosen[k], b] != bits[best[k], b]:
                    own = max(own, counter[k, b])
        else:
            own = np.inf
        if not total < max(below_max[k], own):
            move = _SIBLING
            continue
        path[k] = own
        if k == 0:
            nearest = enter_leaf(total, nearest, chosen, best, counter, bits, clip, below_max, path)
            move = _SIBLING
            continue
        above = residual[k]
        below = residual[k - 1]
        column = columns[k]
        step = float(chosen[k])
        for i in range(k):
            below[i] = above[i] - column[i] * step
        work += k
        k -= 1
        distance[k] = total
        move = _DOWN


@uncounted
def enter_leaf(total, nearest, chosen, best, counter, bits, clip, below_max, path):
    """Enter a leaf into the best leaf and the counters; returns the smallest distance."""
    n, num_bits = counter.shape
    if total < nearest:
        if nearest < np.inf:
            for k in range(n):
                for b in range(num_bits):
                    if bits[chosen[k], b] != bits[best[k], b]:
                        counter[k, b] = nearest
        # Entry by entry: callers that count no references have no copying of slices.
        for k in range(n):
            best[k] = chosen[k]
        nearest = total
    else:
        for k in range(n):
            for b in range(num_bits):
                if bits[chosen[k], b] != bits[best[k], b]:
                    counter[k, b] = min(counter[k, b], total)
    for k in range(n):
        largest = -np.inf
        for b in range(num_bits):
            counter[k, b] = min(counter[k, b], nearest + clip)
            largest = max(largest, counter[k, b])
        below_max[k + 1] = max(below_max[k], largest)
    for k in range(n - 1, -1, -1):
        path[k] = path[k + 1]
        for b in range(num_bits):
            if bits[chosen[k], b] != bits[best[k], b]:
                path[k] = max(path[k], counter[k, b])
    return nearest


@uncounted
def fill_llr(best, counter, nearest, bits, llr):
    """Counters to LLRs; a bit whose counter a cut search never met takes the largest gap known."""
    n, num_bits = counter.shape
    largest = 0.0
    for k in range(n):
        for b in range(num_bits):
            if counter[k, b] < np.inf:
                largest = max(largest, counter[k, b] - nearest)
    if largest == 0.0:
        largest = 1.0
    for k in range(n):
        for b in range(num_bits):
            gap = counter[k, b] - nearest if counter[k, b] < np.inf else largest
            llr[k, b] = gap if bits[best[k], b] else -gap


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(columns, z, bits, clip, max_nodes, llr, decided, incomplete, work).

    Max-log LLRs of every bit in one search of the tree of ||z - R u||^2.

    Beside the best leaf, one counter-hypothesis a bit is kept: the smallest distance seen with
    that bit flipped. A branch is cut when no counter-hypothesis it could lower lies beyond it.

    columns: (C, n, n), row k holds column k of R; z: (C, T, n), both float64; bits: (L, Ka) int8;
    clip: largest |LLR|, or inf.
    Out: llr (C, T, n, Ka) float64, NaN where no distance is finite; decided (C, T, n) int8, the
    levels of the best leaf, -1 there; incomplete (C, T) bool; work (C, T) int64 multiplications.
    """

    def soft_sphere(columns, z, bits, clip, max_nodes, llr, decided, incomplete, work):
        num_channels, num_vectors, n = z.shape
        num_bits = bits.shape[1]
        residual = np.empty((n, n))
        reals = np.empty((3, n + 1))
        ints = np.empty((4, n), np.int64)
        counter = np.empty((n, num_bits))
        for c in range(num_channels):
            channel_ok = np.isfinite(columns[c].sum())
            for t in range(num_vectors):
                incomplete[c, t] = False
                work[c, t] = 0
                llr[c, t] = np.nan
                decided[c, t] = -1
                if not (channel_ok and np.isfinite(z[c, t].sum())):
                    continue
                residual[n - 1] = z[c, t]
                incomplete[c, t], work[c, t], nearest = _search(
                    columns[c], residual, reals, ints, counter, bits, clip, max_nodes
                )
                if np.isfinite(nearest):
                    fill_llr(ints[3], counter, nearest, bits, llr[c, t])
                    decided[c, t] = ints[3]

    arrays = "float64[:, :, ::1], float64[:, :, ::1], int8[:, ::1], float64, int64"
    out = "float64[:, :, :, ::1], int8[:, :, ::1], boolean[:, ::1], int64[:, ::1]"
    return compiled(f"void({arrays}, {out})", soft_sphere)
