"""DetNet for BPSK: Gram matrix, right side and all layers in one kernel, in single precision.

Four received vectors go through the layers together, so that weights which are read serve all
four; what is left over goes alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mimolearn.kernels.dense.packed_layers import ERF, TANH, activate, in_blocks, odd, products
from mimolearn.kernels.dense.row_gram import gram_of_rows, split_rows
from mimolearn.kernels.machine.addresses import floats_at, scratch
from mimolearn.kernels.machine.compile import compiled, uncounted
from mimolearn.kernels.machine.memory import load, load_first, store_first
from mimolearn.kernels.machine.simd import fma, splat

_LANES = 16
# psi's slope may be trained to nothing: the authors' guard.
_SLOPE_FLOOR = 1e-5


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
    first = in_blocks(hidden) * (inputs + 1)
    second = in_blocks(outputs) * (hidden + 1)
    # Whole vectors and blocks are written: what lies behind is written afterwards.
    u = inputs + 16
    pushed = u + in_blocks(hidden)
    logits = pushed + in_blocks(outputs)
    stride = logits + in_blocks(n)
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
            products(weights, at, hidden, inputs, space, 0, u, stride, together, sizes.halves)
            for g in range(together):
                activate(space, g * stride + u, hidden, sizes.gelu > 0, erf)
            at += first
            products(weights, at, outputs, hidden, space, u, pushed, stride, together, sizes.halves)
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
    blocks = in_blocks(hidden) + in_blocks(n + state) + in_blocks(n)
    return 4 * (3 * n + state + 16 + blocks)


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(weights, slope, h, y, matrix, q, start, out, residual, num, vectors, rx, *sizes).

    The first eight: addresses. weights: of layer after layer W1 and [W2; W3], packed (see
    ``packed_layers.pack``); slope: (layers), of soft signs. With rx above 0 h: (num, rx, n, 2) and
    y: (num, vectors, rx, 2), and x begins at 0; else matrix: (num, n, n), q and start: (num,
    vectors, n).
    sizes: those of ``Sizes``. Out: x of the last layer, or its logits, (num, vectors, n). Returns
    whether h, its squares and y are finite.
    """
    erf, tanh = (np.array(k, np.float32) for k in (ERF, TANH))

    def detnet_layers(
        weights, slope, h, y, matrix, q, start, out, residual,
        num, vectors, rx, layers, n, hidden, state, gelu, soft_sign, halves,
    ):  # fmt: skip
        sizes = Sizes(layers, n, hidden, state, gelu, soft_sign, halves)
        inputs, outputs = 3 * n + state, n + state
        a_layer = in_blocks(hidden) * (inputs + 1) + in_blocks(outputs) * (hidden + 1)
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
