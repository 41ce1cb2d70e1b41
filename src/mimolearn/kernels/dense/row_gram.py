"""Real Gram matrices of one channel after the other, columns in the lanes: parts of kernels.

Beside the interleaved way, 16 channels at a time, this one reads a channel once, turns nothing but
pairs of real and imaginary parts, and keeps all of it in the first-level cache. Lanes are lost
where the columns do not fill them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from mimolearn.kernels.dense.blocks import outer_8x1, outer_8x2
from mimolearn.kernels.machine.compile import compiled, group_signature, sizing, uncounted
from mimolearn.kernels.machine.memory import (
    load,
    load_first,
    load_tile,
    prefetch,
    store,
    store_first,
    store_lines,
    unzip_lanes,
)
from mimolearn.kernels.machine.simd import any_lane, as_int_bits, splat_int


@uncounted
def split_rows(h, start, rx, n, width, space, rows):
    """[Re H; Im H] in rows of ``width``, padded with zeros; how many, without Im H where it is 0.

    h: (rx, n, 2) from ``start`` on.
    """
    seen = splat_int(0)
    for r in range(rx):
        for c in range(0, width, 16):
            at, left = start + 2 * (r * n + c), 2 * (n - c)
            # While this channel is worked on, the next is fetched.
            prefetch(h, at + 2 * rx * n)
            prefetch(h, at + 2 * rx * n + 16)
            first, second = load_first(h, at, left), load_first(h, at + 16, left - 16)
            re, im = unzip_lanes(first, second)
            store(space, rows + r * width + c, re)
            store(space, rows + (rx + r) * width + c, im)
            seen = seen | as_int_bits(im)
    return 2 * rx if any_lane((seen & 0x7FFFFFFF) != 0) else rx


@uncounted
def gram_of_rows(space, rows, count, n, width, out):
    """G of ``count`` rows, in rows of ``width``: right of the diagonal's blocks of 16, and in them.

    Up to 7 rows follow the last of n.
    """
    for i in range(0, n, 8):
        j = i // 16 * 16
        while j + 32 <= width:
            outer_8x2(space, rows + i, rows + j, width, count, out + i * width + j)
            j += 32
        if j < width:
            outer_8x1(space, rows + i, rows + j, width, count, out + i * width + j)


@uncounted
def mirror(space, width, out, turned):
    """The blocks left of the diagonal, from those right of it. turned: of 256 floats."""
    for i in range(0, width, 16):
        for j in range(i + 16, width, 16):
            store_lines(space, turned, load_tile(space, 0, 15, width, out + i * width + j, 16))
            for e in range(16):
                store(space, out + (j + e) * width + i, load(space, turned + e * 16))


@sizing
def rows_starts(rx, n):
    """Where the Gram matrix and a tile that turns begin after [Re H; Im H]; where the tile ends."""
    width = (n + 15) // 16 * 16
    product = 2 * rx * width
    turned = product + width * width
    return product, turned, turned + 256


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(h, out, first, last, Sizes, space), of groups of 16 channels.

    Re(H^H H) (B, n, n) of h (B, rx, n, 2), flat float32.
    """

    def real_grams(h, out, first, last, numbers, space):
        num, _vectors, rx, n = numbers
        width = (n + 15) // 16 * 16
        product, turned, _end = rows_starts(rx, n)
        for b in range(16 * first, min(16 * last, num)):
            count = split_rows(h, 2 * b * rx * n, rx, n, width, space, 0)
            gram_of_rows(space, 0, count, n, width, product)
            mirror(space, width, product, turned)
            for i in range(n):
                for c in range(0, n, 16):
                    row = load(space, product + i * width + c)
                    store_first(out, (b * n + i) * n + c, row, n - c)

    return compiled(group_signature(2), real_grams)
