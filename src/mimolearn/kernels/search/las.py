"""Likelihood-ascent search: the best change of one level, until none helps."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, uncounted


@uncounted
def first_residual(gram, matched, u, top, residual):
    """b - G x."""
    n = len(u)
    for i in range(n):
        residual[i] = matched[i]
    for j in range(n):
        x = 2.0 * u[j] - top
        for i in range(n):
            residual[i] -= gram[j, i] * x


@uncounted
def best_entry(gram, residual, u, top):
    """The entry whose change lowers the metric most; -1 where none does."""
    best = -1
    most = 0.0
    for i in range(len(u)):
        free = u[i] < top if residual[i] > 0.0 else u[i] > 0
        # Rounding must not make two equal metrics take turns.
        gain = abs(residual[i]) * (1.0 - 1e-12) - gram[i, i]
        if free and gain > most:
            most = gain
            best = i
    return best


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(gram, matched, num_levels, max_steps, levels, incomplete, work).

    Descend x^T G x - 2 b^T x by the steepest change of one entry to a neighbouring level.

    The metric is convex in each entry, so where no neighbouring level helps, no level does.

    gram: (C, n, n), matched: (C, T, n), both float64 in units where x = 2 u - (num_levels - 1).
    levels: (C, T, n) int8, u of the start; out: u of the local optimum. Vectors whose first entry
    is below 0 are left alone. incomplete (C, T) bool: more than max_steps were needed.
    work (C, T) int64 multiplications.
    """

    def las(gram, matched, num_levels, max_steps, levels, incomplete, work):
        num_channels, num_vectors, n = matched.shape
        residual = np.empty(n)
        top = num_levels - 1
        for c in range(num_channels):
            for t in range(num_vectors):
                u = levels[c, t]
                incomplete[c, t] = False
                work[c, t] = 0
                if u[0] < 0:
                    continue
                first_residual(gram[c], matched[c, t], u, top, residual)
                work[c, t] = n * n
                steps = 0
                while True:
                    # 2 |residual| - 2 G_ii is half of what a change by 2 takes off the metric.
                    work[c, t] += n
                    entry = best_entry(gram[c], residual, u, top)
                    if entry < 0:
                        break
                    if steps == max_steps:
                        incomplete[c, t] = True
                        break
                    up = residual[entry] > 0.0
                    u[entry] += 1 if up else -1
                    change = 2.0 if up else -2.0
                    row = gram[c, entry]
                    for i in range(n):
                        residual[i] -= change * row[i]
                    work[c, t] += n
                    steps += 1

    arrays = "float64[:, :, ::1], float64[:, :, ::1], int64, int64"
    out = "int8[:, :, ::1], boolean[:, ::1], int64[:, ::1]"
    return compiled(f"void({arrays}, {out})", las)
