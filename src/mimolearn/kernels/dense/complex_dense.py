"""Dense complex linear algebra on 16 interleaved problems: the parts of kernels.

A matrix lies in rows; an entry takes 32 floats, the real parts of 16 problems, then their
imaginary parts; rows are ``row`` floats apart. Sizes are even: pad with a zero column and a one
on the diagonal.

Everything is kept conjugated so that one shape of product, sum a conj(b), does it all:

- ``gram``       conj(H^H H) = sum_k H[k, p] conj(H[k, q])
- ``cholesky``   R lower with R R^H = conj(A), by columns, two at a time
- ``inverse``    U = conj(R^-1), and diag(A^-1) on the way
- ``correlate``  conj(H^H y)
- ``gram_real``, ``correlate_real``  the real parts of both, for half of the work
- ``solve``      A^-1 b from U and conj(b), two triangular products
"""

from __future__ import annotations

from mimolearn.kernels.dense.blocks import (
    complex_2x1,
    complex_2x2,
    complex_2x4,
    complex_4x1,
    complex_4x2,
    real_part_2x1,
    real_part_2x2,
    real_part_4x1,
    real_part_4x2,
)
from mimolearn.kernels.machine.compile import inlined
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fma, fnma, select, splat, sqrt


@inlined
def _store_pair(out, at, a, b, c, d):
    """Two complex entries side by side."""
    store(out, at, a)
    store(out, at + 16, b)
    store(out, at + 32, c)
    store(out, at + 48, d)


@inlined
def gram(h, h_row, num_rows, n, out, row):
    """out = conj(H^H H), the lower half in 2 x 2 blocks. h: (num_rows, n)."""
    for q in range(0, n, 2):
        s = complex_2x2(h, q * 32, 32, h_row, h, q * 32, 32, h_row, num_rows)
        _store_pair(out, q * row + q * 32, s[0], s[1], s[2], s[3])
        _store_pair(out, (q + 1) * row + q * 32, s[4], s[5], s[6], s[7])
        p = q + 2
        while p + 4 <= n:
            t = complex_4x2(h, p * 32, 32, h_row, h, q * 32, 32, h_row, num_rows)
            at = p * row + q * 32
            _store_pair(out, at, t[0], t[1], t[2], t[3])
            _store_pair(out, at + row, t[4], t[5], t[6], t[7])
            _store_pair(out, at + 2 * row, t[8], t[9], t[10], t[11])
            _store_pair(out, at + 3 * row, t[12], t[13], t[14], t[15])
            p += 4
        if p < n:
            s = complex_2x2(h, p * 32, 32, h_row, h, q * 32, 32, h_row, num_rows)
            _store_pair(out, p * row + q * 32, s[0], s[1], s[2], s[3])
            _store_pair(out, (p + 1) * row + q * 32, s[4], s[5], s[6], s[7])


@inlined
def gram_real(h, h_row, num_rows, n, out, row):
    """The real parts of what ``gram`` makes, where that puts them; imaginary parts stay open."""
    for q in range(0, n, 2):
        s = real_part_2x2(h, q * 32, 32, h_row, h, q * 32, 32, h_row, num_rows)
        at = q * row + q * 32
        store(out, at, s[0])
        store(out, at + row, s[2])
        store(out, at + row + 32, s[3])
        p = q + 2
        while p + 4 <= n:
            t = real_part_4x2(h, p * 32, 32, h_row, h, q * 32, 32, h_row, num_rows)
            at = p * row + q * 32
            store(out, at, t[0])
            store(out, at + 32, t[1])
            store(out, at + row, t[2])
            store(out, at + row + 32, t[3])
            store(out, at + 2 * row, t[4])
            store(out, at + 2 * row + 32, t[5])
            store(out, at + 3 * row, t[6])
            store(out, at + 3 * row + 32, t[7])
            p += 4
        if p < n:
            s = real_part_2x2(h, p * 32, 32, h_row, h, q * 32, 32, h_row, num_rows)
            at = p * row + q * 32
            store(out, at, s[0])
            store(out, at + 32, s[1])
            store(out, at + row, s[2])
            store(out, at + row + 32, s[3])


@inlined
def add_to_diagonal(matrix, row, n, used, value):
    """Add a vector to the first ``used`` diagonal entries; the padded ones become one."""
    for i in range(n):
        at = i * (row + 32)
        if i < used:
            store(matrix, at, load(matrix, at) + value)
        else:
            store(matrix, at, splat(1.0))


@inlined
def add_where_zero(matrix, row, used, value):
    """Make ``value`` of the first ``used`` diagonal entries that are 0: of streams not heard."""
    for i in range(used):
        at = i * (row + 32)
        entry = load(matrix, at)
        store(matrix, at, select(entry == splat(0.0), value, entry))


@inlined
def _cholesky_row(r, at, sums, link, scale_0, scale_1):
    """Two entries of one row: subtract what is known, eliminate, scale."""
    re0 = (load(r, at) - sums[0]) * scale_0
    im0 = (load(r, at + 16) - sums[1]) * scale_0
    re1 = load(r, at + 32) - sums[2]
    im1 = load(r, at + 48) - sums[3]
    # minus r0 conj(link)
    re1 = fnma(im0, link[1], fnma(re0, link[0], re1)) * scale_1
    im1 = fma(re0, link[1], fnma(im0, link[0], im1)) * scale_1
    _store_pair(r, at, re0, im0, re1, im1)


@inlined
def cholesky(r, row, n, scale):
    """In place, R R^H = A; scale: (n) vectors, gets 1 / R[i, i] (NaN if not positive definite)."""
    for q in range(0, n, 2):
        at = q * row
        s = complex_2x2(r, at, row, 32, r, at, row, 32, q)
        diagonal = at + q * 32
        scale_0 = 1.0 / sqrt(load(r, diagonal) - s[0])
        re = (load(r, diagonal + row) - s[4]) * scale_0
        im = (load(r, diagonal + row + 16) - s[5]) * scale_0
        rest = load(r, diagonal + row + 32) - s[6]
        scale_1 = 1.0 / sqrt(fnma(im, im, fnma(re, re, rest)))
        store(r, diagonal + row, re)
        store(r, diagonal + row + 16, im)
        store(scale, q * 16, scale_0)
        store(scale, q * 16 + 16, scale_1)
        link = (re, im)
        p = q + 2
        while p + 4 <= n:
            t = complex_4x2(r, p * row, row, 32, r, at, row, 32, q)
            to = p * row + q * 32
            _cholesky_row(r, to, t[0:4], link, scale_0, scale_1)
            _cholesky_row(r, to + row, t[4:8], link, scale_0, scale_1)
            _cholesky_row(r, to + 2 * row, t[8:12], link, scale_0, scale_1)
            _cholesky_row(r, to + 3 * row, t[12:16], link, scale_0, scale_1)
            p += 4
        if p < n:
            s = complex_2x2(r, p * row, row, 32, r, at, row, 32, q)
            _cholesky_row(r, p * row + q * 32, s[0:4], link, scale_0, scale_1)
            _cholesky_row(r, (p + 1) * row + q * 32, s[4:8], link, scale_0, scale_1)


@inlined
def _inverse_column(u, at, row, one, upper, lower, link, scale_0, scale_1, power):
    """Two entries of one column of the inverse; returns its growing squared norm.

    one: 1 for the diagonal entry in the first row, 2 for one in the second, else 0.
    """
    first = 1.0 if one == 1 else 0.0
    second = 1.0 if one == 2 else 0.0
    re0 = (first - upper[0]) * scale_0
    im0 = -upper[1] * scale_0
    # minus link t0
    re1 = second - lower[0]
    im1 = -lower[1]
    re1 = fma(link[1], im0, fnma(link[0], re0, re1)) * scale_1
    im1 = fnma(link[1], re0, fnma(link[0], im0, im1)) * scale_1
    store(u, at, re0)
    store(u, at + 16, -im0)
    store(u, at + row, re1)
    store(u, at + row + 16, -im1)
    return fma(im1, im1, fma(re1, re1, fma(im0, im0, fma(re0, re0, power))))


@inlined
def inverse(r, row, n, scale, u, power):
    """u = conj(R^-1), lower, zero elsewhere in its 4 x 4 diagonal blocks; power: diag(A^-1)."""
    zero = splat(0.0)
    j = 0
    while j + 4 <= n:
        w0, w1, w2, w3 = zero, zero, zero, zero
        for i in range(j, n, 2):
            s = complex_2x4(r, i * row + j * 32, row, 32, u, j * row + j * 32, 32, row, i - j)
            link = (load(r, (i + 1) * row + i * 32), load(r, (i + 1) * row + i * 32 + 16))
            c0, c1 = load(scale, i * 16), load(scale, i * 16 + 16)
            at, d = i * row + j * 32, i - j
            w0 = _inverse_column(u, at, row, 1 if d == 0 else 0, s[0:2], s[8:10], link, c0, c1, w0)
            w1 = _inverse_column(
                u, at + 32, row, 2 if d == 0 else 0, s[2:4], s[10:12], link, c0, c1, w1
            )
            w2 = _inverse_column(
                u, at + 64, row, 1 if d == 2 else 0, s[4:6], s[12:14], link, c0, c1, w2
            )
            w3 = _inverse_column(
                u, at + 96, row, 2 if d == 2 else 0, s[6:8], s[14:16], link, c0, c1, w3
            )
        store(power, j * 16, w0)
        store(power, j * 16 + 16, w1)
        store(power, j * 16 + 32, w2)
        store(power, j * 16 + 48, w3)
        j += 4
    if j < n:
        at = j * row + j * 32
        link = (load(r, at + row), load(r, at + row + 16))
        c0, c1 = load(scale, j * 16), load(scale, j * 16 + 16)
        none = (zero, zero)
        store(power, j * 16, _inverse_column(u, at, row, 1, none, none, link, c0, c1, zero))
        w1 = _inverse_column(u, at + 32, row, 2, none, none, link, c0, c1, zero)
        store(power, j * 16 + 16, w1)


@inlined
def _four_items(a, a_start, a_item, a_step, y, y_row, num_vectors, count, out, out_row):
    """out[t, p] = sum_k a[p, k] conj(y[t, k]) for four p."""
    t = 0
    while t + 2 <= num_vectors:
        s = complex_4x2(a, a_start, a_item, a_step, y[0], y[1] + t * y_row, y_row, 32, count)
        at = out[1] + t * out_row
        _store_pair(out[0], at, s[0], s[1], s[4], s[5])
        _store_pair(out[0], at + 64, s[8], s[9], s[12], s[13])
        _store_pair(out[0], at + out_row, s[2], s[3], s[6], s[7])
        _store_pair(out[0], at + out_row + 64, s[10], s[11], s[14], s[15])
        t += 2
    if t < num_vectors:
        v = complex_4x1(a, a_start, a_item, a_step, y[0], y[1] + t * y_row, y_row, 32, count)
        at = out[1] + t * out_row
        _store_pair(out[0], at, v[0], v[1], v[2], v[3])
        _store_pair(out[0], at + 64, v[4], v[5], v[6], v[7])


@inlined
def _two_items(a, a_start, a_item, a_step, y, y_row, num_vectors, count, out, out_row):
    """The same for two p, where n is not a multiple of four."""
    for t in range(num_vectors):
        v = complex_2x1(a, a_start, a_item, a_step, y[0], y[1] + t * y_row, y_row, 32, count)
        _store_pair(out[0], out[1] + t * out_row, v[0], v[1], v[2], v[3])


@inlined
def correlate(h, h_row, num_rows, n, y, y_row, num_vectors, out, out_row):
    """out = conj(H^H y) for each vector. y: (num_vectors, num_rows), out: (num_vectors, n)."""
    p = 0
    while p + 4 <= n:
        to = (out, p * 32)
        _four_items(h, p * 32, 32, h_row, (y, 0), y_row, num_vectors, num_rows, to, out_row)
        p += 4
    if p < n:
        to = (out, p * 32)
        _two_items(h, p * 32, 32, h_row, (y, 0), y_row, num_vectors, num_rows, to, out_row)


@inlined
def correlate_real(h, h_row, num_rows, n, y, out):
    """Re(H^H y) of one vector, where ``correlate`` puts real parts; imaginary parts stay open."""
    p = 0
    while p + 4 <= n:
        s = real_part_4x1(h, p * 32, 32, h_row, y, 0, 0, 32, num_rows)
        store(out, p * 32, s[0])
        store(out, p * 32 + 32, s[1])
        store(out, p * 32 + 64, s[2])
        store(out, p * 32 + 96, s[3])
        p += 4
    if p < n:
        s = real_part_2x1(h, p * 32, 32, h_row, y, 0, 0, 32, num_rows)
        store(out, p * 32, s[0])
        store(out, p * 32 + 32, s[1])


@inlined
def solve(u, row, n, b, num_vectors, middle, out, vector_row):
    """out = conj(A^-1 b) for each vector, given conj(b). All (num_vectors, n)."""
    p = 0
    while p + 4 <= n:
        to = (middle, p * 32)
        _four_items(u, p * row, row, 32, (b, 0), vector_row, num_vectors, p + 4, to, vector_row)
        p += 4
    if p < n:
        to = (middle, p * 32)
        _two_items(u, p * row, row, 32, (b, 0), vector_row, num_vectors, p + 2, to, vector_row)
    p = 0
    while p + 4 <= n:
        at, rest, to = p * row + p * 32, (middle, p * 32), (out, p * 32)
        _four_items(u, at, 32, row, rest, vector_row, num_vectors, n - p, to, vector_row)
        p += 4
    if p < n:
        at, rest, to = p * row + p * 32, (middle, p * 32), (out, p * 32)
        _two_items(u, at, 32, row, rest, vector_row, num_vectors, 2, to, vector_row)


@inlined
def _square(s, i, unit):
    """Re (unit z)^2 of the i-th entry of a block, the product before the square."""
    re, im = s[2 * i] * unit, s[2 * i + 1] * unit
    return re * re - im * im


@inlined
def _add_to(out, at, value):
    store(out, at, load(out, at) + value)


@inlined
def improper(u, row, n, unit, out):
    """out[p] = sum over q != p of Re((unit A^-1)[p, q]^2), in 4 x 2 blocks of A^-1 = U^H U.

    unit: a vector that makes A^-1 of order 1; its squares leave the range of single precision.
    """
    for p in range(n):
        store(out, p * 16, splat(0.0))
    p = 0
    while p + 4 <= n:
        a = p * row + p * 32
        for q in range(0, p, 2):
            s = complex_4x2(u, a, 32, row, u, p * row + q * 32, 32, row, n - p)
            left = (
                _square(s, 0, unit),
                _square(s, 2, unit),
                _square(s, 4, unit),
                _square(s, 6, unit),
            )
            right = (
                _square(s, 1, unit),
                _square(s, 3, unit),
                _square(s, 5, unit),
                _square(s, 7, unit),
            )
            _add_to(out, q * 16, (left[0] + left[1]) + (left[2] + left[3]))
            _add_to(out, q * 16 + 16, (right[0] + right[1]) + (right[2] + right[3]))
            for i in range(4):
                _add_to(out, (p + i) * 16, left[i] + right[i])
        s = complex_4x2(u, a, 32, row, u, a, 32, row, n - p)
        t = complex_4x2(u, a, 32, row, u, a + 64, 32, row, n - p)
        _add_to(out, p * 16, _square(s, 1, unit) + _square(t, 0, unit) + _square(t, 1, unit))
        _add_to(out, p * 16 + 16, _square(s, 2, unit) + _square(t, 2, unit) + _square(t, 3, unit))
        _add_to(out, p * 16 + 32, _square(s, 4, unit) + _square(s, 5, unit) + _square(t, 5, unit))
        _add_to(out, p * 16 + 48, _square(s, 6, unit) + _square(s, 7, unit) + _square(t, 6, unit))
        p += 4
    if p < n:
        for q in range(0, p, 2):
            v = complex_2x2(u, p * row + p * 32, 32, row, u, p * row + q * 32, 32, row, 2)
            _add_to(out, q * 16, _square(v, 0, unit) + _square(v, 2, unit))
            _add_to(out, q * 16 + 16, _square(v, 1, unit) + _square(v, 3, unit))
            _add_to(out, p * 16, _square(v, 0, unit) + _square(v, 1, unit))
            _add_to(out, p * 16 + 16, _square(v, 2, unit) + _square(v, 3, unit))
        a = p * row + p * 32
        v = complex_2x2(u, a, 32, row, u, a, 32, row, 2)
        _add_to(out, p * 16, _square(v, 1, unit))
        _add_to(out, p * 16 + 16, _square(v, 2, unit))
