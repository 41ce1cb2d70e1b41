"""Dense real linear algebra on 16 interleaved problems: the parts of kernels.

A matrix lies in rows; an entry is one vector of 16 floats; rows are ``row`` floats apart. Sizes
are multiples of four: pad with zeros, and ones on the diagonal.
"""

from __future__ import annotations

from mimolearn.kernels.dense.blocks import real_4x1, real_4x4
from mimolearn.kernels.dense.layout import padded_real
from mimolearn.kernels.machine.compile import inlined
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fma, fnma, splat, sqrt


@inlined
def real_from_complex(x, x_row, num_tx, axes, scale, out, row):
    """The lower half of scale * G in real form, from conj(G) as ``complex_dense.gram`` leaves it.

    axes 2: unknowns Re x_0, Im x_0, Re x_1, ...; axes 1: real unknowns, Re G alone is read.
    """
    n = num_tx * axes
    for p in range(num_tx):
        for q in range(p + 1):
            re = load(x, p * x_row + q * 32) * scale
            at = p * axes * row + q * axes * 16
            store(out, at, re)
            if axes == 2:
                im = load(x, p * x_row + q * 32 + 16) * scale
                store(out, at + 16, im)
                store(out, at + row, -im)
                store(out, at + row + 16, re)
    for p in range(n, padded_real(n)):
        for q in range(p):
            store(out, p * row + q * 16, splat(0.0))
        store(out, p * row + p * 16, splat(1.0))


@inlined
def _eliminate(v0, v1, v2, v3, links, scales):
    """Forward substitution with a 4 x 4 triangle."""
    t0 = v0 * scales[0]
    t1 = fnma(t0, links[0], v1) * scales[1]
    t2 = fnma(t1, links[2], fnma(t0, links[1], v2)) * scales[2]
    t3 = fnma(t2, links[5], fnma(t1, links[4], fnma(t0, links[3], v3))) * scales[3]
    return t0, t1, t2, t3


@inlined
def _cholesky_triangle(r, at, row, s):
    """Factor the 4 x 4 diagonal block; returns (entries below the diagonal, 1 / diagonal)."""
    c0 = 1.0 / sqrt(load(r, at) - s[0])
    l10 = (load(r, at + row) - s[4]) * c0
    c1 = 1.0 / sqrt(fnma(l10, l10, load(r, at + row + 16) - s[5]))
    l20 = (load(r, at + 2 * row) - s[8]) * c0
    l21 = fnma(l20, l10, load(r, at + 2 * row + 16) - s[9]) * c1
    rest = fnma(l20, l20, load(r, at + 2 * row + 32) - s[10])
    c2 = 1.0 / sqrt(fnma(l21, l21, rest))
    l30 = (load(r, at + 3 * row) - s[12]) * c0
    l31 = fnma(l30, l10, load(r, at + 3 * row + 16) - s[13]) * c1
    l32 = fnma(l31, l21, fnma(l30, l20, load(r, at + 3 * row + 32) - s[14])) * c2
    rest = fnma(l31, l31, fnma(l30, l30, load(r, at + 3 * row + 48) - s[15]))
    c3 = 1.0 / sqrt(fnma(l32, l32, rest))
    return (l10, l20, l21, l30, l31, l32), (c0, c1, c2, c3)


@inlined
def _store_four(out, at, v):
    store(out, at, v[0])
    store(out, at + 16, v[1])
    store(out, at + 32, v[2])
    store(out, at + 48, v[3])


@inlined
def _cholesky_row(r, at, s, links, scales):
    v0, v1 = load(r, at) - s[0], load(r, at + 16) - s[1]
    v2, v3 = load(r, at + 32) - s[2], load(r, at + 48) - s[3]
    _store_four(r, at, _eliminate(v0, v1, v2, v3, links, scales))


@inlined
def real_cholesky(r, row, n, scale):
    """In place, R R^T = A; scale: (n) vectors, gets 1 / R[i, i] (NaN if not positive definite)."""
    for q in range(0, n, 4):
        s = real_4x4(r, q * row, row, 16, r, q * row, row, 16, q)
        diagonal = q * row + q * 16
        links, scales = _cholesky_triangle(r, diagonal, row, s)
        store(r, diagonal + row, links[0])
        store(r, diagonal + 2 * row, links[1])
        store(r, diagonal + 2 * row + 16, links[2])
        store(r, diagonal + 3 * row, links[3])
        store(r, diagonal + 3 * row + 16, links[4])
        store(r, diagonal + 3 * row + 32, links[5])
        _store_four(scale, q * 16, scales)
        for p in range(q + 4, n, 4):
            t = real_4x4(r, p * row, row, 16, r, q * row, row, 16, q)
            at = p * row + q * 16
            _cholesky_row(r, at, t[0:4], links, scales)
            _cholesky_row(r, at + row, t[4:8], links, scales)
            _cholesky_row(r, at + 2 * row, t[8:12], links, scales)
            _cholesky_row(r, at + 3 * row, t[12:16], links, scales)


@inlined
def _triangle(r, row, scale, p):
    """The 4 x 4 diagonal block from row p on, as ``_eliminate`` takes it."""
    at, own = p * row + p * 16, p * 16
    links = (
        load(r, at + row),
        load(r, at + 2 * row),
        load(r, at + 2 * row + 16),
        load(r, at + 3 * row),
        load(r, at + 3 * row + 16),
        load(r, at + 3 * row + 32),
    )
    scales = load(scale, own), load(scale, own + 16), load(scale, own + 32), load(scale, own + 48)
    return links, scales


@inlined
def real_forward(r, row, n, scale, z):
    """In place, z = R^-1 b for one vector: forward substitution."""
    for p in range(0, n, 4):
        s = real_4x1(r, p * row, row, 16, z, 0, 0, 16, p)
        c = p * 16
        links, scales = _triangle(r, row, scale, p)
        z0, z1 = load(z, c) - s[0], load(z, c + 16) - s[1]
        z2, z3 = load(z, c + 32) - s[2], load(z, c + 48) - s[3]
        _store_four(z, c, _eliminate(z0, z1, z2, z3, links, scales))


@inlined
def _inverse_column(u, at, row, one, v0, v1, v2, v3, links, scales, power):
    """Four entries of one column of the inverse; one: the row of its diagonal entry, or -1."""
    e0, e1 = 1.0 if one == 0 else 0.0, 1.0 if one == 1 else 0.0
    e2, e3 = 1.0 if one == 2 else 0.0, 1.0 if one == 3 else 0.0
    t = _eliminate(e0 - v0, e1 - v1, e2 - v2, e3 - v3, links, scales)
    store(u, at, t[0])
    store(u, at + row, t[1])
    store(u, at + 2 * row, t[2])
    store(u, at + 3 * row, t[3])
    return fma(t[3], t[3], fma(t[2], t[2], fma(t[1], t[1], fma(t[0], t[0], power))))


@inlined
def real_inverse(r, row, n, scale, u, power):
    """u = R^-1, lower, zero elsewhere in its 4 x 4 diagonal blocks; power: diag(A^-1)."""
    for j in range(0, n, 4):
        w0, w1, w2, w3 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
        for i in range(j, n, 4):
            s = real_4x4(r, i * row + j * 16, row, 16, u, j * row + j * 16, 16, row, i - j)
            links, scales = _triangle(r, row, scale, i)
            at = i * row + j * 16
            same = i == j
            w0 = _inverse_column(
                u, at, row, 0 if same else -1, s[0], s[4], s[8], s[12], links, scales, w0
            )
            w1 = _inverse_column(
                u, at + 16, row, 1 if same else -1, s[1], s[5], s[9], s[13], links, scales, w1
            )
            w2 = _inverse_column(
                u, at + 32, row, 2 if same else -1, s[2], s[6], s[10], s[14], links, scales, w2
            )
            w3 = _inverse_column(
                u, at + 48, row, 3 if same else -1, s[3], s[7], s[11], s[15], links, scales, w3
            )
        _store_four(power, j * 16, (w0, w1, w2, w3))


@inlined
def real_solve(u, row, n, b, middle, out):
    """out = A^-1 b = U^T U b for one vector. All (n)."""
    for p in range(0, n, 4):
        s = real_4x1(u, p * row, row, 16, b, 0, 0, 16, p + 4)
        _store_four(middle, p * 16, s)
    for p in range(0, n, 4):
        s = real_4x1(u, p * row + p * 16, 16, row, middle, p * 16, 0, 16, n - p)
        _store_four(out, p * 16, s)
