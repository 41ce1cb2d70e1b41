"""Single tree search for exact max-log LLRs in single precision, with the triangle it searches.

The search of ``soft_sphere``, with a row of the residual in the lanes. It is 1.2 to 1.6 times as
fast as double precision from 4x4 to 64x32 (QPSK most): most of the time goes to single nodes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, uncounted
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fnma
from mimolearn.kernels.search.soft_sphere import enter_leaf, fill_llr
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

_DOWN, _SIBLING, _UP = 0, 1, 2
_INFINITY = np.float32(np.inf)


@uncounted
def _largest_counter(counter, bits, level, best):
    """Of one row: the largest counter-hypothesis that a level could lower."""
    largest = -_INFINITY
    for b in range(bits.shape[1]):
        if bits[level, b] != bits[best, b]:
            largest = max(largest, counter[b])
    return largest


@uncounted
def _search(
    space, columns, residual, distance, n, real, center, ints, reals, counter, bits, clip, max_nodes
):
    """Returns whether the search was cut, its multiplications, and the smallest distance."""
    low, high, chosen, best = ints[0], ints[1], ints[2], ints[3]
    below_max, path = reals[0], reals[1]
    below_max[:] = _INFINITY
    below_max[0] = -_INFINITY
    path[:] = _INFINITY
    path[n] = -_INFINITY
    counter[:] = _INFINITY
    nearest, nodes, work = _INFINITY, 0, 0
    k = n - 1
    space[distance + k] = 0.0
    move = _DOWN
    while True:
        if move == _DOWN:
            diagonal, rest = space[columns + k * real + k], space[residual + k * real + k]
            first_child(diagonal, rest, bits.shape[0], center, low, high, chosen, k)
        else:
            k += move == _UP
            while k < n and not next_child(bits.shape[0], center, low, high, chosen, k):
                k += 1
            if k == n:
                return False, work, nearest
            diagonal, rest = space[columns + k * real + k], space[residual + k * real + k]
        nodes += 1
        if nodes > max_nodes and nearest < _INFINITY:
            return True, work, nearest
        step = np.float32(chosen[k])
        gap = rest - diagonal * step
        total = space[distance + k] + gap * gap
        work += 2
        # Later children are farther, and any of them could flip every bit from level k down.
        if not total < max(below_max[k + 1], path[k + 1]):
            move = _UP
            continue
        own = _INFINITY
        if nearest < _INFINITY:
            own = max(path[k + 1], _largest_counter(counter[k], bits, chosen[k], best[k]))
        if not total < max(below_max[k], own):
            move = _SIBLING
            continue
        path[k] = own
        if k == 0:
            nearest = np.float32(
                enter_leaf(total, nearest, chosen, best, counter, bits, clip, below_max, path)
            )
            move = _SIBLING
            continue
        at = k * real
        for c in range(0, k, 16):
            above, column = load(space, residual + at + c), load(space, columns + at + c)
            store(space, residual + at - real + c, fnma(column, step, above))
        work += k
        k -= 1
        space[distance + k] = total
        move = _DOWN


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(problems, settings, bits, to_index, llr, decided, incomplete, work, ok,
    first, last, (vectors, Nt, axes, most nodes), space).

    The first as for ``k_best_float32``. Out too, flat: incomplete and work (B, T).
    """

    def soft_sphere_float32(
        problems, settings, bits, to_index, llr, decided, incomplete, work, ok,
        first, last, numbers, space,
    ):  # fmt: skip
        vectors, tx, axes, max_nodes = numbers
        n, real, width, num_bits = axes * tx, lanes_of(axes * tx), lanes_of(tx), bits.shape[1]
        place, m = places(tx, vectors, axes), triangle_memory(tx, axes)
        space[: m.end] = 0.0
        residual, distance, _end = search_memory(tx, axes)
        order, ints = np.empty(tx, np.int64), np.empty((4, n), np.int64)
        center, reals = np.empty(n, np.float32), np.empty((2, n + 1), np.float32)
        counter = np.empty((n, num_bits), np.float32)
        axis_llr = np.empty((n, num_bits), np.float32)
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
                incomplete[at], work[at], nearest = _search(
                    space, m.columns, residual, distance, n, real, center, ints, reals, counter,
                    bits, settings[5], max_nodes,
                )  # fmt: skip
                best = ints[3]
                fill_llr(best, counter, nearest, bits, axis_llr)
                for j in range(tx):
                    index = to_index[best[j * axes]]
                    if axes == 2:
                        index += to_index[best[2 * j + 1]] >> 1
                    decided[at * tx + order[j]] = index
                for row in range(n):
                    to = (at * tx + order[row // axes]) * num_bits * axes + row % axes
                    for b in range(num_bits):
                        llr[to + b * axes] = axis_llr[row, b]

    arrays = "float32[::1], float32[::1], int8[:, ::1], int64[::1], float32[::1], int64[::1]"
    outputs = "boolean[::1], int64[::1], boolean[::1], int64, int64, UniTuple(int64, 4)"
    return compiled(f"void({arrays}, {outputs}, float32[::1])", soft_sphere_float32)
