"""Fading over a resource grid from few Gaussian numbers, rounded alike on every machine.

h(t, f) = sum over a, b of L_t[t, a] G_ab L_f[f, b] for every pair of antennas. Multiplications and
additions are never fused and every sum has one order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, inlined


@inlined
def _add_scaled(re, im, x_re, x_im, y_re, y_im):
    """y += (re + j im) x for rows."""
    for m in range(y_re.size):
        y_re[m] += re * x_re[m] - im * x_im[m]
        y_im[m] += re * x_im[m] + im * x_re[m]


@functools.cache
def fading_kernel() -> Callable[..., None]:
    """kernel(time, frequency, g, h): fill h.

    time: (T, A) and frequency: (2, F, B), real and imaginary part; the factors. g: (N, A, B, 2 M),
    h: (N, T, F, 2 M); M pairs of antennas, real and imaginary parts alternate. All float32.
    """

    def fade(time, frequency, g, h):
        num, rank_t, rank_f, width = g.shape
        pairs = width // 2
        re = np.empty((rank_t, rank_f, pairs), np.float32)
        im = np.empty((rank_t, rank_f, pairs), np.float32)
        at_f_re, at_f_im = np.empty(pairs, np.float32), np.empty(pairs, np.float32)
        rows = np.empty((rank_t, width), np.float32)
        for n in range(num):
            for a in range(rank_t):
                for b in range(rank_f):
                    for m in range(pairs):
                        re[a, b, m] = g[n, a, b, 2 * m]
                        im[a, b, m] = g[n, a, b, 2 * m + 1]
            for f in range(h.shape[2]):
                for a in range(rank_t):
                    at_f_re[:] = np.float32(0.0)
                    at_f_im[:] = np.float32(0.0)
                    for b in range(rank_f):
                        _add_scaled(
                            frequency[0, f, b], frequency[1, f, b], re[a, b], im[a, b],
                            at_f_re, at_f_im,
                        )  # fmt: skip
                    for m in range(pairs):
                        rows[a, 2 * m] = at_f_re[m]
                        rows[a, 2 * m + 1] = at_f_im[m]
                for t in range(h.shape[1]):
                    out = h[n, t, f]
                    first, scale = rows[0], time[t, 0]
                    for m in range(width):
                        out[m] = scale * first[m]
                    for a in range(1, rank_t):
                        row, scale = rows[a], time[t, a]
                        for m in range(width):
                            out[m] += scale * row[m]

    four = "float32[:, :, :, ::1]"
    return compiled(f"void(float32[:, ::1], float32[:, :, ::1], {four}, {four})", fade)


@functools.cache
def receive_kernel() -> Callable[..., None]:
    """kernel(h, x, std, y): y <- std y + H x for every element of every slot.

    h: (B, Nr, 2 S), x: (B, 2 S), y: (B, 2 Nr), real and imaginary parts alternate; B elements.
    y holds noise before. All float32.
    """

    def receive(h, x, std, y):
        num, num_rx, width = h.shape
        for e in range(num):
            for r in range(num_rx):
                re, im = np.float32(0.0), np.float32(0.0)
                for s in range(0, width, 2):
                    h_re, h_im = h[e, r, s], h[e, r, s + 1]
                    x_re, x_im = x[e, s], x[e, s + 1]
                    re += h_re * x_re - h_im * x_im
                    im += h_re * x_im + h_im * x_re
                y[e, 2 * r] = std * y[e, 2 * r] + re
                y[e, 2 * r + 1] = std * y[e, 2 * r + 1] + im

    square = "float32[:, ::1]"
    return compiled(f"void(float32[:, :, ::1], {square}, float32, {square})", receive)
