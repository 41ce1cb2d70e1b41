"""Sums of Gaussian tails over symbol vectors, with gradient and curvature, 16 streams at a time.

For each row x: sum_j Q(<x, s_j>), sum_j phi(z_j) s_j and sum_j max(z_j, 0) phi(z_j) s_j s_j^T with
z_j = <x, s_j>, phi(z) = e^(-z^2/2): what the descent on the symbol-error rate of a beamformer asks
for. One exponential a sample serves all three; nothing of size J is written to memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from torch import Tensor

from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK, floats_of, run_groups
from mimolearn.kernels.machine.mathematics import exp_of_negative, reciprocal
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import absolute, fma, maximum, select, splat

_SLOPE = np.float32(0.3)


@inlined
def _mills(z):
    """Q(z) e^(z^2/2) for z >= 0, to 6e-7 of itself: Lawson fit in t = 1 / (1 + 0.3 z)."""
    t = reciprocal(fma(z, splat(_SLOPE), splat(np.float32(1.0))))
    q = fma(t, splat(np.float32(0.01855848)), splat(np.float32(-0.04836173)))
    q = fma(q, t, splat(np.float32(0.00292097)))
    q = fma(q, t, splat(np.float32(0.03936183)))
    q = fma(q, t, splat(np.float32(0.05013157)))
    q = fma(q, t, splat(np.float32(0.08932047)))
    q = fma(q, t, splat(np.float32(0.10869453)))
    q = fma(q, t, splat(np.float32(0.11969149)))
    q = fma(q, t, splat(np.float32(0.11968262)))
    return q * t


@inlined
def tail_and_density(z):
    """Q(z) and e^(-z^2/2)."""
    density = exp_of_negative(z * z * -0.5)
    size = absolute(z)
    tail = density * _mills(size)
    return select(z < np.float32(0.0), 1.0 - tail, tail), density


@inlined
def _project(x, levels, j, columns):
    """z of samples j .. j + 3."""
    a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    at = j * columns
    for i in range(columns):
        value = load(x, i * 16)
        a = fma(value, splat(levels[at + i]), a)
        b = fma(value, splat(levels[at + columns + i]), b)
        c = fma(value, splat(levels[at + 2 * columns + i]), c)
        d = fma(value, splat(levels[at + 3 * columns + i]), d)
    return a, b, c, d


@inlined
def _accumulate(weights, table, j, columns, out):
    """out += weights of samples j .. j + 3 times their rows of the table."""
    a, b, c, d = weights
    at = j * columns
    for i in range(columns):
        total = load(out, i * 16)
        total = fma(a, splat(table[at + i]), total)
        total = fma(b, splat(table[at + columns + i]), total)
        total = fma(c, splat(table[at + 2 * columns + i]), total)
        total = fma(d, splat(table[at + 3 * columns + i]), total)
        store(out, i * 16, total)


@inlined
def _bent(z, density):
    return maximum(z, splat(np.float32(0.0))) * density


@sizing
def layout(space, columns, pairs):
    """Rows of x; the sum of their tails, their slopes and their curves."""
    rows_x, at = cut(space, 0, columns * 16 + SLACK)
    total, at = cut(space, at, 16)
    slope, at = cut(space, at, columns * 16)
    curve, at = cut(space, at, pairs * 16)
    return rows_x, total, slope, curve, at


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(x, levels, products, tails, slopes, curves, first, last,
    (rows, J, C, P, slopes too), space).

    x, slopes (rows, C), tails (rows), curves (rows, P), levels (J, C), products (J, P), all flat;
    J a multiple of 4, P 0 where no curves are wanted. first and last: groups of 16 rows.
    """

    def error_sums(x, levels, products, tails, slopes, curves, first, last, numbers, space):
        rows, samples, columns, pairs, slopes_too = numbers
        rows_x, total, slope, curve, _end = layout(space, columns, pairs)
        for group in range(first, last):
            begin, end = group * 16, rows - 1
            interleave(x, (begin, end, columns), 0, 1, columns, rows_x, columns * 16)
            tail_sum = splat(0.0)
            for i in range(columns):
                store(slope, i * 16, splat(0.0))
            for i in range(pairs):
                store(curve, i * 16, splat(0.0))
            for j in range(0, samples, 4):
                za, zb, zc, zd = _project(rows_x, levels, j, columns)
                qa, pa = tail_and_density(za)
                qb, pb = tail_and_density(zb)
                qc, pc = tail_and_density(zc)
                qd, pd = tail_and_density(zd)
                tail_sum = tail_sum + ((qa + qb) + (qc + qd))
                if slopes_too > 0:
                    _accumulate((pa, pb, pc, pd), levels, j, columns, slope)
                if pairs > 0:
                    bent = _bent(za, pa), _bent(zb, pb), _bent(zc, pc), _bent(zd, pd)
                    _accumulate(bent, products, j, pairs, curve)
            store(total, 0, tail_sum)
            deinterleave(total, 16, 1, 1, tails, (begin, end, 1), 0)
            deinterleave(slope, columns * 16, 1, columns, slopes, (begin, end, columns), 0)
            if pairs > 0:
                deinterleave(curve, pairs * 16, 1, pairs, curves, (begin, end, pairs), 0)

    return compiled(group_signature(6, 1), error_sums)


def error_sums(
    x: Tensor, levels: Tensor, products: Tensor | None, slopes_too: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of Q(z) and its derivatives over all samples, for each row of x.

    Args:
        x: (*N, C) float32.
        levels: (J, C) float32, the samples; J a multiple of 4.
        products: (J, P) float32, products of pairs of levels; None for P = 0.
        slopes_too: whether slopes are wanted; without, they are zero.

    Returns:
        tails: (*N) float32, sums of Q(z).
        slopes: (*N, C) float32, sums of e^(-z^2/2) times the levels.
        curves: (*N, P) float32, sums of max(z, 0) e^(-z^2/2) times the products.
    """
    rows, columns = x.numel() // x.shape[-1], x.shape[-1]
    pairs = 0 if products is None else products.shape[-1]
    batch, samples = x.shape[:-1], levels.shape[0]
    tails, slopes, curves = x.new_empty(batch), x.new_empty(x.shape), x.new_empty(*batch, pairs)
    arrays = (x, levels, levels if products is None else products, tails, slopes, curves)
    numbers, space = (
        (rows, samples, columns, pairs, int(slopes_too)),
        floats_of(layout, columns, pairs),
    )
    run_groups(kernel(), arrays, numbers, space, float(samples * (3 * columns + 30 + pairs)))
    return tails, slopes, curves
