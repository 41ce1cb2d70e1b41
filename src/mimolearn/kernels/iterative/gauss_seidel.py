"""Gauss-Seidel detection of 16 interleaved channels at a time.

The equations are those of ``detectors.gauss_seidel``: the sweeps run on the identity, once a
channel, which gives the filter P, its exact response R = P G and what that makes of the noise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from mimolearn.kernels.dense.blocks import complex_2x1, complex_2x2, complex_4x1
from mimolearn.kernels.dense.complex_dense import correlate, gram
from mimolearn.kernels.dense.interleave import deinterleave, interleave
from mimolearn.kernels.dense.layout import channel_floats, cut, padded, row_length, square_floats
from mimolearn.kernels.linear.linear import EPSILON
from mimolearn.kernels.machine.compile import compiled, group_signature, inlined, sizing
from mimolearn.kernels.machine.launch import SLACK
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import all_finite, fma, fnma, maximum, select, splat


@sizing
def layout(space, rx, tx):
    """Channel, system, P and its response; received vector, H^H y, estimates, gains, variances."""
    n = padded(tx)
    matrix, at = cut(space, 0, channel_floats(rx, tx))
    system, at = cut(space, at, square_floats(tx))
    p, at = cut(space, at, square_floats(tx))
    response, at = cut(space, at, square_floats(tx))
    received, at = cut(space, at, rx * 32 + SLACK)
    matched, at = cut(space, at, n * 32)
    estimate, at = cut(space, at, n * 32)
    gain_re, at = cut(space, at, n * 16)
    gain_im, at = cut(space, at, n * 16)
    variance, at = cut(space, at, n * 16 + SLACK)
    matrices = matrix, system, p, response
    return matrices, received, matched, estimate, gain_re, gain_im, variance, at


@inlined
def _complete(system, row, n, used, noise, inverse_diagonal):
    """Both halves of conj(G), and one over the diagonal of A = G + noise I."""
    for i in range(n):
        diagonal = load(system, i * (row + 32)) + noise if i < used else splat(1.0)
        store(inverse_diagonal, i * 16, 1.0 / diagonal)
        for j in range(i):
            at, mirrored = i * row + j * 32, j * row + i * 32
            store(system, mirrored, load(system, at))
            store(system, mirrored + 16, -load(system, at + 16))


@inlined
def _start(x, row, n, inverse_diagonal, zero):
    for i in range(n):
        for j in range(n):
            store(x, i * row + j * 32, splat(0.0))
            store(x, i * row + j * 32 + 16, splat(0.0))
        if not zero:
            store(x, i * (row + 32), load(inverse_diagonal, i * 16))


@inlined
def _set_entry(x, at, one, re, im, scale):
    store(x, at, (one - re) * scale)
    store(x, at + 16, -im * scale)


@inlined
def _sweep(system, x, row, n, inverse_diagonal):
    """X = (D + L)^-1 (I - U X), in place, row by row. system: conj(A)."""
    for i in range(n):
        scale, begin, upper = load(inverse_diagonal, i * 16), i * row, i + 1
        for c in range(0, n - 2, 4):
            s = complex_4x1(x, c * 32, 32, row, system, begin, 0, 32, i)
            at = upper * row + c * 32
            t = complex_4x1(x, at, 32, row, system, begin + upper * 32, 0, 32, n - upper)
            for p in range(4):
                one, to = 1.0 if c + p == i else 0.0, begin + (c + p) * 32
                re, im = s[2 * p] + t[2 * p], s[2 * p + 1] + t[2 * p + 1]
                _set_entry(x, to, one, re, im, scale)
        if n % 4 == 2:
            c = n - 2
            v = complex_2x1(x, c * 32, 32, row, system, begin, 0, 32, i)
            at = upper * row + c * 32
            w = complex_2x1(x, at, 32, row, system, begin + upper * 32, 0, 32, n - upper)
            for p in range(2):
                one, to = 1.0 if c + p == i else 0.0, begin + (c + p) * 32
                re, im = v[2 * p] + w[2 * p], v[2 * p + 1] + w[2 * p + 1]
                _set_entry(x, to, one, re, im, scale)


@inlined
def _respond(system, x, row, n, response):
    """R = P G. system: conj(G)."""
    for i in range(0, n, 2):
        for j in range(0, n, 2):
            s = complex_2x2(x, i * row, row, 32, system, j * 32, 32, row, n)
            at = i * row + j * 32
            for part in range(4):
                store(response, at + part * 16, s[part])
                store(response, at + row + part * 16, s[part + 4])


@inlined
def _unbias(response, x, row, used, noise, real, gain_re, gain_im, error_var):
    """One over the gain R_ii, and the error variances that go with it, as ``unbiased.unbias``."""
    for i in range(used):
        begin = i * (row + 32)
        gain = (load(response, begin), load(response, begin + 16))
        energy = fma(gain[0], gain[0], gain[1] * gain[1])
        # A stream that nobody can hear has gain 0: a huge error variance says so, not 0/0.
        heard = energy > EPSILON * EPSILON
        inverse = 1.0 / select(heard, energy, splat(1.0))
        interference, of_noise = splat(0.0), splat(0.0)
        for at in range(i * row, i * row + used * 32, 32):
            re, im = load(response, at), load(response, at + 16)
            of_noise = fma(re, load(x, at), fma(im, load(x, at + 16), of_noise))
            if at == begin:
                continue
            if real:
                # Of real symbols, what falls on the axis of R_ii, twice.
                on_axis = fma(re, gain[0], im * gain[1])
                interference = fma(on_axis * inverse, 2.0 * on_axis, interference)
            else:
                interference = fma(re, re, fma(im, im, interference))
        total = (interference + maximum(splat(0.0), of_noise * noise)) * inverse
        store(error_var, i * 16, select(heard, total, splat(1.0 / EPSILON)))
        store(gain_re, i * 16, select(heard, gain[0] * inverse, splat(1.0 / EPSILON)))
        store(gain_im, i * 16, select(heard, -gain[1] * inverse, splat(0.0)))


@inlined
def _estimate(p, row, n, matched, x):
    """x = P b from conj(b)."""
    for i in range(0, n, 2):
        v = complex_2x1(p, i * row, row, 32, matched, 0, 0, 32, n)
        for part in range(4):
            store(x, i * 32 + part * 16, v[part])


@functools.cache
def kernel() -> Callable[..., bool]:
    """kernel(h, y, noise_var, x, error_var, first, last, (*Sizes, sweeps, zero, real), space).

    h (B, Nr, Nt, 2), y (B, T, Nr, 2), x (B, T, Nt, 2), error_var (B, Nt), all flat; noise_var
    continued to whole groups. zero: whether the start is zero; real: whether symbols are real.
    Returns whether all outputs are finite.
    """

    def gauss_seidel(h, y, noise_var, x, error_var, first, last, numbers, space):
        num, vectors, rx, tx, sweeps, zero, real = numbers
        n, row = padded(tx), row_length(tx)
        parts = layout(space, rx, tx)
        (matrix, system, p, response), received, matched, estimate = parts[:4]
        gain_re, gain_im, variance, _end = parts[4:]
        checksum = splat(0.0)
        for group in range(first, last):
            lanes, noise = (group * 16, num - 1), load(noise_var, group * 16)
            interleave(h, (lanes[0], lanes[1], rx * tx * 2), 0, rx, 2 * tx, matrix, row)
            gram(matrix, row, rx, n, system, row)
            _complete(system, row, n, tx, noise, variance)
            _start(p, row, n, variance, zero == 1)
            for _sweep_number in range(sweeps):
                _sweep(system, p, row, n, variance)
            _respond(system, p, row, n, response)
            _unbias(response, p, row, tx, noise, real == 1, gain_re, gain_im, variance)
            for i in range(tx):
                checksum = checksum + load(variance, i * 16) * 0.0
            deinterleave(variance, tx * 16, 1, tx, error_var, (lanes[0], lanes[1], tx), 0)
            for t in range(vectors):
                span = (lanes[0], lanes[1], vectors * rx * 2)
                interleave(y, span, t * rx * 2, 1, rx * 2, received, rx * 32)
                correlate(matrix, row, rx, n, received, 0, 1, matched, 0)
                _estimate(p, row, n, matched, estimate)
                for i in range(tx):
                    a, b = load(gain_re, i * 16), load(gain_im, i * 16)
                    re, im = load(estimate, i * 32), load(estimate, i * 32 + 16)
                    out_re, out_im = fnma(im, b, re * a), fma(im, a, re * b)
                    checksum = checksum + (out_re + out_im) * 0.0
                    store(estimate, i * 32, out_re)
                    store(estimate, i * 32 + 16, out_im)
                span = (lanes[0], lanes[1], vectors * tx * 2)
                deinterleave(estimate, tx * 32, 1, tx * 2, x, span, t * tx * 2)
        return all_finite(checksum)

    return compiled(group_signature(5, 3, gives="boolean"), gauss_seidel)
