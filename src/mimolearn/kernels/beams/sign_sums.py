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
import torch
from torch import Tensor

from mimolearn.kernels.beams.error_sums import tail_and_density
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.machine.compile import compiled, inlined
from mimolearn.kernels.machine.launch import SLACK, flat, in_threads, workspace
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


def _floats(p: int, q: int) -> int:
    """Workspace: rows of x, slopes, curves, one total, tables and sums."""
    size = 1 + p + q
    pairs = size * (size + 1) // 2
    return 16 * (2 * size + pairs + 1 + 4 * 2**p + 3 * 2**q + p * 2**q) + 5 * SLACK


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(x, tails, slopes, curves, first, last, rows, p, q, order, margin, level, space).

    x, slopes (rows, C), tails (rows), curves (rows, C (C + 1) / 2), all flat, C = 1 + p + q. first
    and last group of 16 rows; order 0: tails alone, 1: slopes as well, 2: curves as well.
    """

    def sign_sums(x, tails, slopes, curves, first, last, rows, p, q, order, margin, level, space):
        size = 1 + p + q
        pairs = size * (size + 1) // 2
        own = space[: size * 16 + SLACK]
        at = size * 16 + SLACK
        total = space[at : at + SLACK]
        at += SLACK
        slope = space[at : at + size * 16 + SLACK]
        at += size * 16 + SLACK
        curve = space[at : at + pairs * 16 + SLACK]
        at += pairs * 16 + SLACK
        half, other = 16 << p, 16 << q
        low, by_row = space[at : at + half], space[at + half : at + 2 * half]
        bent_row, buffer = (
            space[at + 2 * half : at + 3 * half],
            space[at + 3 * half : at + 4 * half],
        )
        at += 4 * half
        high, by_column = space[at : at + other], space[at + other : at + 2 * other]
        bent_column, crossed = space[at + 2 * other : at + 3 * other], space[at + 3 * other :]
        wide_margin, wide_level = splat(margin), splat(level)
        for group in range(first, last):
            begin, end = group * 16, rows - 1
            interleave(x, (begin, end, size), 0, 1, size, own, size * 16)
            _table(own, 1, p, load(own, 0) * wide_margin, wide_level, low)
            _table(own, 1 + p, q, splat(np.float32(0.0)), wide_level, high)
            if order == 0:
                tail = _only_tails(low, high, 1 << p, 1 << q)
            elif order == 1:
                tail = _with_slopes(low, high, 1 << p, 1 << q, by_row, by_column)
            else:
                sums = (by_row, by_column, bent_row, bent_column, crossed, buffer)
                tail = _with_curves(low, high, p, q, sums)
            store(total, 0, tail)
            deinterleave(total, 16, 1, 1, tails, (begin, end, 1), 0)
            if order > 0:
                _write_slopes(by_row, by_column, p, q, wide_margin, wide_level, slope)
                deinterleave(slope, size * 16, 1, size, slopes, (begin, end, size), 0)
            if order > 1:
                _write_curves(bent_row, bent_column, crossed, p, q, wide_margin, wide_level, curve)
                deinterleave(curve, pairs * 16, 1, pairs, curves, (begin, end, pairs), 0)

    arrays, sizes = ", ".join(["float32[::1]"] * 4), ", ".join(["int64"] * 6)
    return compiled(f"void({arrays}, {sizes}, float32, float32, float32[::1])", sign_sums)


def sign_sums(x: Tensor, margin: float, level: float, order: int) -> tuple[Tensor, Tensor, Tensor]:
    """Tails (*N), slopes (*N, C) and curves (*N, C (C + 1) / 2) for x (*N, C), all float32.

    What ``error_sums`` gives for all samples (margin, +-level, ...). order: 0 leaves slopes and
    curves undefined and empty, 1 the curves.
    """
    rows, size = x.numel() // x.shape[-1], x.shape[-1]
    p = (size - 1) // 2
    q = size - 1 - p
    pairs = size * (size + 1) // 2 if order > 1 else 0
    tails = torch.empty(x.shape[:-1], dtype=torch.float32, device="cpu")
    slopes = torch.empty(
        x.shape if order else (*x.shape[:-1], 0), dtype=torch.float32, device="cpu"
    )
    curves = torch.empty(*x.shape[:-1], pairs, dtype=torch.float32, device="cpu")
    outputs = flat(tails), flat(slopes), flat(curves)
    source = flat(x)
    run = kernel()

    def work(first: int, last: int) -> None:
        run(
            source,
            *outputs,
            first,
            last,
            rows,
            p,
            q,
            order,
            margin,
            level,
            workspace(_floats(p, q)),
        )

    in_threads(work, rows, float(2 ** (p + q) * (30 + 10 * order)))
    return tails, slopes, curves
