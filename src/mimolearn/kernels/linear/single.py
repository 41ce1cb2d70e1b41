"""LMMSE and zero-forcing detection of one channel after the other, for the smallest delay.

Lanes run along the transmit antennas: rows of a matrix are split into real and imaginary planes
of ``width`` floats, the antennas rounded up to a multiple of 16. Padded columns are zero, with a
one on the diagonal of the Gram matrix.

With A = H^H H + c I = R^H R, R upper: W = R^-H is lower, diag(A^-1) = sum_i |W[i, :]|^2 and
A^-1 b = W^H W b.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.linear.linear import BIASED_LMMSE, EPSILON, LMMSE, ZF
from mimolearn.kernels.machine.addresses import floats_at, scratch
from mimolearn.kernels.machine.compile import compiled, sizing, uncounted
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fma, fnma, lane_sum, splat


@sizing
def layout(space, rx, width):
    """H, R, W, H^H y and z = W H^H y, each in two planes; diag(A^-1), scalings; y in two planes."""
    hr, at = cut(space, 0, rx * width)
    hi, at = cut(space, at, rx * width)
    ar, at = cut(space, at, width * width)
    ai, at = cut(space, at, width * width)
    wr, at = cut(space, at, width * width)
    wi, at = cut(space, at, width * width)
    br, at = cut(space, at, width)
    bi, at = cut(space, at, width)
    zr, at = cut(space, at, width)
    zi, at = cut(space, at, width)
    power, at = cut(space, at, width)
    gain, at = cut(space, at, width)
    yr, at = cut(space, at, rx)
    yi, at = cut(space, at, rx)
    return hr, hi, ar, ai, wr, wi, br, bi, zr, zi, power, gain, yr, yi, at


@uncounted
def _split(source, start, rows, columns, re, im, width):
    """Ordinary complex rows into planes, padded with zeros."""
    for r in range(rows):
        for c in range(columns):
            at = start + 2 * (r * columns + c)
            re[r * width + c] = source[at]
            im[r * width + c] = source[at + 1]
        for c in range(columns, width):
            re[r * width + c] = np.float32(0.0)
            im[r * width + c] = np.float32(0.0)


@uncounted
def _gram_four_rows(hr, hi, num_rx, width, p, c, ar, ai):
    """A[p : p + 4, c : c + 16]."""
    zero = splat(0.0)
    r0, r1, r2, r3 = zero, zero, zero, zero
    i0, i1, i2, i3 = zero, zero, zero, zero
    for k in range(num_rx):
        at = k * width
        x, y = load(hr, at + c), load(hi, at + c)
        a, b = splat(hr[at + p]), splat(hi[at + p])
        r0, i0 = fma(b, y, fma(a, x, r0)), fnma(b, x, fma(a, y, i0))
        a, b = splat(hr[at + p + 1]), splat(hi[at + p + 1])
        r1, i1 = fma(b, y, fma(a, x, r1)), fnma(b, x, fma(a, y, i1))
        a, b = splat(hr[at + p + 2]), splat(hi[at + p + 2])
        r2, i2 = fma(b, y, fma(a, x, r2)), fnma(b, x, fma(a, y, i2))
        a, b = splat(hr[at + p + 3]), splat(hi[at + p + 3])
        r3, i3 = fma(b, y, fma(a, x, r3)), fnma(b, x, fma(a, y, i3))
    store(ar, p * width + c, r0)
    store(ai, p * width + c, i0)
    store(ar, (p + 1) * width + c, r1)
    store(ai, (p + 1) * width + c, i1)
    store(ar, (p + 2) * width + c, r2)
    store(ai, (p + 2) * width + c, i2)
    store(ar, (p + 3) * width + c, r3)
    store(ai, (p + 3) * width + c, i3)


@uncounted
def _factor(ar, ai, n, width):
    """R in place of the upper half of A, row by row; the diagonal becomes 1 / R[p, p]."""
    for p in range(n):
        scale = np.float32(1.0) / np.sqrt(ar[p * width + p])
        for c in range(p // 16 * 16, width, 16):
            store(ar, p * width + c, load(ar, p * width + c) * scale)
            store(ai, p * width + c, load(ai, p * width + c) * scale)
        for i in range(p + 1, n):
            # minus conj(R[p, i]) R[p, :]
            a, b = splat(ar[p * width + i]), splat(ai[p * width + i])
            for c in range(i // 16 * 16, width, 16):
                x, y = load(ar, p * width + c), load(ai, p * width + c)
                to = i * width + c
                store(ar, to, fnma(b, y, fnma(a, x, load(ar, to))))
                store(ai, to, fma(b, x, fnma(a, y, load(ai, to))))
        ar[p * width + p] = scale


@uncounted
def _inverse(ar, ai, n, width, wr, wi, power):
    """W = R^-H and diag(A^-1)."""
    for c in range(0, width, 16):
        total = splat(0.0)
        # Rows above the first column of this block are zero.
        for i in range(c, n):
            x, y = splat(0.0), splat(0.0)
            for k in range(c, i):
                # minus conj(R[k, i]) W[k, :]
                a, b = splat(ar[k * width + i]), splat(ai[k * width + i])
                u, v = load(wr, k * width + c), load(wi, k * width + c)
                x, y = fnma(b, v, fnma(a, u, x)), fma(b, u, fnma(a, v, y))
            scale = ar[i * width + i]
            store(wr, i * width + c, x * scale)
            store(wi, i * width + c, y * scale)
            if i < c + 16:
                wr[i * width + i] = scale
            x, y = load(wr, i * width + c), load(wi, i * width + c)
            total = fma(y, y, fma(x, x, total))
        store(power, c, total)


@uncounted
def _combine(mr, mi, rows, width, vr, vi, triangular, to_re, to_im):
    """conj(M)^T v: sum_k conj(M[k, :]) v_k, for a general or a lower triangular M."""
    for c in range(0, width, 16):
        x, y = splat(0.0), splat(0.0)
        for k in range(c if triangular else 0, rows):
            a, b = splat(vr[k]), splat(vi[k])
            u, v = load(mr, k * width + c), load(mi, k * width + c)
            x, y = fma(b, v, fma(a, u, x)), fnma(a, v, fma(b, u, y))
        store(to_re, c, x)
        store(to_im, c, y)


@uncounted
def _multiply(wr, wi, n, width, br, bi, zr, zi):
    """z = W b, row by row."""
    for i in range(n):
        x, y = splat(0.0), splat(0.0)
        for c in range(0, i + 1, 16):
            u, v = load(wr, i * width + c), load(wi, i * width + c)
            a, b = load(br, c), load(bi, c)
            x, y = fnma(v, b, fma(u, a, x)), fma(v, a, fma(u, b, y))
        zr[i] = lane_sum(x)
        zi[i] = lane_sum(y)


@uncounted
def _solve_channel(h, start, noise_var, method, rx, tx, width, planes, power, gain, error_var):
    """Everything that needs no y: planes = (hr, hi, ar, ai, wr, wi)."""
    hr, hi, ar, ai, wr, wi = planes
    _split(h, start, rx, tx, hr, hi, width)
    for p in range(0, width, 4):
        for c in range(p // 16 * 16, width, 16):
            _gram_four_rows(hr, hi, rx, width, p, c, ar, ai)
    for i in range(width):
        if i >= tx:
            ar[i * width + i] = np.float32(1.0)
        elif method != ZF:
            ar[i * width + i] += noise_var
        elif ar[i * width + i] == 0.0:
            # As ``linear``: a stream that nobody can hear.
            ar[i * width + i] = noise_var * EPSILON
    _factor(ar, ai, tx, width)
    _inverse(ar, ai, tx, width, wr, wi, power)
    for i in range(tx):
        residual = noise_var * power[i]
        bias = np.float32(1.0) - residual
        if bias < EPSILON:
            bias = EPSILON
        gain[i] = np.float32(1.0) if method != LMMSE else np.float32(1.0) / bias
        error_var[i] = residual
        if method == BIASED_LMMSE:
            error_var[i] = residual * bias
        elif method != ZF:
            error_var[i] = residual / bias


@functools.cache
def one_shot_kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, x, error_var, num, vectors, rx, tx, method).

    The first five are addresses of contiguous tensors (see ``addresses``). Returns whether
    all outputs are finite.
    """

    def linear_single(h, y, noise_var, x, error_var, num, vectors, rx, tx, method):
        width = (tx + 15) // 16 * 16
        h, y = floats_at(h, num * rx * tx * 2), floats_at(y, num * vectors * rx * 2)
        noise_var, error_var = floats_at(noise_var, num), floats_at(error_var, num * tx)
        x = floats_at(x, num * vectors * tx * 2)
        space = scratch(layout(x[:0], rx, width)[-1])
        parts = layout(space, rx, width)
        hr, hi, ar, ai, wr, wi, br, bi, zr, zi, power, gain, yr, yi, _end = parts
        planes = (hr, hi, ar, ai, wr, wi)
        checksum = np.float32(0.0)
        for b in range(num):
            variances = error_var[b * tx : (b + 1) * tx]
            start, noise = b * rx * tx * 2, noise_var[b]
            _solve_channel(h, start, noise, method, rx, tx, width, planes, power, gain, variances)
            for t in range(vectors):
                _split(y, (b * vectors + t) * rx * 2, 1, rx, yr, yi, rx)
                _combine(hr, hi, rx, width, yr, yi, False, br, bi)
                _multiply(wr, wi, tx, width, br, bi, zr, zi)
                _combine(wr, wi, tx, width, zr, zi, True, br, bi)
                to = (b * vectors + t) * tx * 2
                for i in range(tx):
                    re, im = br[i] * gain[i], bi[i] * gain[i]
                    checksum += (re + im + variances[i]) * np.float32(0.0)
                    x[to + 2 * i] = re
                    x[to + 2 * i + 1] = im
        return checksum == np.float32(0.0)

    return compiled(f"boolean({', '.join(['int64'] * 10)})", linear_single)


@uncounted
def _write_inverse(wr, wi, n, width, out, start, xr, xi):
    """A^-1 = W^H W in ordinary complex rows; xr, xi: a row in two planes."""
    for i in range(n):
        for c in range(0, width, 16):
            x, y = splat(0.0), splat(0.0)
            for k in range(max(i, c), n):
                # conj(W[k, i]) W[k, :]
                a, b = splat(wr[k * width + i]), splat(wi[k * width + i])
                u, v = load(wr, k * width + c), load(wi, k * width + c)
                x, y = fma(b, v, fma(a, u, x)), fnma(b, u, fma(a, v, y))
            store(xr, c, x)
            store(xi, c, y)
        for j in range(n):
            to = start + 2 * (i * n + j)
            out[to], out[to + 1] = xr[j], xi[j]


@functools.cache
def prepare_kernel() -> Callable[..., None]:
    """kernel(h, noise_var, inverse, gain, error_var, num, rx, tx, method).

    The first five are addresses of contiguous tensors: h (num, rx, tx) and inverse (num, tx, tx)
    complex, noise_var (num), gain and error_var (num, tx).
    """

    def linear_single_prepare(h, noise_var, inverse, gain, error_var, num, rx, tx, method):
        width = (tx + 15) // 16 * 16
        h, inverse = floats_at(h, num * rx * tx * 2), floats_at(inverse, num * tx * tx * 2)
        noise_var, error_var = floats_at(noise_var, num), floats_at(error_var, num * tx)
        gain = floats_at(gain, num * tx)
        space = scratch(layout(h[:0], rx, width)[-1])
        hr, hi, ar, ai, wr, wi, br, bi, _zr, _zi, power = layout(space, rx, width)[:11]
        planes = (hr, hi, ar, ai, wr, wi)
        for b in range(num):
            of_b = slice(b * tx, (b + 1) * tx)
            outputs = power, gain[of_b], error_var[of_b]
            start, noise = b * rx * tx * 2, noise_var[b]
            _solve_channel(h, start, noise, method, rx, tx, width, planes, *outputs)
            _write_inverse(wr, wi, tx, width, inverse, b * tx * tx * 2, br, bi)

    return compiled(f"void({', '.join(['int64'] * 9)})", linear_single_prepare)
