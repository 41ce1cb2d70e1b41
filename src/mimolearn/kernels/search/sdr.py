"""Semidefinite relaxation of binary least squares by coordinate descent."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, inlined


@inlined
def relax(q, v, tolerance, max_sweeps):
    """Coordinate descent in place; returns its sweeps, max_sweeps + 1 when it did not settle."""
    size, rank = v.shape
    g = np.empty(rank)
    for sweep in range(max_sweeps):
        gain = 0.0
        objective = 0.0
        for i in range(size):
            g[:] = 0.0
            for j in range(size):
                weight = q[i, j] if j != i else 0.0
                for r in range(rank):
                    g[r] += weight * v[j, r]
            norm = 0.0
            before = 0.0
            for r in range(rank):
                norm += g[r] * g[r]
                before += g[r] * v[i, r]
            norm = np.sqrt(norm)
            # What row i does not meet leaves it free: keep it.
            if norm > 0.0:
                for r in range(rank):
                    v[i, r] = -g[r] / norm
                gain += 2.0 * (norm + before)
            objective += q[i, i] - norm
        if gain <= tolerance * abs(objective):
            return sweep + 1
    return max_sweeps + 1


@inlined
def _round(q, v, directions, signs):
    """The best sign vector among the random roundings and the signs of the last column of V V^T."""
    n = signs.size
    candidate = np.empty(n)
    product = np.empty(n)
    projection = np.empty(n + 1)
    best = np.inf
    for trial in range(directions.shape[0] + 1):
        direction = directions[trial - 1] if trial > 0 else v[n]
        for i in range(n + 1):
            total = 0.0
            for r in range(direction.size):
                total += v[i, r] * direction[r]
            projection[i] = total
        for i in range(n):
            candidate[i] = 1.0 if (projection[i] >= 0.0) == (projection[n] >= 0.0) else -1.0
        product[:] = 0.0
        for j in range(n):
            for i in range(n):
                product[i] += q[j, i] * candidate[j]
        value = 0.0
        for i in range(n):
            value += candidate[i] * (product[i] + 2.0 * q[n, i])
        if value < best:
            best = value
            for i in range(n):
                signs[i] = 1 if candidate[i] > 0.0 else -1


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(gram, matched, start, directions, tolerance, max_sweeps, signs, incomplete, work).

    Signs s in {-1, 1}^n that nearly minimise s^T G s - 2 b^T s.

    The relaxation min tr(Q V V^T), unit rows in V, Q = [[G, -b], [-b^T, 0]], by the mixing method
    (Wang, Chang and Kolter 2017): row i <- -g / ||g||, g = sum over j != i of Q_ij v_j. Then the
    best of the rounded candidates.

    gram: (C, n, n); matched: (C, T, n); start: (n + 1, rank), unit rows; directions: (J, rank).
    Out: signs (C, T, n) int8, 0 where the input is not finite; incomplete (C, T) bool, the
    tolerance was not reached; work (C, T) int64 multiplications.
    """

    def sdr(gram, matched, start, directions, tolerance, max_sweeps, signs, incomplete, work):
        num_channels, num_vectors, n = matched.shape
        rank = start.shape[1]
        q = np.empty((n + 1, n + 1))
        v = np.empty((n + 1, rank))
        for c in range(num_channels):
            for i in range(n):
                for j in range(n):
                    q[i, j] = gram[c, i, j]
            q[n, n] = 0.0
            channel_ok = np.isfinite(gram[c].sum())
            for t in range(num_vectors):
                signs[c, t] = 0
                incomplete[c, t] = False
                work[c, t] = 0
                if not (channel_ok and np.isfinite(matched[c, t].sum())):
                    continue
                for i in range(n):
                    q[i, n] = q[n, i] = -matched[c, t, i]
                for i in range(n + 1):
                    for r in range(rank):
                        v[i, r] = start[i, r]
                sweeps = relax(q, v, tolerance, max_sweeps)
                incomplete[c, t] = sweeps == max_sweeps + 1
                _round(q, v, directions, signs[c, t])
                work[c, t] = min(sweeps, max_sweeps) * (n + 1) * (n + 3) * rank
                work[c, t] += (directions.shape[0] + 1) * ((n + 1) * rank + n * (n + 2))

    arrays = "float64[:, :, ::1], float64[:, :, ::1], float64[:, ::1], float64[:, ::1]"
    out = "int8[:, :, ::1], boolean[:, ::1], int64[:, ::1]"
    return compiled(f"void({arrays}, float64, int64, {out})", sdr)
