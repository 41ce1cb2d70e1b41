"""Between two products of DetNet's training: one pass over all vectors each way.

Everything that is not a product with weights, in single precision, of ``detnet_fused``: the mixing
of old and new, the logits, their means, G x, and the inputs of the next layer; backward the same in
reverse. An activation leaves its slope behind, which is all that the way back needs. What products
take and give may be bfloat16 (``brief``).
Arrays of either precision are handed on as one float's memory: where they start is what counts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.dense.packed_layers import ERF, TANH, odd
from mimolearn.kernels.machine.addresses import floats_at, scratch
from mimolearn.kernels.machine.compile import compiled, sizing, uncounted
from mimolearn.kernels.machine.mathematics import exp
from mimolearn.kernels.machine.memory import (
    load,
    load_first,
    load_first_brief,
    store,
    store_first,
    store_first_brief,
)
from mimolearn.kernels.machine.simd import fma, fnma, maximum, select, splat
from mimolearn.kernels.networks.detnet import times_symmetric

# Of the normal density.
_PEAK = np.float32(0.3989423)


@uncounted
def _load(array, at, count, brief):
    return load_first_brief(array, at, count) if brief else load_first(array, at, count)


@uncounted
def _store(array, at, value, count, brief):
    if brief:
        store_first_brief(array, at, value, count)
    else:
        store_first(array, at, value, count)


@uncounted
def _forward(out, state, logits, matrix, inputs, space, numbers, r, tanh, brief):
    rows, vectors, n, states, _brief = numbers
    size, width, added = n + states, 3 * n + states, splat(np.float32(1.0) - r)
    x, product, _end = layout(space, n)
    for i in range(rows):
        for c in range(0, size, 16):
            fresh = _load(out, i * size + c, size - c, brief) * added
            mixed = fma(load_first(state, i * size + c, size - c), splat(r), fresh)
            store_first(state, i * size + c, mixed, size - c)
        for c in range(0, n, 16):
            values = load_first(state, i * size + c, n - c)
            store_first(logits, i * n + c, values, n - c)
            store(x, c, odd(values * 0.5, tanh))
        if inputs.size > 0:
            times_symmetric(matrix, i // vectors * n * n, n, x, 0, product, 0)
            to = i * width + n
            for c in range(0, n, 16):
                _store(inputs, to + c, load(product, c), n - c, brief)
                _store(inputs, to + n + c, load(x, c), n - c, brief)
            for c in range(0, states, 16):
                values = load_first(state, i * size + n + c, states - c)
                _store(inputs, to + 2 * n + c, values, states - c, brief)


@uncounted
def _backward(given, d_inputs, inputs, matrix, d_state, d_out, space, numbers, r, brief):
    rows, vectors, n, states, _brief = numbers
    size, width = n + states, 3 * n + states
    added, kept = splat(np.float32(1.0) - r), splat(r)
    d_product, product, _end = layout(space, n)
    for i in range(rows):
        begin, fed = i * size, i * (size + n)
        if d_inputs.size > 0:
            for c in range(0, n, 16):
                store(d_product, c, _load(d_inputs, fed + c, n - c, brief))
            times_symmetric(matrix, i // vectors * n * n, n, d_product, 0, product, 0)
            for c in range(0, n, 16):
                d_x = load(product, c) + _load(d_inputs, fed + n + c, n - c, brief)
                x = _load(inputs, i * width + 2 * n + c, n - c, brief)
                # d tanh(l / 2) = (1 - x^2) / 2
                d_logits = fnma(d_x * x, x, d_x) * 0.5
                store_first(d_state, begin + c, load(d_state, begin + c) + d_logits, n - c)
            for c in range(n, size, 16):
                left = size - c
                d_v = _load(d_inputs, fed + n + c, left, brief)
                store_first(d_state, begin + c, load_first(d_state, begin + c, left) + d_v, left)
        for c in range(0, size, 16):
            left = size - c
            total = load_first(d_state, begin + c, left) + load_first(given, i * n + c, n - c)
            _store(d_out, begin + c, total * added, left, brief)
            store_first(d_state, begin + c, total * kept, left)


@uncounted
def _activate(before, hidden, count, gelu, erf, brief):
    for i in range(0, count, 16):
        a = _load(before, i, count - i, brief)
        if gelu:
            share = fma(odd(a, erf), splat(0.5), splat(0.5))
            density = exp(a * a * -0.5) * _PEAK
            value, slope = a * share, fma(a, density, share)
        else:
            value, slope = maximum(a, splat(0.0)), select(a > 0.0, splat(1.0), splat(0.0))
        _store(hidden, i, value, count - i, brief)
        _store(before, i, slope, count - i, brief)


@uncounted
def _through(d_hidden, slope, d_bias, rows, units, brief):
    d_bias[:units] = np.float32(0.0)
    for i in range(rows):
        for c in range(0, units, 16):
            at, left = i * units + c, units - c
            values = _load(d_hidden, at, left, brief) * _load(slope, at, left, brief)
            _store(d_hidden, at, values, left, brief)
            store_first(d_bias, c, load_first(d_bias, c, left) + values, left)


@sizing
def layout(space, n):
    """A vector and what G makes of it, one row at a time."""
    vector, at = cut(space, 0, (n + 31) // 32 * 32)
    product, at = cut(space, at, (n + 31) // 32 * 32)
    return vector, product, at


@functools.cache
def forward_kernel() -> Callable[..., None]:
    """kernel(out, state, logits, matrix, inputs, residual, (rows, vectors, n, states, brief)).

    The first five: addresses. out: what [W2; W3] gave, (rows, n + states); state: logits and v,
    (rows, n + states), brought up to date; logits: (rows, n), a copy; matrix: (rows / vectors, n,
    n); inputs: the next layer's, (rows, 3n + states), which has q already, or 0 for none.
    """
    tanh = np.array(TANH, np.float32)

    def detnet_training_forward(out, state, logits, matrix, inputs, residual, numbers):
        rows, vectors, n, states, brief = numbers
        given, kept = floats_at(out, 1), floats_at(state, rows * (n + states))
        copy, gram = floats_at(logits, rows * n), floats_at(matrix, rows // vectors * n * n)
        fed = floats_at(inputs, 0 if inputs == 0 else 1)
        space = scratch(layout(kept[:0], n)[-1])
        space[:] = np.float32(0.0)
        r = np.float32(residual)
        if brief > 0:
            _forward(given, kept, copy, gram, fed, space, numbers, r, tanh, True)
        else:
            _forward(given, kept, copy, gram, fed, space, numbers, r, tanh, False)

    addresses = ", ".join(["int64"] * 5)
    return compiled(f"void({addresses}, float32, UniTuple(int64, 5))", detnet_training_forward)


@functools.cache
def backward_kernel() -> Callable[..., None]:
    """kernel(given, d_inputs, inputs, matrix, d_state, d_out, residual,
    (rows, vectors, n, states, brief)).

    The first six: addresses. given: gradient by this layer's logits, (rows, n); d_inputs: by the
    next layer's inputs without q, (rows, 2n + states), or 0 for none; inputs: these; d_state: by
    logits and v, (rows, n + states), brought to what the layer below gets; out: d_out, (rows, n +
    states).
    """

    def detnet_training_backward(
        given, d_inputs, inputs, matrix, d_state, d_out, residual, numbers
    ):
        rows, vectors, n, states, brief = numbers
        by_logits, gram = floats_at(given, rows * n), floats_at(matrix, rows // vectors * n * n)
        by_inputs = floats_at(d_inputs, 0 if d_inputs == 0 else 1)
        fed, by_out = floats_at(inputs, 1), floats_at(d_out, 1)
        by_state = floats_at(d_state, rows * (n + states))
        space = scratch(layout(by_state[:0], n)[-1])
        space[:] = np.float32(0.0)
        r = np.float32(residual)
        if brief > 0:
            _backward(by_logits, by_inputs, fed, gram, by_state, by_out, space, numbers, r, True)
        else:
            _backward(by_logits, by_inputs, fed, gram, by_state, by_out, space, numbers, r, False)

    addresses = ", ".join(["int64"] * 6)
    return compiled(f"void({addresses}, float32, UniTuple(int64, 5))", detnet_training_backward)


@functools.cache
def activation_kernel() -> Callable[..., None]:
    """kernel(before, hidden, count, gelu, brief), the first two addresses.

    hidden: GELU, or ReLU where gelu is 0, of before, which its slope replaces.
    """
    erf = np.array(ERF, np.float32)

    def detnet_training_activation(before, hidden, count, gelu, brief):
        given, out = floats_at(before, 1), floats_at(hidden, 1)
        if brief > 0:
            _activate(given, out, count, gelu > 0, erf, True)
        else:
            _activate(given, out, count, gelu > 0, erf, False)

    return compiled("void(int64, int64, int64, int64, int64)", detnet_training_activation)


@functools.cache
def activation_backward_kernel() -> Callable[..., None]:
    """kernel(d_hidden, slope, d_bias, rows, units, brief), the first three addresses.

    d_hidden is multiplied by the slope, (rows, units); d_bias: its sums over rows, float32.
    """

    def detnet_training_activation_backward(d_hidden, slope, d_bias, rows, units, brief):
        given, slopes, sums = floats_at(d_hidden, 1), floats_at(slope, 1), floats_at(d_bias, units)
        if brief > 0:
            _through(given, slopes, sums, rows, units, True)
        else:
            _through(given, slopes, sums, rows, units, False)

    return compiled(f"void({', '.join(['int64'] * 6)})", detnet_training_activation_backward)
