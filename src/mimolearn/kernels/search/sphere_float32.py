"""Depth-first sphere decoder in single precision, with the triangle it searches.

The search of ``sphere``, with a row of the residual in the lanes. BPSK takes the way of
``sphere_lanes``, which searches few of its vectors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, uncounted
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fnma
from mimolearn.kernels.search.sphere import first_child, next_child
from mimolearn.kernels.search.triangle_float32 import (
    factor,
    lanes_of,
    order_columns,
    places,
    rotate,
    search_memory,
    triangle_memory,
)


@uncounted
def search(
    space, columns, residual, distance, n, real, center, low, high, chosen,
    num_levels, max_nodes, best,
):  # fmt: skip
    """Returns whether the search was cut, and its multiplications."""
    radius = np.float32(np.inf)
    k = n - 1
    space[distance + k] = 0.0
    nodes = 0
    work = 0
    down = True
    while True:
        diagonal, rest = space[columns + k * real + k], space[residual + k * real + k]
        if down:
            first_child(diagonal, rest, num_levels, center, low, high, chosen, k)
        else:
            k += 1
            while k < n and not next_child(num_levels, center, low, high, chosen, k):
                k += 1
            if k == n:
                return False, work
            diagonal, rest = space[columns + k * real + k], space[residual + k * real + k]
        nodes += 1
        if nodes > max_nodes and radius < np.inf:
            return True, work
        step = np.float32(chosen[k])
        gap = rest - diagonal * step
        total = space[distance + k] + gap * gap
        work += 2
        down = False
        if not total < radius:
            continue
        if k == 0:
            radius = total
            for i in range(n):
                best[i] = chosen[i]
            continue
        at = k * real
        for c in range(0, k, 16):
            above, column = load(space, residual + at + c), load(space, columns + at + c)
            store(space, residual + at - real + c, fnma(column, step, above))
        work += k
        k -= 1
        space[distance + k] = total
        down = True


@functools.cache
def kernel() -> Callable[..., None]:
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
        place, m = places(tx, vectors, axes), triangle_memory(tx, axes)
        space[: m.end] = 0.0
        residual, distance, _end = search_memory(tx, axes)
        order, low, high = np.empty(tx, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
        chosen, best = np.empty(n, np.int64), np.empty(n, np.int64)
        center = np.empty(n, np.float32)
        for channel in range(first, last):
            own = (channel - first) * place.stride
            ok[channel] = factor(space, m, problems, own, place, tx, axes, order, settings[3])
            if not ok[channel]:
                continue
            order_columns(space, m, tx, axes, order, settings[2])
            for t in range(vectors):
                b_re, b_im = own + place.b_re + t * width, own + place.b_im + t * width
                energy = rotate(space, m, problems, b_re, b_im, tx, axes, order)
                if not energy <= settings[4]:
                    ok[channel] = False
                    break
                start = residual + (n - 1) * real
                for c in range(0, real, 16):
                    store(space, start + c, load(space, m.z + c))
                at = channel * vectors + t
                incomplete[at], work[at] = search(
                    space, m.columns, residual, distance, n, real, center, low, high, chosen,
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
