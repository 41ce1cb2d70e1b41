"""Steps that the sphere decoders of both precisions share."""

from __future__ import annotations

import numpy as np

from mimolearn.kernels.machine.compile import inlined, uncounted
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fnma
from mimolearn.kernels.triangles.triangle_float32 import lanes_of, search_memory


@uncounted
def copy_row(into, row):
    """What ``into[:] = row`` does, without its check of lengths, which compiles for seconds."""
    for i in range(row.size):
        into[i] = row[i]


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


@uncounted
def subtract_one_by_one(column, step, above, below, k):
    """below = above - step column, the first k entries, every operation rounded."""
    for i in range(k):
        below[i] = above[i] - column[i] * step


@uncounted
def subtract_in_lanes(column, step, above, below, k):
    """The same in single precision, in whole vectors and fused."""
    for c in range(0, k, 16):
        store(below, c, fnma(load(column, c), step, load(above, c)))


@inlined
def search_arrays(space, num_tx, axes):
    """Residuals (n, S) and distances (n) of a search, which lie after the triangle."""
    n, real = axes * num_tx, lanes_of(axes * num_tx)
    residual, distance, _end = search_memory(num_tx, axes)
    return space[residual : residual + n * real].reshape(n, real), space[distance : distance + n]
