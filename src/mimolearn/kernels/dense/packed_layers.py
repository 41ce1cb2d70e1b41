"""Products with the weights of small fully connected layers, and activations: parts of kernels.

Lanes run along units, whose weights are packed so that no sum goes along a vector and every weight
is read once, in order.
"""

from __future__ import annotations

import numpy as np

from mimolearn.kernels.machine.compile import sizing, uncounted
from mimolearn.kernels.machine.memory import load, load_halves, prefetch, store
from mimolearn.kernels.machine.simd import fma, maximum, minimum, splat

BLOCK = 48
_LANES = 16
_AHEAD = 2048  # floats between what is read and what is fetched
# x P(x^2) / Q(x^2), least squares on [0, 5.6] and [0, 8.6], beyond which both are 1 in float32:
# erf(x / sqrt 2) and tanh x within 4e-7.
ERF = (
    *(0.7978845, 0.06811814, 0.009372473, 0.00034084875, 1.26308305e-05, 4.4566345e-08),
    *(0.25203946, 0.028754495, 0.0018936731, 7.391079e-05, 1.181196e-06, 5.6),
)
TANH = (
    *(1.0, 0.1411322, 0.0044446657, 4.2760057e-05, 1.14015464e-07, 3.8563996e-11),
    *(0.47446555, 0.02926651, 0.00050444604, 2.6493638e-06, 3.0577079e-09, 8.6),
)


@sizing
def in_blocks(rows):
    """Rows of packed weights: whole blocks."""
    return (rows + BLOCK - 1) // BLOCK * BLOCK


def pack(weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """(L, rows, columns) and (L, rows) to (L, size): as ``kernel`` reads them."""
    num_layers, rows, columns = weights.shape
    joint = np.zeros((num_layers, in_blocks(rows), columns + 1), weights.dtype)
    joint[:, :rows, :columns] = weights
    joint[:, :rows, columns] = biases
    blocks = joint.reshape(num_layers, -1, BLOCK, columns + 1).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(blocks).reshape(num_layers, -1)


@uncounted
def _load(weights, at, halves):
    return load_halves(weights, at) if halves else load(weights, at)


@uncounted
def product(weights, start, rows, columns, space, x, at, halves):
    """W x + b: blocks of 48 rows, in each column after column, then b as the last one.

    halves: whether the memory of ``weights`` holds half-precision numbers, which ``start`` counts.
    """
    for r in range(0, rows, BLOCK):
        zero = splat(0.0)
        a0, a1, a2, b0, b1, b2 = zero, zero, zero, zero, zero, zero
        even = columns - columns % 2
        for k in range(0, even, 2):
            # Weights of all layers exceed the second-level cache.
            line = (start // 2 if halves else start) + _AHEAD
            for ahead in range(0, 48 if halves else 96, 16):
                prefetch(weights, line + ahead)
            p, q = splat(space[x + k]), splat(space[x + k + 1])
            a0 = fma(_load(weights, start, halves), p, a0)
            a1 = fma(_load(weights, start + 16, halves), p, a1)
            a2 = fma(_load(weights, start + 32, halves), p, a2)
            b0 = fma(_load(weights, start + 48, halves), q, b0)
            b1 = fma(_load(weights, start + 64, halves), q, b1)
            b2 = fma(_load(weights, start + 80, halves), q, b2)
            start += 96
        if even < columns:
            p = splat(space[x + even])
            a0 = fma(_load(weights, start, halves), p, a0)
            a1 = fma(_load(weights, start + 16, halves), p, a1)
            a2 = fma(_load(weights, start + 32, halves), p, a2)
            start += 48
        store(space, at + r, a0 + b0 + _load(weights, start, halves))
        store(space, at + r + 16, a1 + b1 + _load(weights, start + 16, halves))
        store(space, at + r + 32, a2 + b2 + _load(weights, start + 32, halves))
        start += 48


@uncounted
def _product_of_four(weights, start, rows, columns, space, x, at, stride, halves):
    """The same for four vectors, ``stride`` floats apart."""
    for r in range(0, rows, BLOCK):
        zero = splat(0.0)
        a0, a1, a2, b0, b1, b2 = zero, zero, zero, zero, zero, zero
        c0, c1, c2, d0, d1, d2 = zero, zero, zero, zero, zero, zero
        for k in range(x, x + columns):
            line = (start // 2 if halves else start) + _AHEAD
            for ahead in range(0, 24 if halves else 48, 16):
                prefetch(weights, line + ahead)
            w0, w1, w2 = (
                _load(weights, start, halves),
                _load(weights, start + 16, halves),
                _load(weights, start + 32, halves),
            )
            start += 48
            p, q = splat(space[k]), splat(space[k + stride])
            a0, a1, a2 = fma(w0, p, a0), fma(w1, p, a1), fma(w2, p, a2)
            b0, b1, b2 = fma(w0, q, b0), fma(w1, q, b1), fma(w2, q, b2)
            p, q = splat(space[k + 2 * stride]), splat(space[k + 3 * stride])
            c0, c1, c2 = fma(w0, p, c0), fma(w1, p, c1), fma(w2, p, c2)
            d0, d1, d2 = fma(w0, q, d0), fma(w1, q, d1), fma(w2, q, d2)
        w0, w1, w2 = (
            _load(weights, start, halves),
            _load(weights, start + 16, halves),
            _load(weights, start + 32, halves),
        )
        start += 48
        _store_three(space, at + r, a0 + w0, a1 + w1, a2 + w2)
        _store_three(space, at + r + stride, b0 + w0, b1 + w1, b2 + w2)
        _store_three(space, at + r + 2 * stride, c0 + w0, c1 + w1, c2 + w2)
        _store_three(space, at + r + 3 * stride, d0 + w0, d1 + w1, d2 + w2)


@uncounted
def _store_three(space, at, a, b, c):
    store(space, at, a)
    store(space, at + 16, b)
    store(space, at + 32, c)


@uncounted
def products(weights, start, rows, columns, space, x, at, stride, together, halves):
    """For one vector or four; a loop of its own for each kind of weights."""
    if together == 4 and halves > 0:
        _product_of_four(weights, start, rows, columns, space, x, at, stride, True)
    elif together == 4:
        _product_of_four(weights, start, rows, columns, space, x, at, stride, False)
    elif halves > 0:
        product(weights, start, rows, columns, space, x, at, True)
    else:
        product(weights, start, rows, columns, space, x, at, False)


@uncounted
def odd(x, k):
    """The rational odd function of coefficients k, on [-k[11], k[11]] and constant beyond."""
    x = maximum(minimum(x, splat(k[11])), splat(-k[11]))
    z = x * x
    p, q = splat(k[5]), splat(k[10])
    for i in range(4, -1, -1):
        p = fma(p, z, splat(k[i]))
    for i in range(9, 5, -1):
        q = fma(q, z, splat(k[i]))
    q = fma(q, z, splat(1.0))
    return x * p / q


@uncounted
def activate(space, start, count, gelu, k):
    """Lanes beyond ``count`` hold what no product reads."""
    for j in range(start, start + count, _LANES):
        a = load(space, j)
        if gelu:
            store(space, j, a * 0.5 * (odd(a, k) + 1.0))
        else:
            store(space, j, maximum(a, splat(0.0)))
