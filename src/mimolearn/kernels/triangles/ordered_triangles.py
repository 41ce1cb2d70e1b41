"""Triangles for the K-best search in single precision, 16 channels in the lanes to the end.

||y - H x||^2 / noise_var + bias = ||z - R u||^2 + const, as in ``triangle_float32``, of the MMSE
receiver, where ``mmse_tree.ordered_by_variance`` says so: the last row has the stream of the
smallest posterior variance, the row before it that of the smallest one once the last is known, and
so on (Foschini et al. 1999, with the MMSE). That is the order of the pivots of A^-1, smallest
first, because the Schur complements of A^-1 are the covariances that are left. So A^-1 is factored
with pivots to order the streams. Then A is factored in that order: A^-1 is not accurate enough to
be used itself. Each lane has pivots of its own, and gathers rows by them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mimolearn.kernels.dense.blocks import complex_2x2
from mimolearn.kernels.dense.complex_dense import cholesky, correlate, gram, inverse
from mimolearn.kernels.dense.interleave import interleave
from mimolearn.kernels.dense.layout import channel_floats, cut, padded, row_length, square_floats
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing, uncounted
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, load_lines, store, store_int, store_tile
from mimolearn.kernels.machine.simd import (
    as_int_bits,
    fma,
    fnma,
    select,
    select_int,
    splat,
    splat_int,
    sqrt,
)
from mimolearn.kernels.triangles.triangle_float32 import DEPENDENT, INDEX_MASK, lanes_of

_INFINITY = np.float32(np.inf)


class Ordered(NamedTuple):
    """Where the numbers of one channel lie, and how long they are.

    From 0 on columns (n, n'), row k holds column k of R down to its diagonal, whatever follows;
    order (Nt): the stream of each pair of rows; trusted (T): 1, or 0 where single precision cannot
    be trusted; z (T, n').
    """

    order: int
    trusted: int
    z: int
    stride: int


@sizing
def ordered(num_tx, num_vectors):
    """Places for one channel."""
    real = lanes_of(2 * num_tx)
    order = 2 * num_tx * real
    trusted = order + lanes_of(num_tx)
    z = trusted + lanes_of(num_vectors)
    return Ordered(order, trusted, z, z + num_vectors * real)


class Parts(NamedTuple):
    """Parts of the workspace, and where they end."""

    channel: np.ndarray
    system: np.ndarray
    factor: np.ndarray
    inverse: np.ndarray
    posterior: np.ndarray
    scale: np.ndarray
    power: np.ndarray
    received: np.ndarray
    matched: np.ndarray
    offset: np.ndarray
    z: np.ndarray
    plane: np.ndarray
    end: int


@sizing
def layout(space, rx, tx):
    """``Parts`` of a workspace."""
    n, square = padded(tx), square_floats(tx)
    channel, at = cut(space, 0, channel_floats(rx, tx))
    system, at = cut(space, at, square)
    factor, at = cut(space, at, square)
    inverted, at = cut(space, at, square)
    posterior, at = cut(space, at, square)
    scale, at = cut(space, at, n * 16)
    power, at = cut(space, at, n * 16)
    received, at = cut(space, at, rx * 32 + SLACK)
    matched, at = cut(space, at, n * 32)
    offset, at = cut(space, at, n * 32)
    z, at = cut(space, at, n * 32)
    plane, at = cut(space, at, 2 * lanes_of(2 * tx) * 16)
    return Parts(
        channel, system, factor, inverted, posterior, scale, power, received, matched, offset,
        z, plane, at,
    )  # fmt: skip


@uncounted
def _load_system(system, row, num_tx, scale, loading, factor):
    """Scale and load the lower half of a matrix, fill the upper one; the lower half in factor."""
    for p in range(num_tx):
        for q in range(p):
            at = p * row + q * 32
            re, im = load(system, at) * scale, load(system, at + 16) * scale
            store(system, at, re)
            store(system, at + 16, im)
            store(factor, at, re)
            store(factor, at + 16, im)
            store(system, q * row + p * 32, re)
            store(system, q * row + p * 32 + 16, -im)
        at = p * row + p * 32
        own = fma(load(system, at), scale, splat(loading))
        store(system, at, own)
        store(system, at + 16, splat(0.0))
        store(factor, at, own)
        store(factor, at + 16, splat(0.0))


@uncounted
def _pad(factor, row, num_tx):
    """The identity in what fills an odd number of columns up."""
    if num_tx % 2 == 1:
        for q in range(num_tx):
            store(factor, num_tx * row + q * 32, splat(0.0))
            store(factor, num_tx * row + q * 32 + 16, splat(0.0))
        store(factor, num_tx * (row + 32), splat(1.0))
        store(factor, num_tx * (row + 32) + 16, splat(0.0))


@uncounted
def _store_both(out, row, p, q, re, im):
    """An entry of a Hermitian matrix and its mirror image."""
    store(out, p * row + q * 32, re)
    store(out, p * row + q * 32 + 16, im)
    store(out, q * row + p * 32, re)
    store(out, q * row + p * 32 + 16, -im)


@inlined
def _posterior(u, row, n, out):
    """conj(A^-1), both halves, from the ``inverse`` of the factor of conj(A)."""
    for q in range(0, n, 2):
        for p in range(q, n, 2):
            s = complex_2x2(u, p * (row + 32), 32, row, u, p * row + q * 32, 32, row, n - p)
            _store_both(out, row, p, q, s[0], s[1])
            _store_both(out, row, p, q + 1, s[2], s[3])
            _store_both(out, row, p + 1, q, s[4], s[5])
            _store_both(out, row, p + 1, q + 1, s[6], s[7])


@uncounted
def _next_stream(power, num_tx, ints, at):
    """Of each lane the stream of the smallest variance, its last six bits aside."""
    best = splat_int(0x7FFFFFFF)
    for i in range(num_tx):
        packed = (as_int_bits(load(power, i * 16)) & ~INDEX_MASK) | i
        best = select_int(packed < best, packed, best)
    store_int(ints, at, best & INDEX_MASK)


@uncounted
def _gather_row(matrix, row, count, ints, at, out):
    """Of each lane the row that its integer says."""
    for lane in range(16):
        start = np.uint64(np.int64(ints[np.uint64(at + lane)]) * row + lane)
        for i in range(2 * count):
            out[np.uint64(i * 16 + lane)] = matrix[start + np.uint64(i * 16)]


@uncounted
def _gather_column(rows, row, count, ints, at, out):
    """Of each lane the column that its integer says, of the first rows."""
    for lane in range(16):
        start = np.int64(ints[np.uint64(at + lane)]) * 32 + lane
        for i in range(count):
            out[np.uint64(i * 32 + lane)] = rows[np.uint64(i * row + start)]
            out[np.uint64(i * 32 + 16 + lane)] = rows[np.uint64(i * row + start + 16)]


@uncounted
def _left(rows, row, k, column, known, i):
    """Entries i and i + 1 of a column of A^-1, less what k rows of its factor explain."""
    re, im = load(column, i * 32), load(column, i * 32 + 16)
    re2, im2 = load(column, i * 32 + 32), load(column, i * 32 + 48)
    for m in range(k):
        at = m * row + i * 32
        a, b = load(known, m * 32), load(known, m * 32 + 16)
        x, y = load(rows, at), load(rows, at + 16)
        re, im = fnma(y, b, fnma(x, a, re)), fma(x, b, fnma(y, a, im))
        x, y = load(rows, at + 32), load(rows, at + 48)
        re2, im2 = fnma(y, b, fnma(x, a, re2)), fma(x, b, fnma(y, a, im2))
    return re, im, re2, im2


@uncounted
def _keep(rows, at, re, im, scale, power, i):
    """Entry i of a row of the factor of A^-1, whose energy leaves the variance of stream i."""
    re, im = re * scale, im * scale
    store(rows, at, re)
    store(rows, at + 16, im)
    rest = load(power, i * 16)
    left = fnma(im, im, fnma(re, re, rest))
    store(power, i * 16, select(rest < _INFINITY, left, rest))


@uncounted
def _order(posterior, row, num_tx, power, rows, column, known, ints):
    """Streams of each lane by the pivots of A^-1, into 16 integers a step; the last row first."""
    for i in range(num_tx):
        store(power, i * 16, load(posterior, i * (row + 32)))
    for k in range(num_tx):
        at = (num_tx - 1 - k) * 16
        _next_stream(power, num_tx, ints, at)
        if k == num_tx - 1:
            break
        _gather_row(posterior, row, num_tx, ints, at, column)
        _gather_column(rows, row, k, ints, at, known)
        for lane in range(16):
            p = np.int64(ints[np.uint64(at + lane)])
            known[k * 32 + lane] = power[p * 16 + lane]
            power[p * 16 + lane] = _INFINITY
        scale = 1.0 / sqrt(load(known, k * 32))
        for i in range(0, num_tx, 2):
            re, im, re2, im2 = _left(rows, row, k, column, known, i)
            _keep(rows, k * row + i * 32, re, im, scale, power, i)
            _keep(rows, k * row + i * 32 + 32, re2, im2, scale, power, i + 1)


@uncounted
def _reorder(system, row, num_tx, ints, out):
    """The lower half of a matrix with rows and columns in order."""
    for lane in range(16):
        for i in range(num_tx):
            start = np.int64(ints[np.uint64(i * 16 + lane)]) * row + lane
            to = i * row + lane
            for j in range(i + 1):
                at = start + np.int64(ints[np.uint64(j * 16 + lane)]) * 32
                out[np.uint64(to + j * 32)] = system[np.uint64(at)]
                out[np.uint64(to + j * 32 + 16)] = system[np.uint64(at + 16)]


@uncounted
def _trusted(factor, row, scale, num_tx, most_energy):
    """1 in the lanes whose energy is small and whose streams are independent enough, else 0.

    The diagonal of ``factor`` is still that of the matrix.
    """
    energy, good = splat(0.0), splat(0.0) < 1.0
    for i in range(num_tx):
        own, over_pivot = load(factor, i * (row + 32)), load(scale, i * 16)
        energy = energy + own
        good = good & (own * (over_pivot * over_pivot) * DEPENDENT < 1.0)
    return select(good & (energy <= most_energy), splat(1.0), splat(0.0))


@uncounted
def _finish(factor, row, scale, num_tx, lowest, offset):
    """Put the diagonal of R in its place; offset: R times the lowest level of both axes."""
    for j in range(num_tx):
        re = 1.0 / load(scale, j * 16)
        store(factor, j * (row + 32), re)
        store(factor, j * (row + 32) + 16, splat(0.0))
        im = re
        for i in range(j + 1, num_tx):
            x, y = load(factor, i * row + j * 32), load(factor, i * row + j * 32 + 16)
            re, im = re + (x - y), im + (x + y)
        store(offset, j * 32, re * lowest)
        store(offset, j * 32 + 16, im * lowest)


@uncounted
def _to_problems(plane, first, count, out, stride, column):
    """``count`` interleaved floats to each of 16 channels, ``stride`` floats apart."""
    for c in range(0, count, 16):
        tile = load_lines(plane, first + c * 16)
        store_tile(out, 0, 15, stride, column + c, 16, tile)


@uncounted
def _write_columns(factor, row, num_tx, plane, out, stride, at):
    """The real columns of R: of row i of the factor, which is column i of the complex R."""
    real = lanes_of(2 * num_tx)
    for i in range(num_tx):
        for j in range(i + 1):
            re, im = load(factor, i * row + j * 32), load(factor, i * row + j * 32 + 16)
            store(plane, j * 32, re)
            store(plane, j * 32 + 16, im)
            store(plane, (real + 2 * j) * 16, -im)
            store(plane, (real + 2 * j + 1) * 16, re)
        for axis in range(2):
            to = at + (2 * i + axis) * real
            _to_problems(plane, axis * real * 16, 2 * i + 2, out, stride, to)


@uncounted
def _solve(factor, row, scale, num_tx, matched, ints, z):
    """conj(z): matched, which is conj(b), in order and through the factor; returns its energy."""
    for i in range(num_tx):
        for lane in range(16):
            at = np.int64(ints[np.uint64(i * 16 + lane)]) * 32 + lane
            z[np.uint64(i * 32 + lane)] = matched[np.uint64(at)]
            z[np.uint64(i * 32 + 16 + lane)] = matched[np.uint64(at + 16)]
    energy = splat(0.0)
    for i in range(num_tx):
        re, im = load(z, i * 32), load(z, i * 32 + 16)
        re2, im2 = splat(0.0), splat(0.0)
        for j in range(i):
            x, y = load(factor, i * row + j * 32), load(factor, i * row + j * 32 + 16)
            a, b = load(z, j * 32), load(z, j * 32 + 16)
            re, re2 = fnma(x, a, re), fma(y, b, re2)
            im, im2 = fnma(x, b, im), fnma(y, a, im2)
        over = load(scale, i * 16)
        re, im = (re + re2) * over, (im + im2) * over
        store(z, i * 32, re)
        store(z, i * 32 + 16, im)
        energy = fma(im, im, fma(re, re, energy))
    return energy


@uncounted
def _write_z(z, offset, num_tx, plane, out, stride, at):
    """z less the offset, zeros in what fills its vectors up."""
    real = lanes_of(2 * num_tx)
    for i in range(num_tx):
        store(plane, i * 32, load(z, i * 32) - load(offset, i * 32))
        store(plane, i * 32 + 16, -(load(z, i * 32 + 16) + load(offset, i * 32 + 16)))
    for i in range(2 * num_tx, real):
        store(plane, i * 16, splat(0.0))
    _to_problems(plane, 0, real, out, stride, at)


@inlined
def _factor(a, row, tx, scale, settings, ints):
    """The factor of 16 systems, each in the order of its own; 1 where it can be trusted."""
    n, loading = padded(tx), settings[1] * settings[0] * settings[0]
    _load_system(a.system, row, tx, scale, loading, a.factor)
    _pad(a.factor, row, tx)
    cholesky(a.factor, row, n, a.scale)
    inverse(a.factor, row, n, a.scale, a.inverse, a.power)
    _posterior(a.inverse, row, n, a.posterior)
    _order(a.posterior, row, tx, a.power, a.factor, a.z, a.matched, ints)
    _reorder(a.system, row, tx, ints, a.factor)
    _pad(a.factor, row, tx)
    cholesky(a.factor, row, n, a.scale)
    return _trusted(a.factor, row, a.scale, tx, settings[3])


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(h, y, noise_var, settings, problems, first, last, (*Sizes, axes), space).

    The triangles and rotated vectors of groups of 16 channels, from the start of ``problems`` on,
    each channel laid out as ``Ordered`` says. Arrays as for ``triangle_front_end``.
    """

    def ordered_triangles(h, y, noise_var, settings, problems, first, last, numbers, space):
        num, vectors, rx, tx, _axes = numbers
        a, row, place = layout(space, rx, tx), row_length(tx), ordered(tx, vectors)
        real = lanes_of(2 * tx)
        ints, spacing = np.empty(16 * tx, np.uint32), settings[0]
        for group in range(first, last):
            start, end, to = group * 16, num - 1, (group - first) * 16 * place.stride
            precision = 1.0 / load(noise_var, start)
            interleave(h, (start, end, rx * tx * 2), 0, rx, 2 * tx, a.channel, row)
            gram(a.channel, row, rx, padded(tx), a.system, row)
            good = _factor(a, row, tx, precision * (spacing * spacing), settings, ints)
            _finish(a.factor, row, a.scale, tx, settings[2], a.offset)
            _write_columns(a.factor, row, tx, a.plane, problems, place.stride, to)
            for lane in range(16):
                for i in range(tx):
                    at = to + lane * place.stride + place.order + i
                    problems[at] = np.float32(ints[i * 16 + lane])
            for t in range(vectors):
                of_y = (start, end, vectors * rx * 2)
                interleave(y, of_y, t * rx * 2, 1, rx * 2, a.received, rx * 32)
                correlate(a.channel, row, rx, padded(tx), a.received, 0, 1, a.matched, 0)
                for i in range(2 * tx):
                    scaled = load(a.matched, i * 16) * (precision * spacing)
                    store(a.matched, i * 16, scaled)
                energy = _solve(a.factor, row, a.scale, tx, a.matched, ints, a.z)
                store(a.power, 0, select(energy <= settings[4], good, splat(0.0)))
                for lane in range(16):
                    problems[to + lane * place.stride + place.trusted + t] = a.power[lane]
                at = to + place.z + t * real
                _write_z(a.z, a.offset, tx, a.plane, problems, place.stride, at)

    return compiled(group_signature(5, 1), ordered_triangles)
