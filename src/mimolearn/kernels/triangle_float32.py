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

from mimolearn.kernels.compile import inlined
from mimolearn.kernels.complex_dense import correlate, gram
from mimolearn.kernels.interleave import SLACK, interleave
from mimolearn.kernels.linear import cut, padded, row_length
from mimolearn.kernels.simd import (
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
from mimolearn.kernels.simd_memory import load, load_lines, store, store_tile

MOST_ENERGY = 2.0e4
"""Of H^H H and of z, over noise_var: beyond, rounding could change a distance by over 1e-3."""

_DEPENDENT = np.float32(3e-5)
_INFINITY = np.float32(np.inf)
_INDEX_MASK = 63


@inlined
def lanes_of(n):
    """Rounded up to a multiple of 16."""
    return (n + 15) // 16 * 16


def workspace(num_rx: int, num_tx: int, num_vectors: int, axes: int) -> int:
    """Floats that the parts of this module need."""
    n, width = num_tx + num_tx % 2, (num_tx + 15) // 16 * 16
    real = (axes * num_tx + 15) // 16 * 16
    interleaved = (num_rx + n) * (n * 32 + 16) + SLACK + num_rx * 32 + SLACK + n * 32
    planes = (2 * num_tx + 1) * width * 16 + 2 * width * 16
    problems = 16 * ((2 * num_tx + 1) * width + 2 * num_vectors * width)
    factor = 2 * num_tx * width + width
    return interleaved + planes + problems + factor + real * (real + 3) + 256


class Triangle(NamedTuple):
    """Memory of one group of channels, and of the triangle that is being worked on.

    gram_re, gram_im (16, N, S) and diagonal (16, S): the Gram matrices; b_re, b_im (16, T, S): the
    matched filters; r_re, r_im (N, S), inverse (N): the factor, columns not yet in order;
    columns (n, n'): row k is column k of the real R; offset, z (n').
    """

    matrix: np.ndarray
    gram: np.ndarray
    received: np.ndarray
    matched: np.ndarray
    plane_re: np.ndarray
    plane_im: np.ndarray
    plane_diagonal: np.ndarray
    gram_re: np.ndarray
    gram_im: np.ndarray
    diagonal: np.ndarray
    b_re: np.ndarray
    b_im: np.ndarray
    r_re: np.ndarray
    r_im: np.ndarray
    inverse: np.ndarray
    columns: np.ndarray
    offset: np.ndarray
    z: np.ndarray


@inlined
def triangle_memory(space, num_rx, num_tx, num_vectors, axes):
    """Cut the workspace up; returns (Triangle, the rest of the workspace)."""
    row, width = row_length(num_tx), lanes_of(num_tx)
    real = lanes_of(axes * num_tx)
    matrix, at = cut(space, 0, num_rx * row + SLACK)
    complex_gram, at = cut(space, at, padded(num_tx) * row)
    received, at = cut(space, at, num_rx * 32 + SLACK)
    matched, at = cut(space, at, padded(num_tx) * 32)
    plane_re, at = cut(space, at, (num_tx + 1) * width * 16)
    plane_im, at = cut(space, at, (num_tx + 1) * width * 16)
    plane_diagonal, at = cut(space, at, width * 16)
    gram_re, at = cut(space, at, 16 * num_tx * width)
    gram_im, at = cut(space, at, 16 * num_tx * width)
    diagonal, at = cut(space, at, 16 * width)
    b_re, at = cut(space, at, 16 * num_vectors * width)
    b_im, at = cut(space, at, 16 * num_vectors * width)
    r_re, at = cut(space, at, num_tx * width)
    r_im, at = cut(space, at, num_tx * width)
    inverse, at = cut(space, at, width)
    columns, at = cut(space, at, real * real)
    offset, at = cut(space, at, real)
    z, at = cut(space, at, real)
    # Zeros that stay: padded columns, and R below its diagonal.
    plane_re[:] = 0.0
    plane_im[:] = 0.0
    plane_diagonal[:] = _INFINITY
    columns[:] = 0.0
    memory = Triangle(
        matrix, complex_gram, received, matched, plane_re, plane_im, plane_diagonal,
        gram_re, gram_im, diagonal, b_re, b_im, r_re, r_im, inverse, columns, offset, z,
    )  # fmt: skip
    return memory, space[at:]


@inlined
def _to_problems(plane, first, count, out, stride, column):
    """``count`` interleaved floats to each of 16 problems, ``stride`` floats apart."""
    for c in range(0, count, 16):
        tile = load_lines(plane, first + c * 16)
        store_tile(out, 0, 15, stride, column + c, 16, tile)


@inlined
def triangle_group(m, h, y, group, num, num_vectors, num_rx, num_tx, axes, precision, settings):
    """Gram matrices and matched filters of 16 channels.

    precision: 1 / noise_var. settings: level spacing, diagonal loading.
    """
    row, width = row_length(num_tx), lanes_of(num_tx)
    spacing, loading = settings[0], settings[1] * settings[0] * settings[0]
    first, last = group * 16, num - 1
    interleave(h, (first, last, num_rx * num_tx * 2), 0, num_rx, 2 * num_tx, m.matrix, row)
    gram(m.matrix, row, num_rx, padded(num_tx), m.gram, row)
    scale = precision * (spacing * spacing)
    for p in range(num_tx):
        for q in range(p):
            re = load(m.gram, p * row + q * 32) * scale
            im = load(m.gram, p * row + q * 32 + 16) * scale
            # ``gram`` leaves the conjugate.
            store(m.plane_re, (p * width + q) * 16, re)
            store(m.plane_re, (q * width + p) * 16, re)
            if axes == 2:
                store(m.plane_im, (p * width + q) * 16, -im)
                store(m.plane_im, (q * width + p) * 16, im)
        own = fma(load(m.gram, p * row + p * 32), scale, splat(loading))
        store(m.plane_re, (p * width + p) * 16, own)
        store(m.plane_diagonal, p * 16, own)
    size = num_tx * width
    _to_problems(m.plane_re, 0, size, m.gram_re, size, 0)
    if axes == 2:
        _to_problems(m.plane_im, 0, size, m.gram_im, size, 0)
    _to_problems(m.plane_diagonal, 0, width, m.diagonal, width, 0)
    scale = precision * spacing
    # One row of the planes is left for the matched filter.
    spare = size * 16
    place = (first, last, num_vectors * num_rx * 2)
    for t in range(num_vectors):
        interleave(y, place, t * num_rx * 2, 1, num_rx * 2, m.received, num_rx * 32)
        correlate(m.matrix, row, num_rx, padded(num_tx), m.received, 0, 1, m.matched, 0)
        for p in range(num_tx):
            store(m.plane_re, spare + p * 16, load(m.matched, p * 32) * scale)
            store(m.plane_im, spare + p * 16, -load(m.matched, p * 32 + 16) * scale)
        stride = num_vectors * width
        _to_problems(m.plane_re, spare, width, m.b_re, stride, t * width)
        if axes == 2:
            _to_problems(m.plane_im, spare, width, m.b_im, stride, t * width)


@inlined
def _smallest(diagonal, start, width):
    """Number of the smallest entry, its last six bits aside, which make room for the number."""
    best = splat_int(0x7FFFFFFF)
    for c in range(0, width, 16):
        bits = as_int_bits(load(diagonal, start + c))
        packed = (bits & ~_INDEX_MASK) | (lane_numbers() + c)
        best = select_int(packed < best, packed, best)
    return lane_min_int(best) & _INDEX_MASK


@inlined
def _factor_row(m, at, k, p, c, width, axes):
    """Row p of the Gram matrix less what the first k rows of R explain, columns c ... c + 15."""
    re, im = load(m.gram_re, at + p * width + c), splat(0.0)
    re2, im2 = splat(0.0), splat(0.0)
    if axes == 2:
        im = load(m.gram_im, at + p * width + c)
        for i in range(k):
            factor_re, factor_im = m.r_re[i * width + p], m.r_im[i * width + p]
            x, y = load(m.r_re, i * width + c), load(m.r_im, i * width + c)
            re, re2 = fnma(factor_re, x, re), fnma(factor_im, y, re2)
            im, im2 = fnma(factor_re, y, im), fma(factor_im, x, im2)
        return re + re2, im + im2
    for i in range(0, k - 1, 2):
        re = fnma(m.r_re[i * width + p], load(m.r_re, i * width + c), re)
        i += 1
        re2 = fnma(m.r_re[i * width + p], load(m.r_re, i * width + c), re2)
    if k % 2 == 1:
        re = fnma(m.r_re[(k - 1) * width + p], load(m.r_re, (k - 1) * width + c), re)
    return re + re2, im


@inlined
def factor(m, lane, num_tx, axes, order, most_energy):
    """Sorted Cholesky factor of one channel of the group; returns whether it can be trusted."""
    width = lanes_of(num_tx)
    at, own = lane * num_tx * width, lane * width
    energy = np.float32(0.0)
    for p in range(num_tx):
        energy += m.diagonal[own + p]
    if not energy <= most_energy:
        return False
    for k in range(num_tx):
        p = _smallest(m.diagonal, own, width)
        pivot = m.diagonal[own + p]
        if not (_DEPENDENT * m.gram_re[at + p * width + p] < pivot < _INFINITY):
            return False
        scale = np.float32(1.0) / np.sqrt(pivot)
        order[k] = p
        m.inverse[k] = scale
        for c in range(0, width, 16):
            re, im = _factor_row(m, at, k, p, c, width, axes)
            rest = load(m.diagonal, own + c)
            open_columns = rest < _INFINITY
            re = select(open_columns, re * scale, splat(0.0))
            store(m.r_re, k * width + c, re)
            rest = fnma(re, re, rest)
            if axes == 2:
                im = select(open_columns, im * scale, splat(0.0))
                store(m.r_im, k * width + c, im)
                rest = fnma(im, im, rest)
            store(m.diagonal, own + c, rest)
        m.diagonal[own + p] = _INFINITY
        m.r_re[k * width + p] = pivot * scale
        if axes == 2:
            m.r_im[k * width + p] = 0.0
    return True


@inlined
def order_columns(m, num_tx, axes, order, lowest):
    """The real R in the order of its pivots, and its offset: R times the lowest level.

    lowest: lowest level over the level spacing, which R contains.
    """
    width, real = lanes_of(num_tx), lanes_of(axes * num_tx)
    for j in range(num_tx):
        p = order[j]
        if axes == 2:
            even, odd = 2 * j * real, (2 * j + 1) * real
            for k in range(j + 1):
                re, im = m.r_re[k * width + p], m.r_im[k * width + p]
                m.columns[even + 2 * k] = re
                m.columns[even + 2 * k + 1] = im
                m.columns[odd + 2 * k] = -im
                m.columns[odd + 2 * k + 1] = re
        else:
            for k in range(j + 1):
                m.columns[j * real + k] = m.r_re[k * width + p]
    for c in range(0, real, 16):
        total = splat(0.0)
        for j in range(c, axes * num_tx):
            total = total + load(m.columns, j * real + c)
        store(m.offset, c, total * lowest)


@inlined
def rotate(m, lane, t, num_vectors, num_tx, axes, order):
    """z of one vector: R^H z = H^H y, less the offset. Returns its energy."""
    width, real = lanes_of(num_tx), lanes_of(axes * num_tx)
    at = (lane * num_vectors + t) * width
    for k in range(num_tx):
        p, row = order[k], k * width
        re = m.b_re[at + p] * m.inverse[k]
        if axes == 2:
            im = m.b_im[at + p] * m.inverse[k]
            m.z[2 * k] = re
            m.z[2 * k + 1] = im
            for c in range(0, width, 16):
                x, y = load(m.r_re, row + c), load(m.r_im, row + c)
                rest_re, rest_im = load(m.b_re, at + c), load(m.b_im, at + c)
                store(m.b_re, at + c, fnma(y, im, fnma(x, re, rest_re)))
                store(m.b_im, at + c, fma(y, re, fnma(x, im, rest_im)))
        else:
            m.z[k] = re
            for c in range(0, width, 16):
                store(m.b_re, at + c, fnma(load(m.r_re, row + c), re, load(m.b_re, at + c)))
    for i in range(axes * num_tx, real):
        m.z[i] = 0.0
    energy = splat(0.0)
    for c in range(0, real, 16):
        z = load(m.z, c)
        energy = fma(z, z, energy)
        store(m.z, c, z - load(m.offset, c))
    return lane_sum(energy)
