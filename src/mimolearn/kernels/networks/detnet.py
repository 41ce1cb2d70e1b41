"""DetNet for BPSK: Gram matrix, right side and all layers in one kernel, in single precision.

Four received vectors go through the layers together, so that weights which are read serve all
four; what is left over goes alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.dense.packed_layers import ERF, TANH, activate, in_blocks, odd, products
from mimolearn.kernels.dense.row_gram import gram_of_rows, split_rows
from mimolearn.kernels.machine.addresses import floats_at, scratch
from mimolearn.kernels.machine.compile import compiled, sizing, uncounted
from mimolearn.kernels.machine.memory import load, load_first, store_first
from mimolearn.kernels.machine.simd import fma, splat

_LANES = 16
# psi's slope may be trained to nothing: the authors' guard.
_SLOPE_FLOOR = 1e-5


@uncounted
def times_symmetric(matrix, start, n, x, first, out, at):
    """G x: row k of G, which is its column, times x_k; four sums at once to hide their delay.

    x begins at ``first``; its product goes to ``out`` from ``at`` on.
    """
    for i in range(0, n, 2 * _LANES):
        left, right = n - i, n - i - _LANES
        a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for k in range(0, n - 1, 2):
            row, below = start + k * n + i, start + (k + 1) * n + i
            p, q = splat(x[first + k]), splat(x[first + k + 1])
            a = fma(p, load_first(matrix, row, left), a)
            b = fma(p, load_first(matrix, row + _LANES, right), b)
            c = fma(q, load_first(matrix, below, left), c)
            d = fma(q, load_first(matrix, below + _LANES, right), d)
        if n % 2 > 0:
            row, p = start + (n - 1) * n + i, splat(x[first + n - 1])
            a = fma(p, load_first(matrix, row, left), a)
            b = fma(p, load_first(matrix, row + _LANES, right), b)
        store_first(out, at + i, a + c, left)
        store_first(out, at + i + _LANES, b + d, right)


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


class Sizes(NamedTuple):
    """What a network is.

    layers: how many. n, hidden, state: unknowns, hidden units and numbers of state of each. gelu:
    1, or 0 for ReLU. soft_sign: 1, or 0 for logits. halves: 1 where weights are stored in half
    precision, or 0.
    """

    layers: int
    n: int
    hidden: int
    state: int
    gelu: int
    soft_sign: int
    halves: int


class Vector(NamedTuple):
    """Offsets in the memory of one vector, which begins with the inputs of a layer: q, G x, x, v.

    Then hidden units, what the second product gives, and logits. Products write whole blocks: what
    lies behind is written afterwards.
    """

    x: int
    v: int
    hidden: int
    pushed: int
    logits: int
    end: int


@sizing
def vector_parts(n, hidden, state):
    """``Vector`` of a network with n unknowns, and so many hidden units and numbers of state."""
    units = 3 * n + state + 16
    pushed = units + in_blocks(hidden)
    logits = pushed + in_blocks(n + state)
    return Vector(2 * n, 3 * n, units, pushed, logits, logits + in_blocks(n))


@sizing
def layout(space, num, vectors, rx, n, hidden, state):
    """Four vectors; rows of [Re H; Im H] and of G; all Gram matrices and right sides.

    rx: 0 where matrices and right sides come ready, which then take nothing.
    """
    width, given = (n + 15) // 16 * 16, min(rx, 1)
    four, at = cut(space, 0, (4 * vector_parts(n, hidden, state).end + 15) // 16 * 16)
    rows, at = cut(space, at, given * (2 * rx + width) * width)
    grams, at = cut(space, at, given * (num * n * n + 15) // 16 * 16)
    sides, at = cut(space, at, given * (num * vectors * n + 15) // 16 * 16)
    return four, rows, grams, sides, at


@uncounted
def _layers(weights, slope, matrix, q, start, r, out, num, vectors, sizes, erf, tanh, space):
    """x of the last layer, or its logits, (num vectors n); start: as q, or empty for zeros."""
    n, hidden, state = sizes.n, sizes.hidden, sizes.state
    inputs, outputs = 3 * n + state, n + state
    first = in_blocks(hidden) * (inputs + 1)
    second = in_blocks(outputs) * (hidden + 1)
    part = vector_parts(n, hidden, state)
    x, u, pushed, stride = part.x, part.hidden, part.pushed, part.end
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
                begin = g * stride
                channel = (b + g) // vectors * n * n
                times_symmetric(matrix, channel, n, space, begin + part.x, space, begin + n)
            products(weights, at, hidden, inputs, space, 0, u, stride, together, sizes.halves)
            for g in range(together):
                activate(space, g * stride + u, hidden, sizes.gelu > 0, erf)
            at += first
            products(weights, at, outputs, hidden, space, u, pushed, stride, together, sizes.halves)
            for g in range(together):
                begin = g * stride
                _mix(space, begin + part.v, begin + pushed + n, state, r)
                if sizes.soft_sign:
                    _soft_signs(space, begin + pushed, n, slope[t])
                    _mix(space, begin + x, begin + pushed, n, r)
                else:
                    _mix(space, begin + part.logits, begin + pushed, n, r)
                    _means(space, begin + x, begin + part.logits, n, tanh)
        for g in range(together):
            last = g * stride + (x if sizes.soft_sign else part.logits)
            for i in range(n):
                out[(b + g) * n + i] = space[last + i]
        b += together


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(weights, slope, h, y, matrix, q, start, out, residual, (num, vectors, rx, *Sizes)).

    The first eight: addresses. weights: of layer after layer W1 and [W2; W3], packed (see
    ``packed_layers.pack``); slope: (layers), of soft signs. With rx above 0 h: (num, rx, n, 2) and
    y: (num, vectors, rx, 2), and x begins at 0; else matrix: (num, n, n), q and start: (num,
    vectors, n). Out: x of the last layer, or its logits, (num, vectors, n). Returns whether h, its
    squares and y are finite.
    """
    erf, tanh = (np.array(k, np.float32) for k in (ERF, TANH))

    def detnet_layers(weights, slope, h, y, matrix, q, start, out, residual, numbers):
        num, vectors, rx, layers, n, hidden, state, gelu, soft_sign, halves = numbers
        sizes = Sizes(layers, n, hidden, state, gelu, soft_sign, halves)
        inputs, outputs = 3 * n + state, n + state
        a_layer = in_blocks(hidden) * (inputs + 1) + in_blocks(outputs) * (hidden + 1)
        size = layers * a_layer // 2 if halves > 0 else layers * a_layer
        stored, slopes = floats_at(weights, size), floats_at(slope, layers)
        answer = floats_at(out, num * vectors * n)
        memory = scratch(layout(stored[:0], num, vectors, rx, n, hidden, state)[-1])
        space, rows, grams, sides, _end = layout(memory, num, vectors, rx, n, hidden, state)
        if rx > 0:
            checksum = _equations(
                floats_at(h, num * rx * n * 2), floats_at(y, num * vectors * rx * 2), grams, sides,
                rows, num, vectors, rx, n,
            )  # fmt: skip
            first = grams[:0]
        else:
            grams, sides = floats_at(matrix, num * n * n), floats_at(q, num * vectors * n)
            first, checksum = floats_at(start, num * vectors * n), np.float32(0.0)
        _layers(
            stored, slopes, grams, sides, first, residual, answer, num, vectors, sizes, erf, tanh,
            space,
        )  # fmt: skip
        return checksum == np.float32(0.0)

    addresses = ", ".join(["int64"] * 8)
    return compiled(f"boolean({addresses}, float32, UniTuple(int64, 10))", detnet_layers)
