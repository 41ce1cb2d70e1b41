"""The triangle of the tree searches in single precision, 16 channels at a time: parts of kernels.

||y - H x||^2 / noise_var = ||z - R u||^2 + const, with u the levels 0 .. L-1 of the real axes; the
equations and the order of the streams are those of ``sorted_cholesky``. The Gram matrix and the
matched filter are those of 16 interleaved channels; the pivoted factor, whose order differs from
channel to channel, runs one channel after the other with the columns in the lanes. It never
moves a column: a finished one is masked, and the order is applied when R is copied out.

**What single precision costs.** A distance is off by about 6e-8 (trace(H^H H) + ||z||^2) over
noise_var, whatever the condition of H; so a channel is given up, for double precision to take,
where that could reach some thousandths, or where a pivot is within rounding of zero. ``ok``
says so. A NaN or infinity is given up too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mimolearn.kernels.machine.compile import sizing, uncounted
from mimolearn.kernels.machine.memory import load, load_tile, store, store_lines, zip_lanes
from mimolearn.kernels.machine.simd import (
    as_int_bits,
    fma,
    fnma,
    lane_min_int,
    lane_numbers,
    lane_sum,
    select,
    select_int,
    splat,
    splat_int,
)

MOST_ENERGY = 2.0e4
"""Of H^H H and of z, over noise_var: beyond, rounding could change a distance by over 1e-3."""

DEPENDENT = np.float32(3e-5)
"""Of a column's energy: a pivot below is within rounding of zero."""

_INFINITY = np.float32(np.inf)
INDEX_MASK = 63


@sizing
def lanes_of(n):
    """Rounded up to a multiple of 16."""
    return (n + 15) // 16 * 16


class Places(NamedTuple):
    """Where the numbers of one channel lie after the front end, and how long they are.

    gram_re, gram_im (N, S), diagonal (S): the Gram matrix; b_re, b_im (T, S): the matched
    filters; imaginary parts only where symbols have one.
    """

    gram_im: int
    diagonal: int
    b_re: int
    b_im: int
    stride: int


@sizing
def places(num_tx, num_vectors, axes):
    """Places for one channel."""
    width = lanes_of(num_tx)
    diagonal = axes * num_tx * width
    b_re = diagonal + width
    b_im = b_re + (axes - 1) * num_vectors * width
    return Places(
        diagonal - num_tx * width, diagonal, b_re, b_im, b_re + axes * num_vectors * width
    )


class Triangle(NamedTuple):
    """Where in the workspace the triangle in work lies.

    Places and not arrays, because passing an array counts a reference, which costs as much as a
    row of a factor.
    r_re, r_im (S, S), inverse (N): the factor, columns not yet in order; columns (n, n'): row k is
    column k of the real R; offset, z (n'); turned: 16 rows of the factor; end: what is free.
    """

    r_re: int
    r_im: int
    inverse: int
    columns: int
    offset: int
    z: int
    turned: int
    end: int


@sizing
def triangle_memory(num_tx, axes):
    """Divide the start of a workspace up, which has to be zero: R stays so below its last row."""
    width, real = lanes_of(num_tx), lanes_of(axes * num_tx)
    r_im = width * width
    inverse = 2 * r_im
    columns = inverse + width
    offset = columns + real * real
    z = offset + real
    turned = z + real
    return Triangle(0, r_im, inverse, columns, offset, z, turned, turned + 32 * width)


@sizing
def search_memory(num_tx, axes):
    """Where residuals (n, n') and distances (n') of a search lie after the triangle; their end."""
    start, real = triangle_memory(num_tx, axes).end, lanes_of(axes * num_tx)
    return start, start + real * real, start + real * real + real


@uncounted
def _smallest(problems, start, width):
    """Number of the smallest entry, its last six bits aside, which make room for the number."""
    best = splat_int(0x7FFFFFFF)
    for c in range(0, width, 16):
        bits = as_int_bits(load(problems, start + c))
        packed = (bits & ~INDEX_MASK) | (lane_numbers() + c)
        best = select_int(packed < best, packed, best)
    return lane_min_int(best) & INDEX_MASK


@uncounted
def _complex_row(space, m, problems, row_re, row_im, k, p, c, width):
    """Row p of the Gram matrix less what the first k rows of R explain, columns c ... c + 15."""
    re, im = load(problems, row_re + c), load(problems, row_im + c)
    re2, im2 = splat(0.0), splat(0.0)
    for i in range(k):
        factor_re, factor_im = space[m.r_re + i * width + p], space[m.r_im + i * width + p]
        x, y = load(space, m.r_re + i * width + c), load(space, m.r_im + i * width + c)
        re, re2 = fnma(factor_re, x, re), fnma(factor_im, y, re2)
        im, im2 = fnma(factor_re, y, im), fma(factor_im, x, im2)
    return re + re2, im + im2


@uncounted
def _real_row(space, m, problems, row_re, k, p, c, width):
    """The same of a real one, columns c ... c + 31: enough sums at once to hide their delay."""
    behind = min(c + 16, width - 16)
    left, right = load(problems, row_re + c), load(problems, row_re + behind)
    left2, right2 = splat(0.0), splat(0.0)
    for i in range(0, k - 1, 2):
        at = m.r_re + i * width
        factor, factor2 = space[at + p], space[at + width + p]
        left, right = (
            fnma(factor, load(space, at + c), left),
            fnma(factor, load(space, at + behind), right),
        )
        at += width
        left2, right2 = (
            fnma(factor2, load(space, at + c), left2),
            fnma(factor2, load(space, at + behind), right2),
        )
    if k % 2 == 1:
        at = m.r_re + (k - 1) * width
        factor = space[at + p]
        left, right = (
            fnma(factor, load(space, at + c), left),
            fnma(factor, load(space, at + behind), right),
        )
    return left + left2, right + right2


@uncounted
def _finish(space, problems, diagonal, row, c, part, scale):
    """Scale a part of a row of R, and take its energy from what is left of the columns."""
    rest = load(problems, diagonal + c)
    part = select(rest < _INFINITY, part * scale, splat(0.0))
    store(space, row + c, part)
    store(problems, diagonal + c, fnma(part, part, rest))


@uncounted
def factor(space, m, problems, own, place, num_tx, axes, order, most_energy):
    """Sorted Cholesky factor of the channel at ``own``; returns whether it can be trusted."""
    width = lanes_of(num_tx)
    diagonal = own + place.diagonal
    energy = np.float32(0.0)
    for p in range(num_tx):
        energy += problems[diagonal + p]
    if not energy <= most_energy:
        return False
    for k in range(num_tx):
        p = _smallest(problems, diagonal, width)
        row_re, row_im = own + p * width, own + place.gram_im + p * width
        pivot = problems[diagonal + p]
        if not (DEPENDENT * problems[row_re + p] < pivot < _INFINITY):
            return False
        scale = np.float32(1.0) / np.sqrt(pivot)
        order[k] = p
        space[m.inverse + k] = scale
        if axes == 2:
            for c in range(0, width, 16):
                re, im = _complex_row(space, m, problems, row_re, row_im, k, p, c, width)
                _finish(space, problems, diagonal, m.r_re + k * width, c, re, scale)
                _finish(space, problems, diagonal, m.r_im + k * width, c, im, scale)
        else:
            for c in range(0, width, 32):
                left, right = _real_row(space, m, problems, row_re, k, p, c, width)
                _finish(space, problems, diagonal, m.r_re + k * width, c, left, scale)
                if c + 16 < width:
                    _finish(space, problems, diagonal, m.r_re + k * width, c + 16, right, scale)
        problems[diagonal + p] = _INFINITY
        space[m.r_re + k * width + p] = pivot * scale
        if axes == 2:
            space[m.r_im + k * width + p] = 0.0
    return True


@uncounted
def order_columns(space, m, num_tx, axes, order, lowest):
    """The real R in the order of its pivots, and its offset: R times the lowest level.

    lowest: lowest level over the level spacing, which R contains.
    """
    width, real = lanes_of(num_tx), lanes_of(axes * num_tx)
    for k in range(0, num_tx, 16):
        # Sixteen rows of R turn into as many entries of every column.
        for c in range(0, width, 16):
            rows, to = k * width + c, m.turned + c * 16
            store_lines(space, to, load_tile(space, 0, 15, width, m.r_re + rows, 16))
            if axes == 2:
                tile = load_tile(space, 0, 15, width, m.r_im + rows, 16)
                store_lines(space, to + width * 16, tile)
        for j in range(k, num_tx):
            own = m.turned + order[j] * 16
            re = load(space, own)
            if axes == 1:
                store(space, m.columns + j * real + k, re)
                continue
            im = load(space, own + width * 16)
            even, odd = zip_lanes(re, im), zip_lanes(-im, re)
            to = m.columns + 2 * j * real + 2 * k
            store(space, to, even[0])
            store(space, to + real, odd[0])
            if 2 * k + 16 < real:
                store(space, to + 16, even[1])
                store(space, to + real + 16, odd[1])
    for c in range(0, real, 16):
        total = splat(0.0)
        for j in range(c, axes * num_tx):
            total = total + load(space, m.columns + j * real + c)
        store(space, m.offset + c, total * lowest)


@uncounted
def rotate(space, m, problems, b_re, b_im, num_tx, axes, order):
    """z of the vector at b_re, b_im: R^H z = H^H y, less the offset. Returns its energy."""
    width, real = lanes_of(num_tx), lanes_of(axes * num_tx)
    for k in range(num_tx):
        p, row = order[k], k * width
        re = problems[b_re + p] * space[m.inverse + k]
        if axes == 2:
            im = problems[b_im + p] * space[m.inverse + k]
            space[m.z + 2 * k] = re
            space[m.z + 2 * k + 1] = im
            for c in range(0, width, 16):
                x, y = load(space, m.r_re + row + c), load(space, m.r_im + row + c)
                rest_re, rest_im = load(problems, b_re + c), load(problems, b_im + c)
                store(problems, b_re + c, fnma(y, im, fnma(x, re, rest_re)))
                store(problems, b_im + c, fma(y, re, fnma(x, im, rest_im)))
        else:
            space[m.z + k] = re
            for c in range(0, width, 16):
                x, rest = load(space, m.r_re + row + c), load(problems, b_re + c)
                store(problems, b_re + c, fnma(x, re, rest))
    for i in range(axes * num_tx, real):
        space[m.z + i] = 0.0
    energy = splat(0.0)
    for c in range(0, real, 16):
        z = load(space, m.z + c)
        energy = fma(z, z, energy)
        store(space, m.z + c, z - load(space, m.offset + c))
    return lane_sum(energy)
