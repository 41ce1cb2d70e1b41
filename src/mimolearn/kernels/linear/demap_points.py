"""LLRs of Gaussian estimates over any points: the compiled form of ``Constellation.llr``.

16 estimates lie in the lanes. Metrics of all points are computed first, then each bit compares the
half of them that has a 0 in it with the half that has a 1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.linear.demap import MOST_PRECISION, MOST_VALUE, bit_llr
from mimolearn.kernels.machine.compile import compiled, inlined
from mimolearn.kernels.machine.memory import load_first, store, store_first, unzip_lanes
from mimolearn.kernels.machine.simd import maximum, minimum, splat


@inlined
def _estimates(x, at, lanes):
    """Real and imaginary parts of up to 16 complex numbers, within the range of ``llr``."""
    high = splat(0.0)
    if lanes > 8:
        high = load_first(x, 2 * at + 16, 2 * lanes - 16)
    re, im = unzip_lanes(load_first(x, 2 * at, min(16, 2 * lanes)), high)
    # In this order NaN stays NaN.
    re = maximum(splat(-MOST_VALUE), minimum(splat(MOST_VALUE), re))
    im = maximum(splat(-MOST_VALUE), minimum(splat(MOST_VALUE), im))
    return re, im


@functools.cache
def llr_kernel() -> Callable[..., None]:
    """kernel(x, error_var, llr, points, order, share, n, exact).

    x: (vectors, n, 2) flat. error_var: (vectors / share, n) flat; ``share`` successive vectors have
    one. llr: (vectors, n, K) flat. points: (M, 2) flat. order: (K M), for each bit the points that
    have a 0, then those that have a 1.
    """

    def demap(x, error_var, llr, points, order, share, n, exact):
        num_points, symbols = points.size // 2, x.size // 2
        num_bits, half = order.size // num_points, num_points // 2
        space = np.empty((num_points + 2) * 16, np.float32)
        metrics, row = space[: num_points * 16], space[num_points * 16 :]
        for at in range(0, symbols, 16):
            lanes = min(16, symbols - at)
            for p in range(lanes):
                vector, stream = (at + p) // n, (at + p) % n
                row[p] = np.float32(1.0) / error_var[vector // share * n + stream]
            precision = minimum(splat(MOST_PRECISION), load_first(row, 0, lanes))
            re, im = _estimates(x, at, lanes)
            for i in range(num_points):
                a, b = points[2 * i], points[2 * i + 1]
                # -|x - p|^2 without |x|^2, which no LLR depends on.
                metric = (2.0 * a * re + 2.0 * b * im - (a * a + b * b)) * precision
                store(metrics, i * 16, metric)
            for b in range(num_bits):
                store_first(row, 16, bit_llr(metrics, order, b * num_points, half, exact), lanes)
                for p in range(lanes):
                    llr[(at + p) * num_bits + b] = row[16 + p]

    arrays = ", ".join(["float32[::1]"] * 4)
    return compiled(f"void({arrays}, int64[::1], int64, int64, boolean)", demap)
