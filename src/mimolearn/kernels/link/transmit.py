"""Received vectors y = H x + n in one pass over the channels, rounded alike on every machine.

A complex product with x is two real ones, with (Re x, -Im x) for the real part of y and with
(Im x, Re x) for its imaginary part: rows of H stay as they lie. Multiplications and additions are
never fused and sums run in one order, so that a received vector depends on its own channel,
symbols and noise alone: not on the machine, and not on which other vectors are made with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.machine.compile import compiled, inlined, sizing
from mimolearn.kernels.machine.memory import load, load_first
from mimolearn.kernels.machine.simd import lane_sum, splat


@sizing
def layout(space, tx):
    """What the entries of a row are multiplied by, for Re y and for Im y; zeros before."""
    for_re, at = cut(space, 0, (2 * tx + 15) // 16 * 16)
    for_im, at = cut(space, at, (2 * tx + 15) // 16 * 16)
    return for_re, for_im, at


@inlined
def _patterns(indices, first, num_tx, points, for_re, for_im):
    """What ``layout`` says, for one vector x."""
    for i in range(num_tx):
        at = 2 * indices[first + i]
        re, im = points[at], points[at + 1]
        for_re[2 * i], for_re[2 * i + 1] = re, -im
        for_im[2 * i], for_im[2 * i + 1] = im, re


@inlined
def transmit(h, indices, points, noise_std, y, numbers, space):
    """What ``transmit_kernel`` does."""
    num, vectors, rx, tx = numbers
    length, (for_re, for_im, _end) = 2 * tx, layout(space, tx)
    whole = length // 16 * 16
    for v in range(num * vectors):
        channel = v // vectors
        _patterns(indices, v * tx, tx, points, for_re, for_im)
        std = noise_std[channel]
        for r in range(rx):
            row, to = (channel * rx + r) * length, (v * rx + r) * 2
            re, im = splat(0.0), splat(0.0)
            for c in range(0, whole, 16):
                entries = load(h, row + c)
                re = re + entries * load(for_re, c)
                im = im + entries * load(for_im, c)
            if whole < length:
                entries = load_first(h, row + whole, length - whole)
                re = re + entries * load(for_re, whole)
                im = im + entries * load(for_im, whole)
            y[to] = y[to] * std + lane_sum(re)
            y[to + 1] = y[to + 1] * std + lane_sum(im)


@functools.cache
def transmit_kernel() -> Callable[..., None]:
    """kernel(h, indices, points, noise_std, y, ``Sizes``, space).

    h (B, Nr, Nt, 2), indices (B, T, Nt), points (M, 2), noise_std (B), y (B, T, Nr, 2), all flat.
    y holds CN(0, 1) noise before and the received vectors after. space: zeros.
    """

    def transmit_vectors(h, indices, points, noise_std, y, numbers, space):
        transmit(h, indices, points, noise_std, y, numbers, space)

    floats, sizes = "float32[::1]", "UniTuple(int64, 4)"
    signature = f"void({floats}, int64[::1], {floats}, {floats}, {floats}, {sizes}, {floats})"
    return compiled(signature, transmit_vectors)
