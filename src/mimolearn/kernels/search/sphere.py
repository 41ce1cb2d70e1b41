"""Depth-first sphere decoder for the exact closest point."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, uncounted


@uncounted
def _search(
    columns, residual, distance, center, low, high, chosen, num_levels, max_nodes, best
):  # fmt: skip
    n = columns.shape[0]
    radius = np.inf
    k = n - 1
    distance[k] = 0.0
    nodes = 0
    work = 0
    down = True
    while True:
        if down:
            first_child(columns[k, k], residual[k, k], num_levels, center, low, high, chosen, k)
        else:
            k += 1
            while k < n and not next_child(num_levels, center, low, high, chosen, k):
                k += 1
            if k == n:
                return False, work
        nodes += 1
        if nodes > max_nodes and radius < np.inf:
            return True, work
        gap = residual[k, k] - columns[k, k] * chosen[k]
        total = distance[k] + gap * gap
        work += 2
        down = False
        if not total < radius:
            continue
        if k == 0:
            radius = total
            for i in range(n):
                best[i] = chosen[i]
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
        down = True


@uncounted
def first_child(diagonal, residual, num_levels, center, low, high, chosen, k):
    """Choose the level nearest to the unconstrained solution of row k."""
    # A zero on the diagonal makes all children equal; any centre will do.
    value = residual / diagonal if diagonal > 0.0 else 0.0
    value = min(max(value, -1.0), float(num_levels))
    start = min(max(int(np.floor(value + 0.5)), 0), num_levels - 1)
    center[k] = value
    chosen[k] = start
    low[k] = start - 1
    high[k] = start + 1


@uncounted
def next_child(num_levels, center, low, high, chosen, k):
    """Choose the next nearest level of row k; False when there is none left."""
    if high[k] < num_levels and (low[k] < 0 or high[k] - center[k] < center[k] - low[k]):
        chosen[k] = high[k]
        high[k] += 1
        return True
    if low[k] >= 0:
        chosen[k] = low[k]
        low[k] -= 1
        return True
    return False


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(columns, z, num_levels, max_nodes, levels, incomplete, work).

    argmin ||z - R u||^2 over u in {0 .. num_levels - 1}^n, for every vector.

    Schnorr and Euchner's enumeration: children nearest first, so the first leaf is the decision
    feedback solution and a failed child ends its family. Each step down updates the residual of
    all levels below by one column of R.

    columns: (C, n, n), row k holds column k of R; z: (C, T, n), both float64.
    Out: levels (C, T, n) int8, -1 where no distance is finite; incomplete (C, T) bool;
    work (C, T) int64 multiplications.
    """

    def sphere(columns, z, num_levels, max_nodes, levels, incomplete, work):
        num_channels, num_vectors, n = z.shape
        residual = np.empty((n, n))
        distance = np.empty(n)
        center = np.empty(n)
        low = np.empty(n, np.int64)
        high = np.empty(n, np.int64)
        chosen = np.empty(n, np.int64)
        for c in range(num_channels):
            channel_ok = np.isfinite(columns[c].sum())
            for t in range(num_vectors):
                if not (channel_ok and np.isfinite(z[c, t].sum())):
                    levels[c, t] = -1
                    incomplete[c, t] = False
                    work[c, t] = 0
                    continue
                levels[c, t] = -1
                residual[n - 1] = z[c, t]
                incomplete[c, t], work[c, t] = _search(
                    columns[c], residual, distance, center, low, high, chosen,
                    num_levels, max_nodes, levels[c, t],
                )  # fmt: skip

    arrays = "float64[:, :, ::1], float64[:, :, ::1], int64, int64"
    out = "int8[:, :, ::1], boolean[:, ::1], int64[:, ::1]"
    return compiled(f"void({arrays}, {out})", sphere)
