"""LMMSE and zero-forcing detection of 16 interleaved channels at a time.

``one_shot`` takes ordinary layout in and out, and keeps everything between in the cache: for
fresh channels with few vectors each. ``prepare`` and ``detect`` are the two halves of the same
work, with interleaved matrices between them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.complex_dense import (
    add_to_diagonal,
    add_where_zero,
    cholesky,
    correlate,
    gram,
    improper,
    inverse,
    solve,
)
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import channel_floats, cut, padded, row_length, square_floats
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import all_finite, maximum, splat

LMMSE, BIASED_LMMSE, ZF, REAL_LMMSE = 0, 1, 2, 3
"""What to solve and how to scale it: the ``method`` of the kernels."""

EPSILON = np.float32(2.0**-23)
_VECTORS = 16  # received vectors of a channel that are worked on at a time


@sizing
def prepare_layout(space, tx):
    """Of ``prepare_group``: the Gram matrix and its factor, scalings, diag(A^-1), variances."""
    n = padded(tx)
    r, at = cut(space, 0, square_floats(tx))
    scale, at = cut(space, at, n * 16)
    power, at = cut(space, at, n * 16)
    error_var, at = cut(space, at, n * 16)
    return r, scale, power, error_var, at


@sizing
def detect_layout(space, rx, tx):
    """Of ``detect_group``: received vectors, H^H y, half a solution, estimates."""
    row = padded(tx) * 32
    received, at = cut(space, 0, _VECTORS * rx * 32 + SLACK)
    b, at = cut(space, at, _VECTORS * row)
    middle, at = cut(space, at, _VECTORS * row)
    x, at = cut(space, at, _VECTORS * row)
    return received, b, middle, x, at


@sizing
def one_shot_layout(space, rx, tx):
    """A channel, its triangular inverse and its scalings; what is left serves the two halves."""
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    u, at = cut(space, at, square_floats(tx))
    gain, at = cut(space, at, padded(tx) * 16)
    rest = space[at:]
    end = at + max(prepare_layout(rest, tx)[-1], detect_layout(rest, rx, tx)[-1])
    return matrix, u, gain, rest, end


@inlined
def _outputs(method, noise_var, power, n, gain, error_var):
    """Scaling of A^-1 H^H y and variance of its error, from diag(A^-1)."""
    for i in range(0, n * 16, 16):
        d = load(power, i)
        if method == ZF:
            store(gain, i, splat(1.0))
            store(error_var, i, noise_var * d)
        else:
            # The bias g = 1 - noise_var d, all rounding near 0: a stream that nobody can hear
            # gets a huge error variance instead of a negative one.
            residual = noise_var * d
            bias = maximum(splat(EPSILON), 1.0 - residual)
            store(gain, i, splat(1.0) if method == BIASED_LMMSE else 1.0 / bias)
            store(error_var, i, bias * residual if method == BIASED_LMMSE else residual / bias)


@inlined
def _add_improper(squares, n, gain, error_var):
    """Interference of real symbols is improper: count its real part, as ``detectors.lmmse``."""
    for i in range(0, n * 16, 16):
        scale = load(gain, i)
        proper = load(error_var, i)
        total = proper + load(squares, i) * scale * scale
        # Positive in exact arithmetic.
        store(error_var, i, maximum(proper * EPSILON, total))


@inlined
def prepare_group(h, span, noise_var, method, num_rx, num_tx, matrix, u, gain, space, out):
    """16 channels: interleaved copy, triangular inverse and scaling; error variances to out.

    Returns whether these are all finite.
    """
    n, row = padded(num_tx), row_length(num_tx)
    r, scale, power, error_var, _end = prepare_layout(space, num_tx)
    interleave(h, span, 0, num_rx, 2 * num_tx, matrix, row)
    gram(matrix, row, num_rx, n, r, row)
    add_to_diagonal(r, row, n, num_tx, splat(0.0) if method == ZF else noise_var)
    if method == ZF:
        add_where_zero(r, row, num_tx, noise_var * EPSILON)
    cholesky(r, row, n, scale)
    inverse(r, row, n, scale, u, power)
    _outputs(method, noise_var, power, n, gain, error_var)
    if method == REAL_LMMSE:
        improper(u, row, n, noise_var, power)
        _add_improper(power, n, gain, error_var)
    deinterleave(error_var, n * 16, 1, num_tx, out, (span[0], span[1], num_tx), 0)
    checksum = splat(0.0)
    for i in range(0, n * 16, 16):
        checksum = checksum + load(error_var, i) * 0.0
    return all_finite(checksum)


@inlined
def detect_group(matrix, u, gain, y, lanes, num_vectors, num_rx, num_tx, space, out):
    """All vectors of 16 channels, some at a time; returns whether the outputs are all finite."""
    n, row = padded(num_tx), row_length(num_tx)
    vector_row = n * 32
    received, b, middle, x, _end = detect_layout(space, num_rx, num_tx)
    from_y = (lanes[0], lanes[1], num_vectors * num_rx * 2)
    to_x = (lanes[0], lanes[1], num_vectors * num_tx * 2)
    checksum = splat(0.0)
    for t in range(0, num_vectors, _VECTORS):
        count = min(_VECTORS, num_vectors - t)
        interleave(y, from_y, t * num_rx * 2, count, num_rx * 2, received, num_rx * 32)
        correlate(matrix, row, num_rx, n, received, num_rx * 32, count, b, vector_row)
        solve(u, row, n, b, count, middle, x, vector_row)
        for i in range(count * n):
            g = load(gain, (i % n) * 16)
            # solve gives the conjugate.
            re, im = load(x, i * 32) * g, -load(x, i * 32 + 16) * g
            checksum = checksum + (re + im) * 0.0
            store(x, i * 32, re)
            store(x, i * 32 + 16, im)
        deinterleave(x, vector_row, count, num_tx * 2, out, to_x, t * num_tx * 2)
    return all_finite(checksum)


_FLOATS = "float32[::1]"


def signature(arrays: int, integers: int, gives: str = "void") -> str:
    """Flat arrays, then integers, then a workspace."""
    return f"{gives}({', '.join([_FLOATS] * arrays + ['int64'] * integers + [_FLOATS])})"


@functools.cache
def one_shot_kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, x, error_var, first, last, (*Sizes, method), space).

    h (B, Nr, Nt, 2), y (B, T, Nr, 2), x (B, T, Nt, 2), error_var (B, Nt), all flat; noise_var
    continued to whole groups. Works on groups first ... last - 1 of 16 channels. Returns whether
    all outputs are finite, which no NaN or infinity in h or y lets them be.
    """

    def linear_one_shot(h, y, noise_var, x, error_var, first, last, numbers, space):
        num, vectors, rx, tx, method = numbers
        matrix, u, gain, rest, _end = one_shot_layout(space, rx, tx)
        finite = True
        for group in range(first, last):
            span = (group * 16, num - 1, rx * tx * 2)
            noise = load(noise_var, group * 16)
            finite &= prepare_group(
                h, span, noise, method, rx, tx, matrix, u, gain, rest, error_var
            )
            finite &= detect_group(matrix, u, gain, y, span, vectors, rx, tx, rest, x)
        return finite

    return compiled(group_signature(5, 1, gives="boolean"), linear_one_shot)


@inlined
def _of_group(matrix, u, gain, group, rx, tx):
    """The parts of one group: of channels, triangular inverses and scalings."""
    floats, square, n = channel_floats(rx, tx), square_floats(tx), padded(tx)
    channel, _end = cut(matrix, group * floats, floats)
    factor, _end = cut(u, group * square, square)
    scaling, _end = cut(gain, group * n * 16, n * 16)
    return channel, factor, scaling


@functools.cache
def prepare_kernel() -> Callable[..., None]:
    """kernel(h, noise_var, matrix, u, gain, error_var, first, last, (*Sizes, method), space).

    Writes the interleaved channel, its triangular inverse and the scalings of each group, one
    group after the other.
    """

    def linear_prepare(h, noise_var, matrix, u, gain, error_var, first, last, numbers, space):
        num, _vectors, rx, tx, method = numbers
        for group in range(first, last):
            span = (group * 16, num - 1, rx * tx * 2)
            noise = load(noise_var, group * 16)
            channel, factor, scaling = _of_group(matrix, u, gain, group, rx, tx)
            prepare_group(
                h, span, noise, method, rx, tx, channel, factor, scaling, space, error_var
            )

    return compiled(group_signature(6, 1), linear_prepare)


@functools.cache
def detect_kernel() -> Callable[..., None]:
    """kernel(matrix, u, gain, y, x, first, last, Sizes, space)."""

    def linear_detect(matrix, u, gain, y, x, first, last, numbers, space):
        num, vectors, rx, tx = numbers
        for group in range(first, last):
            span = (group * 16, num - 1, 0)
            channel, factor, scaling = _of_group(matrix, u, gain, group, rx, tx)
            detect_group(channel, factor, scaling, y, span, vectors, rx, tx, space, x)

    return compiled(group_signature(5), linear_detect)
