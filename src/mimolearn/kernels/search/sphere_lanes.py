"""Sphere decoder for BPSK in single precision: 16 channels in the lanes until it searches.

The columns of each channel are put in order of their energy, weakest first. A tree search of real
symbols then visits hardly more nodes than after pivoting (2 % more at 32 x 64 and 0 dB, a fifth
more at 32 x 32 and 5 dB), and 16 channels can be factored and solved in step. Decision feedback
gives all lanes the first leaf of their trees, and the distances of the other children on the way to
it. Where none of them is below the leaf's, a search would visit these and end: the leaf is the
answer. Only the other lanes are searched.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mimolearn.kernels.dense.layout import cut, padded_real, real_row
from mimolearn.kernels.dense.real_dense import real_cholesky, real_forward
from mimolearn.kernels.machine.compile import compiled, inlined, sizing, uncounted
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import (
    load,
    load_int,
    load_tile,
    store,
    store_int,
    store_lines,
)
from mimolearn.kernels.machine.simd import (
    as_int_bits,
    fma,
    fnma,
    lane_numbers,
    minimum,
    select,
    select_int,
    splat,
    splat_int,
)
from mimolearn.kernels.search.sphere import search_float32
from mimolearn.kernels.triangles.triangle_float32 import DEPENDENT, INDEX_MASK, lanes_of, places

_INFINITY = np.float32(np.inf)


@uncounted
def _by_energy(problems, diagonal, num_tx, ints, order, first):
    """The columns of one channel in ``order``, from ``first`` on, by rising energy.

    The last six bits of an energy give way to the number of the column. ints: 2 S integers.
    """
    width = lanes_of(num_tx)
    for c in range(0, width, 16):
        bits = as_int_bits(load(problems, diagonal + c))
        store_int(ints, c, (bits & ~INDEX_MASK) | (lane_numbers() + c))
    for c in range(0, width, 16):
        mine, rank = load_int(ints, c), splat_int(0)
        for p in range(num_tx):
            rank = select_int(splat_int(ints[p]) < mine, rank + 1, rank)
        store_int(ints, width + c, rank)
    for p in range(num_tx):
        order[first + ints[width + p]] = p


@uncounted
def _reorder(problems, gram, num_tx, order, first, space, out):
    """The lower half of a Gram matrix with rows and columns in order."""
    width = lanes_of(num_tx)
    for i in range(num_tx):
        row = gram + order[first + i] * width
        for j in range(i + 1):
            space[out + i * width + j] = problems[row + order[first + j]]


@uncounted
def _into_lanes(space, stride, num_tx, r, row, diagonal):
    """16 lower halves, interleaved, and what is on their diagonals."""
    width, n = lanes_of(num_tx), padded_real(num_tx)
    for i in range(num_tx):
        for c in range(0, i + 1, 16):
            tile = load_tile(space, 0, 15, stride, i * width + c, 16)
            store_lines(r, i * row + c * 16, tile)
        store(diagonal, i * 16, load(r, i * row + i * 16))
    for i in range(num_tx, n):
        for j in range(i):
            store(r, i * row + j * 16, splat(0.0))
        store(r, i * row + i * 16, splat(1.0))


@uncounted
def _trusted(diagonal, scale, num_tx, most_energy):
    """1 in the lanes whose energy is small and whose columns are independent enough, else 0."""
    energy, good = splat(0.0), splat(0.0) < 1.0
    for i in range(num_tx):
        size, over_pivot = load(diagonal, i * 16), load(scale, i * 16)
        energy = energy + size
        good = good & (size * (over_pivot * over_pivot) * DEPENDENT < 1.0)
    return select(good & (energy <= most_energy), splat(1.0), splat(0.0))


@uncounted
def _lowest_levels(r, row, scale, num_tx, lowest, offset):
    """R times the lowest level; puts the diagonal of R in its place."""
    for j in range(num_tx):
        total = 1.0 / load(scale, j * 16)
        store(r, j * row + j * 16, total)
        for i in range(j + 1, num_tx):
            total = total + load(r, i * row + j * 16)
        store(offset, j * 16, total * lowest)


@uncounted
def _shift(z, offset, num_tx):
    """z less the offset; gives the energy of z before."""
    energy = splat(0.0)
    for i in range(num_tx):
        value = load(z, i * 16)
        energy = energy + value * value
        store(z, i * 16, value - load(offset, i * 16))
    return energy


@uncounted
def _feed_back(r, row, scale, z, num_tx, rest, u):
    """Decision feedback in all lanes; gives its distance and the least of all other children.

    rest: z less what the streams that are decided add to it.
    """
    distance, closest = splat(0.0), splat(_INFINITY)
    for i in range(num_tx):
        store(rest, i * 16, load(z, i * 16))
    for k in range(num_tx - 1, -1, -1):
        left, diagonal = load(rest, k * 16), load(r, k * row + k * 16)
        level = select(left * load(scale, k * 16) < 0.5, splat(0.0), splat(1.0))
        store(u, k * 16, level)
        gap, other = fnma(level, diagonal, left), fnma(1.0 - level, diagonal, left)
        closest = minimum(fma(other, other, distance), closest)
        distance = fma(gap, gap, distance)
        for i in range(k):
            store(rest, i * 16, fnma(level, load(r, k * row + i * 16), load(rest, i * 16)))
    return distance, closest


@uncounted
def _columns_of(r, row, lane, num_tx, tree):
    """The columns of R of one lane."""
    width = lanes_of(num_tx)
    for k in range(num_tx):
        for i in range(k + 1):
            tree[k * width + i] = r[k * row + i * 16 + lane]


@uncounted
def _matched(problems, b, num_tx, order, first, space, out):
    """A matched filter with its entries in order."""
    for i in range(num_tx):
        space[out + i] = problems[b + order[first + i]]


@uncounted
def _write(u, lane, num_tx, order, to_index, indices, at):
    """The indices of the levels that one lane decided for."""
    for i in range(num_tx):
        indices[at + order[lane * num_tx + i]] = to_index[int(u[i * 16 + lane])]


class Parts(NamedTuple):
    """Parts of the workspace, and where they end."""

    r: np.ndarray
    scale: np.ndarray
    diagonal: np.ndarray
    offset: np.ndarray
    z: np.ndarray
    rest: np.ndarray
    u: np.ndarray
    flags: np.ndarray
    tree: np.ndarray
    halves: np.ndarray
    end: int


@sizing
def layout(space, num_tx):
    """``Parts`` of a workspace."""
    n, width = padded_real(num_tx), lanes_of(num_tx)
    r, at = cut(space, 0, n * real_row(num_tx) + SLACK)
    scale, at = cut(space, at, n * 16)
    diagonal, at = cut(space, at, n * 16)
    offset, at = cut(space, at, n * 16)
    z, at = cut(space, at, n * 16 + SLACK)
    rest, at = cut(space, at, n * 16)
    u, at = cut(space, at, n * 16)
    flags, at = cut(space, at, 32)
    tree, at = cut(space, at, (2 * width + 1) * width)
    halves, at = cut(space, at, 16 * (num_tx * width + 16))
    return Parts(r, scale, diagonal, offset, z, rest, u, flags, tree, halves, at)


@inlined
def _factor(a, problems, begin, last, stride, at_diagonal, num_tx, ints, order, settings):
    """16 channels from ``begin`` on, or as many as there are up to ``last``, which is repeated."""
    n, row, half = padded_real(num_tx), real_row(num_tx), num_tx * lanes_of(num_tx) + 16
    for lane in range(16):
        start = min(begin + lane * stride, last)
        _by_energy(problems, start + at_diagonal, num_tx, ints, order, lane * num_tx)
        _reorder(problems, start, num_tx, order, lane * num_tx, a.halves, lane * half)
    _into_lanes(a.halves, half, num_tx, a.r, row, a.diagonal)
    real_cholesky(a.r, row, n, a.scale)
    store(a.flags, 0, _trusted(a.diagonal, a.scale, num_tx, settings[3]))
    _lowest_levels(a.r, row, a.scale, num_tx, settings[2], a.offset)


@inlined
def _first_leaf(a, problems, b, last, stride, num_tx, order, most_energy):
    """Flags: 1 where z can be trusted; then 1 where a search might find something nearer."""
    row, width = real_row(num_tx), lanes_of(num_tx)
    for lane in range(16):
        start = min(b + lane * stride, last)
        _matched(problems, start, num_tx, order, lane * num_tx, a.halves, lane * (width + 16))
    for c in range(0, num_tx, 16):
        tile = load_tile(a.halves, 0, 15, width + 16, c, min(16, num_tx - c))
        store_lines(a.z, c * 16, tile)
    real_forward(a.r, row, padded_real(num_tx), a.scale, a.z)
    energy = _shift(a.z, a.offset, num_tx)
    distance, closest = _feed_back(a.r, row, a.scale, a.z, num_tx, a.rest, a.u)
    store(a.flags, 0, select(energy <= most_energy, splat(1.0), splat(0.0)))
    store(a.flags, 16, select(closest < distance, splat(1.0), splat(0.0)))


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(problems, settings, to_index, indices, incomplete, work, ok, first, last,
    (vectors, Nt, axes, most nodes), space).

    That of ``sphere_float32`` for one axis of two levels, with ``problems`` of whole groups of 16.
    """

    def sphere_lanes(
        problems, settings, to_index, indices, incomplete, work, ok,
        first, last, numbers, space,
    ):  # fmt: skip
        vectors, tx, axes, max_nodes = numbers
        a, fields = layout(space, tx), places(tx, vectors, axes)
        width = lanes_of(tx)
        ints, order = np.empty(2 * width, np.uint32), np.empty(16 * tx, np.int64)
        low, high = np.empty(tx, np.int64), np.empty(tx, np.int64)
        chosen, best = np.empty(tx, np.int64), np.empty(tx, np.int64)
        center = np.empty(tx, np.float32)
        size = tx * width
        columns = a.tree[:size].reshape(tx, width)
        residual = a.tree[size : 2 * size].reshape(tx, width)
        distance = a.tree[2 * size : 2 * size + tx]
        # Down to the leaf, and the other child of each stream on the way back.
        nodes = 2 * tx - 1
        for group in range(first, last, 16):
            lanes, begin = min(16, last - group), (group - first) * fields.stride
            end = begin + (lanes - 1) * fields.stride
            _factor(
                a, problems, begin, end, fields.stride, fields.diagonal, tx, ints, order, settings
            )
            for lane in range(lanes):
                ok[group + lane] = a.flags[lane] > 0.0
            in_tree = -1
            for t in range(vectors):
                to_b = fields.b_re + t * width
                _first_leaf(a, problems, begin + to_b, end + to_b, fields.stride, tx, order,
                            settings[4])  # fmt: skip
                for lane in range(lanes):
                    channel = group + lane
                    ok[channel] &= a.flags[lane] > 0.0
                    if not ok[channel]:
                        continue
                    at = channel * vectors + t
                    incomplete[at], work[at] = False, 2 * nodes + tx * (tx - 1) // 2
                    if a.flags[16 + lane] > 0.0 or nodes > max_nodes:
                        if in_tree != lane:
                            _columns_of(a.r, real_row(tx), lane, tx, a.tree)
                            in_tree = lane
                        for i in range(tx):
                            residual[tx - 1, i] = a.z[i * 16 + lane]
                        incomplete[at], work[at] = search_float32(
                            columns, residual, distance, center, low, high, chosen,
                            2, max_nodes, best,
                        )  # fmt: skip
                        for i in range(tx):
                            a.u[i * 16 + lane] = best[i]
                    _write(a.u, lane, tx, order, to_index, indices, at * tx)

    arrays = "float32[::1], float32[::1], int64[::1], int64[::1], boolean[::1], int64[::1]"
    numbers = "boolean[::1], int64, int64, UniTuple(int64, 4)"
    return compiled(f"void({arrays}, {numbers}, float32[::1])", sphere_lanes)
