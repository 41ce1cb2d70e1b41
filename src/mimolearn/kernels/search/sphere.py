"""Depth-first sphere decoder for the exact closest point, in double and in single precision.

The search is written once. In single precision 16 entries of a row of the residual are one vector,
and the kernel makes the triangle that it searches; in double precision the triangle comes ready.
BPSK in single precision takes ``sphere_lanes``, which searches few of its vectors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from mimolearn.kernels.machine.compile import compiled, uncounted
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.search.tree import (
    copy_row,
    first_child,
    next_child,
    search_arrays,
    subtract_in_lanes,
    subtract_one_by_one,
)
from mimolearn.kernels.triangles.triangle_float32 import (
    factor,
    lanes_of,
    order_columns,
    places,
    rotate,
    triangle_memory,
)


def _search_in(number: type[np.floating], subtract: Any) -> Any:
    """The search for numbers of one precision.

    subtract: takes a multiple of one column from a row of the residual, see ``tree``.
    """
    infinity = number(np.inf)

    @uncounted
    def search(
        columns, residual, distance, center, low, high, chosen, num_levels, max_nodes, best
    ):  # fmt: skip
        """Returns whether the search was cut, and its multiplications.

        columns: (n, S), row k holds column k of R. residual: (n, S), its last row is z.
        best: (n), the levels of the nearest leaf afterwards. The others: memory for n numbers.
        """
        n = columns.shape[0]
        radius = infinity
        k = n - 1
        distance[k] = 0.0
        nodes = 0
        work = 0
        down = True
        while True:
            if down:
                diagonal, rest = columns[k, k], residual[k, k]
                first_child(diagonal, rest, num_levels, center, low, high, chosen, k)
            else:
                k += 1
                while k < n and not next_child(num_levels, center, low, high, chosen, k):
                    k += 1
                if k == n:
                    return False, work
                diagonal, rest = columns[k, k], residual[k, k]
            nodes += 1
            if nodes > max_nodes and radius < infinity:
                return True, work
            step = number(chosen[k])
            gap = rest - diagonal * step
            total = distance[k] + gap * gap
            work += 2
            down = False
            if not total < radius:
                continue
            if k == 0:
                radius = total
                # Entry by entry: callers that count no references have no copying of slices.
                for i in range(n):
                    best[i] = chosen[i]
                continue
            subtract(columns[k], step, residual[k], residual[k - 1], k)
            work += k
            k -= 1
            distance[k] = total
            down = True

    return search


search_float64 = _search_in(np.float64, subtract_one_by_one)
search_float32 = _search_in(np.float32, subtract_in_lanes)


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
                copy_row(residual[n - 1], z[c, t])
                incomplete[c, t], work[c, t] = search_float64(
                    columns[c], residual, distance, center, low, high, chosen,
                    num_levels, max_nodes, levels[c, t],
                )  # fmt: skip

    arrays = "float64[:, :, ::1], float64[:, :, ::1], int64, int64"
    out = "int8[:, :, ::1], boolean[:, ::1], int64[:, ::1]"
    return compiled(f"void({arrays}, {out})", sphere)


@functools.cache
def float32_kernel() -> Callable[..., None]:
    """kernel(problems, settings, to_index, indices, incomplete, work, ok, first, last,
    (vectors, Nt, axes, most nodes), space).

    problems, settings, ok: as for ``k_best_float32``. to_index (L): what a level adds to the index
    of a symbol, on the real axis. Out, flat: indices (B, T, Nt), incomplete and work (B, T).
    """

    def sphere_float32(
        problems, settings, to_index, indices, incomplete, work, ok,
        first, last, numbers, space,
    ):  # fmt: skip
        vectors, tx, axes, max_nodes = numbers
        n, real, width = axes * tx, lanes_of(axes * tx), lanes_of(tx)
        fields, m = places(tx, vectors, axes), triangle_memory(tx, axes)
        space[: m.end] = 0.0
        residual, distance = search_arrays(space, tx, axes)
        columns, z = space[m.columns : m.columns + n * real].reshape(n, real), residual[n - 1]
        order, low, high = np.empty(tx, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
        chosen, best = np.empty(n, np.int64), np.empty(n, np.int64)
        center = np.empty(n, np.float32)
        for channel in range(first, last):
            start = (channel - first) * fields.stride
            ok[channel] = factor(space, m, problems, start, fields, tx, axes, order, settings[3])
            if not ok[channel]:
                continue
            order_columns(space, m, tx, axes, order, settings[2])
            for t in range(vectors):
                b_re, b_im = start + fields.b_re + t * width, start + fields.b_im + t * width
                energy = rotate(space, m, problems, b_re, b_im, tx, axes, order)
                if not energy <= settings[4]:
                    ok[channel] = False
                    break
                for c in range(0, real, 16):
                    store(z, c, load(space, m.z + c))
                at = channel * vectors + t
                incomplete[at], work[at] = search_float32(
                    columns, residual, distance, center, low, high, chosen,
                    to_index.size, max_nodes, best,
                )  # fmt: skip
                for j in range(tx):
                    index = to_index[best[j * axes]]
                    if axes == 2:
                        index += to_index[best[2 * j + 1]] >> 1
                    indices[at * tx + order[j]] = index

    arrays = "float32[::1], float32[::1], int64[::1], int64[::1], boolean[::1], int64[::1]"
    numbers = "boolean[::1], int64, int64, UniTuple(int64, 4)"
    return compiled(f"void({arrays}, {numbers}, float32[::1])", sphere_float32)
