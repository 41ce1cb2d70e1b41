"""DetNet for BPSK: Gram matrix, right side and all layers in one kernel, in single precision.

Lanes run along units, whose weights are packed so that no sum goes along a vector and every weight
is read once, in order. Four received vectors go through the layers together, so that what is read
serves all four; what is left over goes alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mimolearn.kernels.addresses import floats_at, scratch
from mimolearn.kernels.compile import compiled, source_stamp, uncounted
from mimolearn.kernels.row_gram import gram_of_rows, split_rows
from mimolearn.kernels.simd import fma, maximum, minimum, splat
from mimolearn.kernels.simd_memory import (
    load,
    load_first,
    load_halves,
    prefetch,
    store,
    store_first,
)

_LANES = 16
BLOCK = 48
_AHEAD = 2048  # floats between what is read and what is fetched
# psi's slope may be trained to nothing: the authors' guard.
_SLOPE_FLOOR = 1e-5
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


def padded(rows: int) -> int:
    """Rows of packed weights: whole blocks."""
    return -(-rows // BLOCK) * BLOCK


def pack(weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """(L, rows, columns) and (L, rows) to (L, size): as ``kernel`` reads them."""
    num_layers, rows, columns = weights.shape
    joint = np.zeros((num_layers, padded(rows), columns + 1), weights.dtype)
    joint[:, :rows, :columns] = weights
    joint[:, :rows, columns] = biases
    blocks = joint.reshape(num_layers, -1, BLOCK, columns + 1).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(blocks).reshape(num_layers, -1)


@uncounted
def _in_blocks(rows):
    """What ``padded`` is to Python."""
    return (rows + 47) // 48 * 48


@uncounted
def times_symmetric(matrix, start, n, space, x, at):
    """G x: row k of G, which is its column, times x_k; four sums at once to hide their delay."""
    for i in range(0, n, 2 * _LANES):
        left, right = n - i, n - i - _LANES
        a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for k in range(0, n - 1, 2):
            row, below = start + k * n + i, start + (k + 1) * n + i
            p, q = splat(space[x + k]), splat(space[x + k + 1])
            a = fma(p, load_first(matrix, row, left), a)
            b = fma(p, load_first(matrix, row + _LANES, right), b)
            c = fma(q, load_first(matrix, below, left), c)
            d = fma(q, load_first(matrix, below + _LANES, right), d)
        if n % 2 > 0:
            row, p = start + (n - 1) * n + i, splat(space[x + n - 1])
            a = fma(p, load_first(matrix, row, left), a)
            b = fma(p, load_first(matrix, row + _LANES, right), b)
        store_first(space, at + i, a + c, left)
        store_first(space, at + i + _LANES, b + d, right)


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
def _products(weights, start, rows, columns, space, x, at, stride, together, halves):
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


@uncounted
def _mix(space, old, new, count, residual):
    """old = r old + (1 - r) new."""
    kept, added = splat(residual), splat(np.float32(1.0) - residual)
    for i in range(0, count, _LANES):
        left = count - i
        fresh = load_first(space, new + i, left) * added
        store_first(space, old + i, fma(load_first(space, old + i, left), kept, fresh), left)


@uncounted
def _means(space, x, logits, n, k):
    """x = tanh(logits / 2)."""
    for i in range(0, n, _LANES):
        store_first(space, x + i, odd(load(space, logits + i) * 0.5, k), n - i)


@uncounted
def _soft_signs(space, at, n, slope):
    """psi_t in place."""
    width = abs(slope) + np.float32(_SLOPE_FLOOR)
    zero = np.float32(0.0)
    for i in range(at, at + n):
        a = space[i]
        space[i] = (max(a + slope, zero) - max(a - slope, zero)) / width - np.float32(1.0)


@uncounted
def _right_side(rows, count, rx, n, width, y, start, scale, q, to):
    """q of one vector, times ``scale``."""
    for j in range(0, n, _LANES):
        total = splat(0.0)
        for r in range(count):
            at = start + (2 * r if r < rx else 2 * (r - rx) + 1)
            total = fma(splat(y[at]), load(rows, r * width + j), total)
        store_first(q, to + j, total * scale, n - j)


@uncounted
def _equations(h, y, matrix, q, space, num, vectors, rx, n):
    """matrix (num, n, n), G over its mean diagonal, and q (num, vectors, n) alike, from h and y.

    Returns 0; NaN where h, its squares or y are not finite.
    """
    width = (n + 15) // 16 * 16
    scaled = 2 * rx * width
    checksum = np.float32(0.0)
    for b in range(num):
        # Half of the work where H is real.
        count = split_rows(h, 2 * b * rx * n, rx, n, width, space, 0)
        gram_of_rows(space, 0, count, n, width, scaled)
        energy = np.float32(0.0)
        for i in range(n):
            energy += space[scaled + i * width + i]
        # The diagonal has the square of every entry of H.
        checksum += energy * np.float32(0.0)
        scale = np.float32(1.0)
        if energy > np.float32(0.0):
            scale = np.float32(n) / energy
        for i in range(n):
            for j in range(i // _LANES * _LANES):
                matrix[(b * n + i) * n + j] = space[scaled + j * width + i] * scale
            for j in range(i // _LANES * _LANES, n, _LANES):
                row = load(space, scaled + i * width + j) * scale
                store_first(matrix, (b * n + i) * n + j, row, n - j)
        for t in range(b * vectors, (b + 1) * vectors):
            _right_side(space, count, rx, n, width, y, 2 * t * rx, scale, q, t * n)
            # All of y, also what meets nothing but zeros of H.
            for i in range(2 * t * rx, 2 * (t + 1) * rx):
                checksum += y[i] * np.float32(0.0)
    return checksum


@uncounted
def _equations_space(rx, n):
    """Floats: the rows of [Re H; Im H], and of G."""
    width = (n + 15) // 16 * 16
    return (2 * rx + width) * width


class Sizes(NamedTuple):
    """Layers and their widths; gelu: 1, or 0 for ReLU; soft_sign: 1, or 0 for logits; halves: 1
    where weights are stored in half precision, or 0.
    """

    layers: int
    n: int
    hidden: int
    state: int
    gelu: int
    soft_sign: int
    halves: int


@uncounted
def _layers(weights, slope, matrix, q, start, r, out, num, vectors, sizes, erf, tanh, space):
    """x of the last layer, or its logits, (num vectors n); start: as q, or empty for zeros."""
    n, hidden, state = sizes.n, sizes.hidden, sizes.state
    inputs, outputs = 3 * n + state, n + state
    first = _in_blocks(hidden) * (inputs + 1)
    second = _in_blocks(outputs) * (hidden + 1)
    # Whole vectors and blocks are written: what lies behind is written afterwards.
    u = inputs + 16
    pushed = u + _in_blocks(hidden)
    logits = pushed + _in_blocks(outputs)
    stride = logits + _in_blocks(n)
    x, v = 2 * n, 3 * n
    b, total = 0, num * vectors
    while b < total:
        together = 4 if total - b >= 4 else 1
        space[: together * stride] = np.float32(0.0)
        for g in range(together):
            for i in range(n):
                space[g * stride + i] = q[(b + g) * n + i]
            for i in range(min(n, start.size)):
                space[g * stride + x + i] = start[(b + g) * n + i]
        for t in range(sizes.layers):
            at = t * (first + second)
            for g in range(together):
                own = g * stride
                channel = (b + g) // vectors * n * n
                times_symmetric(matrix, channel, n, space, own + x, own + n)
            _products(weights, at, hidden, inputs, space, 0, u, stride, together, sizes.halves)
            for g in range(together):
                activate(space, g * stride + u, hidden, sizes.gelu > 0, erf)
            at += first
            _products(
                weights, at, outputs, hidden, space, u, pushed, stride, together, sizes.halves
            )
            for g in range(together):
                own = g * stride
                _mix(space, own + v, own + pushed + n, state, r)
                if sizes.soft_sign:
                    _soft_signs(space, own + pushed, n, slope[t])
                    _mix(space, own + x, own + pushed, n, r)
                else:
                    _mix(space, own + logits, own + pushed, n, r)
                    _means(space, own + x, own + logits, n, tanh)
        for g in range(together):
            found = g * stride + (x if sizes.soft_sign else logits)
            for i in range(n):
                out[(b + g) * n + i] = space[found + i]
        b += together


@uncounted
def _layers_space(n, hidden, state):
    """Floats: of four vectors inputs, hidden units, what a product gives, and logits."""
    blocks = _in_blocks(hidden) + _in_blocks(n + state) + _in_blocks(n)
    return 4 * (3 * n + state + 16 + blocks)


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(weights, slope, h, y, matrix, q, start, out, residual, num, vectors, rx, *sizes).

    The first eight: addresses. weights: of layer after layer W1 and [W2; W3], packed (see
    ``pack``); slope: (layers), of soft signs. With rx above 0 h: (num, rx, n, 2) and y: (num,
    vectors, rx, 2), and x begins at 0; else matrix: (num, n, n), q and start: (num, vectors, n).
    sizes: those of ``Sizes``. Out: x of the last layer, or its logits, (num, vectors, n). Returns
    whether h, its squares and y are finite.
    """
    stamp = source_stamp()
    erf, tanh = (np.array(k, np.float32) for k in (ERF, TANH))

    def detnet_layers(
        weights, slope, h, y, matrix, q, start, out, residual,
        num, vectors, rx, layers, n, hidden, state, gelu, soft_sign, halves,
    ):  # fmt: skip
        _ = stamp
        sizes = Sizes(layers, n, hidden, state, gelu, soft_sign, halves)
        inputs, outputs = 3 * n + state, n + state
        a_layer = _in_blocks(hidden) * (inputs + 1) + _in_blocks(outputs) * (hidden + 1)
        size = layers * a_layer // 2 if halves > 0 else layers * a_layer
        stored, slopes = floats_at(weights, size), floats_at(slope, layers)
        found, space = floats_at(out, num * vectors * n), scratch(_layers_space(n, hidden, state))
        if rx > 0:
            grams, sides = scratch(num * n * n), scratch(num * vectors * n)
            checksum = _equations(
                floats_at(h, num * rx * n * 2), floats_at(y, num * vectors * rx * 2), grams, sides,
                scratch(_equations_space(rx, n)), num, vectors, rx, n,
            )  # fmt: skip
            first = grams[:0]
        else:
            grams, sides = floats_at(matrix, num * n * n), floats_at(q, num * vectors * n)
            first, checksum = floats_at(start, num * vectors * n), np.float32(0.0)
        _layers(
            stored, slopes, grams, sides, first, residual, found, num, vectors, sizes, erf, tanh,
            space,
        )  # fmt: skip
        return checksum == np.float32(0.0)

    integers = ", ".join(["int64"] * 10)
    return compiled(f"boolean({', '.join(['int64'] * 8)}, float32, {integers})", detnet_layers)
