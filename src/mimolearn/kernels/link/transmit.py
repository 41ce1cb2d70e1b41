"""Received vectors y = H x + n in one pass over the channels, rounded alike on every machine.

A complex product with x is two real ones, with (Re x, -Im x) for the real part of y and with
(Im x, Re x) for its imaginary part: rows of H stay as they lie. Multiplications and additions are
never fused and sums run in one order, so that a received vector depends on its own channel,
symbols and noise alone: not on the machine, and not on which other vectors are made with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from mimolearn.kernels.machine.compile import compiled, inlined, sizing
from mimolearn.kernels.machine.memory import load, load_first
from mimolearn.kernels.machine.simd import lane_sum, splat


@sizing
def pattern_floats(tx):
    """Floats of workspace, which must be zero before."""
    return 2 * ((2 * tx + 15) // 16 * 16)


@inlined
def _patterns(indices, first, num_tx, points, width, space):
    """What the entries of a row are multiplied by, for Re y and, ``width`` floats on, for Im y."""
    for i in range(num_tx):
        at = 2 * indices[first + i]
        re, im = points[at], points[at + 1]
        space[2 * i], space[2 * i + 1] = re, -im
        space[width + 2 * i], space[width + 2 * i + 1] = im, re


@inlined
def transmit(h, indices, points, noise_std, y, num, vectors, rx, tx, space):
    """What ``transmit_kernel`` does."""
    length, width = 2 * tx, space.size // 2
    whole = length // 16 * 16
    for v in range(num * vectors):
        channel = v // vectors
        _patterns(indices, v * tx, tx, points, width, space)
        std = noise_std[channel]
        for r in range(rx):
            row, to = (channel * rx + r) * length, (v * rx + r) * 2
            re, im = splat(0.0), splat(0.0)
            for c in range(0, whole, 16):
                entries = load(h, row + c)
                re = re + entries * load(space, c)
                im = im + entries * load(space, width + c)
            if whole < length:
                entries = load_first(h, row + whole, length - whole)
                re = re + entries * load(space, whole)
                im = im + entries * load(space, width + whole)
            y[to] = y[to] * std + lane_sum(re)
            y[to + 1] = y[to + 1] * std + lane_sum(im)


@functools.cache
def transmit_kernel() -> Callable[..., None]:
    """kernel(h, indices, points, noise_std, y, num, vectors, rx, tx, space).

    h (B, Nr, Nt, 2), indices (B, T, Nt), points (M, 2), noise_std (B), y (B, T, Nr, 2), all flat.
    y holds CN(0, 1) noise before and the received vectors after. space: zeros.
    """

    def transmit_vectors(h, indices, points, noise_std, y, num, vectors, rx, tx, space):
        transmit(h, indices, points, noise_std, y, num, vectors, rx, tx, space)

    floats, sizes = "float32[::1]", "int64, int64, int64, int64"
    signature = f"void({floats}, int64[::1], {floats}, {floats}, {floats}, {sizes}, {floats})"
    return compiled(signature, transmit_vectors)
