"""``error_sums`` where the samples are all sign vectors: QPSK without sampling, far cheaper.

Samples are (margin, +-level, ..., +-level), all 2^n of them for n = C - 1 signs. Split into p low
and q high signs, z = <x, s> is one addition of two tabled halves; sums of a function over samples
times signs come from sums over the rows and columns of the 2^q x 2^p table of its values, whose
halves are added and subtracted like in a Hadamard transform. Each sample costs its exponential and
a few additions, in place of C^2 / 2 + 2 C multiplications.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from torch import Tensor

from mimolearn.kernels.beams.error_sums import tail_and_density
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK, floats_of, run_groups
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fma, maximum, splat


@inlined
def _table(x, first, signs, start, level, out):
    """out[t] = start + sum_k +-level x[first + k], bit k of t set for minus; 2^signs of them."""
    total = start
    for k in range(signs):
        total = fma(load(x, (first + k) * 16), level, total)
    store(out, 0, total)
    size = 1
    for k in range(signs):
        twice = load(x, (first + k) * 16) * (level + level)
        for t in range(size):
            store(out, (t + size) * 16, load(out, t * 16) - twice)
        size = size * 2


@inlined
def _clear(out, count):
    for t in range(count):
        store(out, t * 16, splat(np.float32(0.0)))


@inlined
def _signed_sums(values, signs, out, step):
    """Total of 2^signs values, which are overwritten; out[k step] = their sum times sign k."""
    size = 1 << signs
    for back in range(signs):
        k = signs - 1 - back
        size = size >> 1
        total = splat(np.float32(0.0))
        for t in range(size):
            plus, minus = load(values, t * 16), load(values, (t + size) * 16)
            total = total + (plus - minus)
            store(values, t * 16, plus + minus)
        store(out, k * step * 16, total)
    return load(values, 0)


@inlined
def _hadamard(values, signs):
    """values[m] = sum over t of values[t] times the signs whose bits m has."""
    half = 1
    for _k in range(signs):
        for block in range(0, 1 << signs, 2 * half):
            for t in range(block, block + half):
                plus, minus = load(values, t * 16), load(values, (t + half) * 16)
                store(values, t * 16, plus + minus)
                store(values, (t + half) * 16, plus - minus)
        half = half * 2


@inlined
def _only_tails(low, high, rows, columns):
    """Sum of Q(z) over all samples."""
    total = splat(np.float32(0.0))
    for b in range(columns):
        right = load(high, b * 16)
        part = splat(np.float32(0.0))
        for a in range(rows):
            part = part + tail_and_density(load(low, a * 16) + right)[0]
        total = total + part
    return total


@inlined
def _with_slopes(low, high, rows, columns, by_row, by_column):
    """The same, and sums of e^(-z^2/2) for each low and each high half."""
    total = splat(np.float32(0.0))
    _clear(by_row, rows)
    for b in range(columns):
        right = load(high, b * 16)
        part, dense = splat(np.float32(0.0)), splat(np.float32(0.0))
        for a in range(rows):
            tail, density = tail_and_density(load(low, a * 16) + right)
            part, dense = part + tail, dense + density
            store(by_row, a * 16, load(by_row, a * 16) + density)
        store(by_column, b * 16, dense)
        total = total + part
    return total


@inlined
def _with_curves(low, high, p, q, sums):
    """The same, and of max(z, 0) e^(-z^2/2) for each half, and its p signed sums for each b."""
    by_row, by_column, bent_row, bent_column, crossed, buffer = sums
    total = splat(np.float32(0.0))
    rows, columns = 1 << p, 1 << q
    _clear(by_row, rows)
    _clear(bent_row, rows)
    for b in range(columns):
        right = load(high, b * 16)
        part, dense = splat(np.float32(0.0)), splat(np.float32(0.0))
        for a in range(rows):
            z = load(low, a * 16) + right
            tail, density = tail_and_density(z)
            bent = maximum(z, splat(np.float32(0.0))) * density
            part, dense = part + tail, dense + density
            store(by_row, a * 16, load(by_row, a * 16) + density)
            store(bent_row, a * 16, load(bent_row, a * 16) + bent)
            store(buffer, a * 16, bent)
        store(by_column, b * 16, dense)
        total = total + part
        whole = _signed_sums(buffer, p, crossed[b * 16 :], columns)
        store(bent_column, b * 16, whole)
    return total


@inlined
def _write_slopes(by_row, by_column, p, q, margin, level, slope):
    whole = _signed_sums(by_row, p, slope[16:], 1)
    _signed_sums(by_column, q, slope[(1 + p) * 16 :], 1)
    store(slope, 0, whole * margin)
    for k in range(1, 1 + p + q):
        store(slope, k * 16, load(slope, k * 16) * level)


@inlined
def _write_curves(bent_row, bent_column, crossed, p, q, margin, level, curve):
    """Upper triangle row by row: (0, 0), (0, 1), ..., (1, 1), ..."""
    _hadamard(bent_row, p)
    _hadamard(bent_column, q)
    size = 1 + p + q
    whole = load(bent_row, 0)
    store(curve, 0, whole * (margin * margin))
    square = level * level
    for k in range(p):
        store(curve, (1 + k) * 16, load(bent_row, (1 << k) * 16) * (margin * level))
    for k in range(q):
        store(curve, (1 + p + k) * 16, load(bent_column, (1 << k) * 16) * (margin * level))
    at = size
    for i in range(p):
        store(curve, at * 16, whole * square)
        for k in range(i + 1, p):
            both = load(bent_row, ((1 << i) | (1 << k)) * 16)
            store(curve, (at + k - i) * 16, both * square)
        row = curve[(at + p - i) * 16 :]
        _signed_sums(crossed[(i << q) * 16 :], q, row, 1)
        for k in range(q):
            store(row, k * 16, load(row, k * 16) * square)
        at = at + p + q - i
    for i in range(q):
        store(curve, at * 16, whole * square)
        for k in range(i + 1, q):
            both = load(bent_column, ((1 << i) | (1 << k)) * 16)
            store(curve, (at + k - i) * 16, both * square)
        at = at + q - i


@sizing
def layout(space, p, q):
    """Rows of x; the sum of their tails, their slopes and their curves; then what sums are made of.

    Of the 2^p low and the 2^q high halves: their parts of z, then sums of the two functions over
    their samples. Then p signed sums for each high half, and 2^p values at once.
    """
    size = 1 + p + q
    low, high = 16 << p, 16 << q
    rows_x, at = cut(space, 0, size * 16 + SLACK)
    total, at = cut(space, at, 16)
    slope, at = cut(space, at, size * 16)
    curve, at = cut(space, at, size * (size + 1) // 2 * 16)
    low_part, at = cut(space, at, low)
    high_part, at = cut(space, at, high)
    by_row, at = cut(space, at, low)
    by_column, at = cut(space, at, high)
    bent_row, at = cut(space, at, low)
    bent_column, at = cut(space, at, high)
    crossed, at = cut(space, at, p * high)
    buffer, at = cut(space, at, low)
    sums = (by_row, by_column, bent_row, bent_column, crossed, buffer)
    return (rows_x, total, slope, curve), (low_part, high_part), sums, at


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(x, sizes, tails, slopes, curves, first, last, (rows, p, q, order), space).

    x, slopes (rows, C), tails (rows), curves (rows, C (C + 1) / 2), all flat, C = 1 + p + q.
    sizes: margin and level. first and last: groups of 16 rows. order 0: tails alone, 1: slopes as
    well, 2: curves as well.
    """

    def sign_sums(x, sizes, tails, slopes, curves, first, last, numbers, space):
        rows, p, q, order = numbers
        size = 1 + p + q
        pairs = size * (size + 1) // 2
        (rows_x, total, slope, curve), (low, high), sums, _end = layout(space, p, q)
        by_row, by_column, bent_row, bent_column, crossed, _buffer = sums
        wide_margin, wide_level = splat(sizes[0]), splat(sizes[1])
        for group in range(first, last):
            begin, end = group * 16, rows - 1
            interleave(x, (begin, end, size), 0, 1, size, rows_x, size * 16)
            _table(rows_x, 1, p, load(rows_x, 0) * wide_margin, wide_level, low)
            _table(rows_x, 1 + p, q, splat(np.float32(0.0)), wide_level, high)
            if order == 0:
                tail = _only_tails(low, high, 1 << p, 1 << q)
            elif order == 1:
                tail = _with_slopes(low, high, 1 << p, 1 << q, by_row, by_column)
            else:
                tail = _with_curves(low, high, p, q, sums)
            store(total, 0, tail)
            deinterleave(total, 16, 1, 1, tails, (begin, end, 1), 0)
            if order > 0:
                _write_slopes(by_row, by_column, p, q, wide_margin, wide_level, slope)
                deinterleave(slope, size * 16, 1, size, slopes, (begin, end, size), 0)
            if order > 1:
                _write_curves(bent_row, bent_column, crossed, p, q, wide_margin, wide_level, curve)
                deinterleave(curve, pairs * 16, 1, pairs, curves, (begin, end, pairs), 0)

    return compiled(group_signature(5), sign_sums)


def sign_sums(x: Tensor, margin: float, level: float, order: int) -> tuple[Tensor, Tensor, Tensor]:
    """What ``error_sums`` gives for all samples (margin, +-level, ..., +-level).

    Args:
        x: (*N, C) float32.
        margin: first entry of every sample.
        level: size of the others.
        order: 0 for tails alone, 1 for slopes as well, 2 for curves as well.

    Returns:
        tails: (*N) float32.
        slopes: (*N, C) float32; (*N, 0) for order 0.
        curves: (*N, C (C + 1) / 2) float32; (*N, 0) for orders 0 and 1.
    """
    rows, size = x.numel() // x.shape[-1], x.shape[-1]
    p = (size - 1) // 2
    q = size - 1 - p
    pairs = size * (size + 1) // 2 if order > 1 else 0
    batch = x.shape[:-1]
    tails, curves = x.new_empty(batch), x.new_empty(*batch, pairs)
    slopes = x.new_empty(*batch, size if order else 0)
    arrays = (x, np.array([margin, level], np.float32), tails, slopes, curves)
    cost = float(2 ** (p + q) * (30 + 10 * order))
    run_groups(kernel(), arrays, (rows, p, q, order), floats_of(layout, p, q), cost)
    return tails, slopes, curves
