"""Draw, transmit and detect in one pass: linear detectors on fresh independent Gaussian channels.

A group of 16 channels is drawn, used by every detector and forgotten while it is in the
processor's own cache; a simulation that draws thousands of channels first spends as much time on
moving them to memory and back as on detecting. The parts are those of the kernels that do one step
each, on the same numbers of the same streams: so are the estimates, to the last bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.linear.linear import detect_group, one_shot_layout, prepare_group
from mimolearn.kernels.linear.widely_linear import layout as real_layout
from mimolearn.kernels.linear.widely_linear import widely_linear_group
from mimolearn.kernels.link.bartlett import assemble
from mimolearn.kernels.link.gamma import gammas
from mimolearn.kernels.link.transmit import layout as transmit_layout
from mimolearn.kernels.link.transmit import transmit
from mimolearn.kernels.machine.compile import compiled, inlined, sizing
from mimolearn.kernels.machine.philox import integers, normals
from mimolearn.kernels.machine.simd import splat

WIDELY_LINEAR = 4
"""A method beside those of ``linear``: the LMMSE of real symbols."""

COMPLEX, REAL = 2, 1
"""Numbers in a channel's entry: the ``parts`` of the kernel."""


@sizing
def layout(space, vectors, rx, tx):
    """What is drawn and detected of 16 channels; what is left serves the detectors.

    patterns: of ``transmit``, zero before. scratch: of the draws. h, packed: channels, and their
    numbers before they are put together. energy: of a triangle's diagonal. y: received vectors.
    real_x: real estimates. error_var: of the estimates.
    """
    patterns, at = cut(space, 0, transmit_layout(space[:0], tx)[-1])
    scratch, at = cut(space, at, 128)
    h, at = cut(space, at, 16 * rx * tx * 2)
    packed, at = cut(space, at, 16 * rx * tx)
    energy, at = cut(space, at, 16 * tx)
    y, at = cut(space, at, 16 * vectors * rx * 2)
    real_x, at = cut(space, at, 16 * vectors * tx)
    error_var, at = cut(space, at, 16 * tx)
    rest = space[at:]
    end = at + max(one_shot_layout(rest, rx, tx)[-1], real_layout(rest, rx, tx)[-1])
    return patterns, scratch, h, packed, energy, y, real_x, error_var, rest, end


@inlined
def _draw_full(h, packed, key, group, parts, rx, tx, scale, scratch):
    """16 channels of independent entries, stream 0; the real ones get imaginary parts of zero."""
    numbers = 16 * rx * tx
    if parts == COMPLEX:
        normals(h, key, np.uint64(0), group * 2 * numbers, scale, scratch)
        return
    normals(packed, key, np.uint64(0), group * numbers, scale, scratch)
    for i in range(numbers):
        h[2 * i], h[2 * i + 1] = packed[i], np.float32(0.0)


@inlined
def _draw_reduced(h, packed, energy, key, group, parts, tx, scales, shapes, scratch):
    """16 triangles: their diagonals are stream 0, the rest stream 1."""
    gammas(energy, shapes, key, np.uint64(0), group * 16 * tx, scratch)
    above = packed[: 16 * (tx * (tx - 1) // 2) * parts]
    normals(above, key, np.uint64(1), group * above.size, scales[0], scratch)
    assemble(energy, above, h, 16, tx, parts, scales[1])


@inlined
def _detect(method, h, y, noise_var, vectors, rx, tx, x, error_var, real_x, space):
    """16 channels by one method; returns whether the outputs are all finite."""
    noise = splat(noise_var)
    if method == WIDELY_LINEAR:
        finite = widely_linear_group(
            h, y, noise, real_x, error_var, (0, 15), vectors, rx, tx, space
        )
        for i in range(real_x.size):
            x[2 * i], x[2 * i + 1] = real_x[i], np.float32(0.0)
        return finite
    span = (0, 15, rx * tx * 2)
    matrix, u, gain, rest, _end = one_shot_layout(space, rx, tx)
    prepared = prepare_group(h, span, noise, method, rx, tx, matrix, u, gain, rest, error_var)
    return detect_group(matrix, u, gain, y, span, vectors, rx, tx, rest, x) & prepared


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(key, methods, points, noise, scales, shapes, sent, x, sizes, space, words).

    methods: (D) of ``linear``'s or WIDELY_LINEAR. noise: variance and standard deviation. scales:
    of a full channel's numbers or of a triangle's above the diagonal, of a triangle, and of the
    numbers of CN(0, 1) noise. shapes: of the
    diagonal's gamma variates, none for full channels. sizes: (groups, vectors, rows, columns,
    parts, constellation points). Writes sent (N, T, Nt) and x (D, N, T, Nt, 2), flat; words: 64.
    Returns whether all outputs are finite.
    """

    def simulate_linear(key, methods, points, noise, scales, shapes, sent, x, sizes, space, words):
        groups, vectors, rx, tx, parts, num_points = sizes
        reduced = shapes.size > 0
        # The streams are taken in the order of ``Scenario.draw``.
        stream = np.uint64(2 if reduced else 1)
        symbols = 16 * vectors * tx
        parts_of_space = layout(space, vectors, rx, tx)
        patterns, scratch, h, packed, energy, y, real_x, error_var, rest, _end = parts_of_space
        deviations = np.full(16, noise[1], np.float32)
        finite = True
        for group in range(groups):
            if reduced:
                _draw_reduced(h, packed, energy, key, group, parts, tx, scales, shapes, scratch)
            else:
                _draw_full(h, packed, key, group, parts, rx, tx, scales[0], scratch)
            indices = sent[group * symbols : (group + 1) * symbols]
            integers(indices, num_points, key, stream, group * symbols, words)
            normals(y, key, stream + np.uint64(1), group * y.size, scales[2], scratch)
            transmit(h, indices, points, deviations, y, (16, vectors, rx, tx), patterns)
            for d in range(methods.size):
                start = (d * groups + group) * symbols * 2
                out = x[start : start + symbols * 2]
                finite &= _detect(
                    methods[d], h, y, noise[0], vectors, rx, tx, out, error_var, real_x, rest
                )
        return finite

    floats = "float32[::1]"
    arrays = f"int64[::1], {floats}, {floats}, {floats}, {floats}, int64[::1], {floats}"
    signature = f"boolean(uint64, {arrays}, UniTuple(int64, 6), {floats}, uint32[::1])"
    return compiled(signature, simulate_linear)
