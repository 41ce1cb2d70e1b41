"""Gram matrices and matched filters for the tree searches in single precision.

Two ways to the same numbers, laid out as ``triangle_float32.Places`` says: 16 channels
interleaved, or, for real symbols and many columns, one channel after the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.complex_dense import correlate, correlate_real, gram, gram_real
from mimolearn.kernels.dense.interleave import interleave
from mimolearn.kernels.dense.layout import channel_floats, cut, padded, row_length, square_floats
from mimolearn.kernels.dense.row_gram import gram_of_rows, mirror, rows_starts, split_rows
from mimolearn.kernels.machine.compile import compiled, group_signature, sizing, uncounted
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, load_lines, store, store_tile
from mimolearn.kernels.machine.simd import fma, splat
from mimolearn.kernels.triangles.triangle_float32 import lanes_of, places

_INFINITY = np.float32(np.inf)


@sizing
def layout(space, rx, tx):
    """Channel, Gram matrix, received vector, H^H y; Gram matrix and diagonal in planes."""
    width = lanes_of(tx)
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    product, at = cut(space, at, square_floats(tx))
    received, at = cut(space, at, rx * 32 + SLACK)
    matched, at = cut(space, at, padded(tx) * 32)
    plane, at = cut(space, at, (2 * tx + 1) * width * 16)
    return matrix, product, received, matched, plane, at


@uncounted
def _to_problems(plane, first, count, out, stride, column):
    """``count`` interleaved floats to each of 16 channels, ``stride`` floats apart."""
    for c in range(0, count, 16):
        tile = load_lines(plane, first + c * 16)
        store_tile(out, 0, 15, stride, column + c, 16, tile)


@uncounted
def _spread_gram(product, row, num_tx, axes, scale, loading, plane, at_im, at_diagonal):
    """Both halves of the Gram matrix and its diagonal, scaled and loaded, in planes."""
    width = lanes_of(num_tx)
    for p in range(num_tx):
        for q in range(p):
            re = load(product, p * row + q * 32) * scale
            store(plane, (p * width + q) * 16, re)
            store(plane, (q * width + p) * 16, re)
            if axes == 2:
                # ``gram`` leaves the conjugate.
                im = load(product, p * row + q * 32 + 16) * scale
                store(plane, at_im + (p * width + q) * 16, -im)
                store(plane, at_im + (q * width + p) * 16, im)
        own = fma(load(product, p * row + p * 32), scale, splat(loading))
        store(plane, (p * width + p) * 16, own)
        store(plane, at_diagonal + p * 16, own)


@functools.cache
def front_end() -> Callable[..., None]:
    """kernel(h, y, noise_var, settings, problems, first, last, (*Sizes, axes), space).

    Gram matrices and matched filters of groups of 16 channels, from the start of ``problems`` on,
    each channel laid out as ``Places`` says. h (B, Nr, Nt, 2), y (B, T, Nr, 2), flat; noise_var
    continued to whole groups; settings: level spacing, diagonal loading, ...; both go into the Gram
    matrix with 1 / noise_var.
    """

    def triangle_front_end(h, y, noise_var, settings, problems, first, last, numbers, space):
        num, vectors, rx, tx, axes = numbers
        row, width, place = row_length(tx), lanes_of(tx), places(tx, vectors, axes)
        spacing = settings[0]
        loading = settings[1] * spacing * spacing
        size = tx * width
        matrix, product, received, matched, plane, _end = layout(space, rx, tx)
        for group in range(first, last):
            # Padded columns: zero, and above all others on the diagonal.
            plane[: 2 * size * 16] = 0.0
            plane[2 * size * 16 :] = _INFINITY
            start, end = group * 16, num - 1
            precision = 1.0 / load(noise_var, start)
            interleave(h, (start, end, rx * tx * 2), 0, rx, 2 * tx, matrix, row)
            if axes == 2:
                gram(matrix, row, rx, padded(tx), product, row)
            else:
                gram_real(matrix, row, rx, padded(tx), product, row)
            scale = precision * (spacing * spacing)
            im, diagonal = size * 16, 2 * size * 16
            _spread_gram(product, row, tx, axes, scale, loading, plane, im, diagonal)
            to = (group - first) * 16 * place.stride
            for part in range(axes):
                _to_problems(plane, part * im, size, problems, place.stride, to + part * size)
            _to_problems(plane, diagonal, width, problems, place.stride, to + place.diagonal)
            for t in range(vectors):
                of_y = (start, end, vectors * rx * 2)
                interleave(y, of_y, t * rx * 2, 1, rx * 2, received, rx * 32)
                if axes == 2:
                    correlate(matrix, row, rx, padded(tx), received, 0, 1, matched, 0)
                else:
                    correlate_real(matrix, row, rx, padded(tx), received, matched)
                for part in range(axes):
                    scale = precision * (spacing if part == 0 else -spacing)
                    for p in range(tx):
                        store(plane, p * 16, load(matched, p * 32 + part * 16) * scale)
                    for p in range(tx, width):
                        store(plane, p * 16, splat(0.0))
                    column = to + (place.b_im if part == 1 else place.b_re) + t * width
                    _to_problems(plane, 0, width, problems, place.stride, column)

    return compiled(group_signature(5, 1), triangle_front_end)


@functools.cache
def rows_front_end() -> Callable[..., None]:
    """The same kernel for real symbols and many columns: lanes are columns, not channels."""

    def triangle_rows_front_end(h, y, noise_var, settings, problems, first, last, numbers, space):
        num, vectors, rx, tx, axes = numbers
        width, place = lanes_of(tx), places(tx, vectors, axes)
        product, turned, _end = rows_starts(rx, tx)
        for channel in range(first * 16, min(last * 16, num)):
            own = (channel - first * 16) * place.stride
            precision = settings[0] / noise_var[channel]
            count = split_rows(h, channel * rx * tx * 2, rx, tx, width, space, 0)
            gram_of_rows(space, 0, count, tx, width, product)
            mirror(space, width, product, turned)
            _spread_rows(space, product, tx, width, precision * settings[0], settings, problems,
                         own, own + place.diagonal)  # fmt: skip
            for t in range(vectors):
                received = (channel * vectors + t) * rx * 2
                _match_rows(space, rx, count, width, y, received, precision, problems,
                            own + place.b_re + t * width)  # fmt: skip

    return compiled(group_signature(5, 1), triangle_rows_front_end)


@uncounted
def _spread_rows(space, product, num_tx, width, scale, settings, problems, gram, diagonal):
    """The Gram matrix, scaled and loaded, and its diagonal."""
    loading = settings[1] * settings[0] * settings[0]
    for c in range(0, width, 16):
        store(problems, diagonal + c, splat(_INFINITY))
    for p in range(num_tx):
        for c in range(0, width, 16):
            store(problems, gram + p * width + c, load(space, product + p * width + c) * scale)
        problems[gram + p * width + p] += loading
        problems[diagonal + p] = problems[gram + p * width + p]


@uncounted
def _match_rows(space, rx, count, width, y, start, scale, problems, out):
    """Re(H^H y), scaled, from the rows that lie at the start of the workspace."""
    for c in range(0, width, 16):
        re, im = splat(0.0), splat(0.0)
        for r in range(rx):
            re = fma(y[start + 2 * r], load(space, r * width + c), re)
            im = fma(y[start + 2 * r + 1], load(space, (rx + r) * width + c), im)
        store(problems, out + c, (re + im) * scale)
