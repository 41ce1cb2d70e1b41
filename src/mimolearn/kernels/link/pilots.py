"""From received pilots to channel estimates: one observation a group, then two interpolations.

The interpolation over subcarriers between these kernels is a matrix product of torch. How far the
estimates are from the channels is summed here too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled


@functools.cache
def observe_kernel() -> Callable[..., None]:
    """kernel(y, symbols, subcarriers, weights, z): z = sum of weights times y over each group.

    y: (N, T, F, 2 Nr). symbols: (Td, length) and subcarriers: (S, P, pair), int64. weights:
    (S, Td, P, length * pair, 2). z: (S, P, N, Td, 2 Nr). Others are float32; real and imaginary
    parts alternate.
    """

    def observe(y, symbols, subcarriers, weights, z):
        layers, groups, num, times, width = z.shape
        length, pair = symbols.shape[1], subcarriers.shape[2]
        for s in range(layers):
            for p in range(groups):
                for n in range(num):
                    for i in range(times):
                        out = z[s, p, n, i]
                        out[:] = np.float32(0.0)
                        for k in range(length * pair):
                            symbol, f = symbols[i, k // pair], subcarriers[s, p, k % pair]
                            row = y[n, symbol, f]
                            re, im = weights[s, i, p, k, 0], weights[s, i, p, k, 1]
                            for r in range(0, width, 2):
                                out[r] += row[r] * re - row[r + 1] * im
                                out[r + 1] += row[r] * im + row[r + 1] * re

    indices = "int64[:, ::1], int64[:, :, ::1]"
    signature = f"void(float32[:, :, :, ::1], {indices}, {_cube(5)}, {_cube(5)})"
    return compiled(signature, observe, contracted=True)


def _cube(axes: int) -> str:
    return "float32[" + ":, " * (axes - 1) + "::1]"


@functools.cache
def interpolate_kernel() -> Callable[..., None]:
    """kernel(u, in_phase, crossed, position, is_real, h): the channel at chosen elements.

    h(t, f) of layer s is the sum over groups i of time[s, t, i] u(f, i). u: (S, F, N, Td, 2 Nr).
    in_phase: (T, Td, 2 M) has the real parts of time for each number of a channel, M = Nr S;
    crossed has the imaginary ones, and counts unless is_real. position: (T, F) int64, the row of an
    element in h, negative for none. h: (N, E, 2 M), receive antennas before layers. Others are
    float32.
    """

    def interpolate(u, in_phase, crossed, position, is_real, h):
        layers, subcarriers, num, times, width = u.shape
        total = width * layers
        rows = np.empty((times, total), np.float32)
        turned = np.empty((times, total), np.float32)
        for n in range(num):
            for f in range(subcarriers):
                for i in range(times):
                    for s in range(layers):
                        given = u[s, f, n, i]
                        for r in range(width // 2):
                            at = 2 * (r * layers + s)
                            rows[i, at], rows[i, at + 1] = given[2 * r], given[2 * r + 1]
                            turned[i, at], turned[i, at + 1] = -given[2 * r + 1], given[2 * r]
                for t in range(position.shape[0]):
                    if position[t, f] < 0:
                        continue
                    out = h[n, position[t, f]]
                    out[:] = np.float32(0.0)
                    for i in range(times):
                        row, scale = rows[i], in_phase[t, i]
                        for m in range(total):
                            out[m] += scale[m] * row[m]
                        if not is_real:
                            row, scale = turned[i], crossed[t, i]
                            for m in range(total):
                                out[m] += scale[m] * row[m]

    three = _cube(3)
    signature = f"void({_cube(5)}, {three}, {three}, int64[:, ::1], boolean, {three})"
    return compiled(signature, interpolate, contracted=True)


@functools.cache
def squared_error_kernel() -> Callable[..., None]:
    """kernel(h_hat, h, elements, out): |h_hat - h|^2 averaged over receive antennas.

    h_hat: (N, E, Nr, 2 S), h: (N, T F, Nr, 2 S), out: (N, E, S), float32, real and imaginary parts
    alternate. elements: (E) int64, the row of h of each of h_hat. The sum over antennas has one
    order on every machine.
    """

    def squared_error(h_hat, h, elements, out):
        num, count, rx, width = h_hat.shape
        for n in range(num):
            for e in range(count):
                for s in range(0, width, 2):
                    total = np.float32(0.0)
                    for r in range(rx):
                        re = h_hat[n, e, r, s] - h[n, elements[e], r, s]
                        im = h_hat[n, e, r, s + 1] - h[n, elements[e], r, s + 1]
                        total += re * re + im * im
                    out[n, e, s // 2] = total / np.float32(rx)

    four = _cube(4)
    return compiled(f"void({four}, {four}, int64[::1], {_cube(3)})", squared_error)
