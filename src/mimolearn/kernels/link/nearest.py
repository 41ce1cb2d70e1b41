"""Nearest points and counted errors in one pass each: what a simulation does with estimates."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled
from mimolearn.kernels.machine.memory import load_first, store_int, unzip_lanes
from mimolearn.kernels.machine.simd import select, select_int, splat, splat_int


@functools.cache
def nearest_kernel() -> Callable[..., None]:
    """kernel(x, low, inverse_step, to_index, indices): the compiled ``Constellation.nearest``.

    x: (n, 2) flat. inverse_step: 0 for a real constellation's imaginary axis. to_index: (2, L)
    flat, what a level of the real and of the imaginary axis adds to the index. indices: (n).
    """

    def nearest_points(x, low, inverse_step, to_index, indices):
        num_levels = to_index.size // 2
        top = np.float32(num_levels - 1)
        for i in range(indices.size):
            index = np.int64(0)
            for a in range(2):
                level = np.rint((x[2 * i + a] - low) * inverse_step)
                # The order of the comparisons sends a NaN to level 0.
                level = level if level > np.float32(0.0) else np.float32(0.0)
                level = min(level, top)
                index += to_index[a * num_levels + np.int64(level)]
            indices[i] = index

    return compiled("void(float32[::1], float32, float32, int64[::1], int64[::1])", nearest_points)


@functools.cache
def nearest_point_kernel() -> Callable[..., None]:
    """kernel(x, points, indices): the same over any points, 16 estimates in the lanes.

    x: (n, 2) flat. points: (M, 2) flat. indices: (n). A NaN gives index 0.
    """

    def nearest_of_points(x, points, indices):
        chosen = np.empty(16, np.uint32)
        for at in range(0, indices.size, 16):
            lanes = min(16, indices.size - at)
            high = splat(0.0)
            if lanes > 8:
                high = load_first(x, 2 * at + 16, 2 * lanes - 16)
            re, im = unzip_lanes(load_first(x, 2 * at, min(16, 2 * lanes)), high)
            least, index = splat(np.inf), splat_int(0)
            for i in range(points.size // 2):
                across, along = re - points[2 * i], im - points[2 * i + 1]
                distance = across * across + along * along
                closer = distance < least
                least = select(closer, distance, least)
                index = select_int(closer, splat_int(i), index)
            store_int(chosen, 0, index)
            for p in range(lanes):
                indices[at + p] = chosen[p]

    return compiled("void(float32[::1], float32[::1], int64[::1])", nearest_of_points)


@functools.cache
def two_levels_kernel() -> Callable[..., None]:
    """kernel(x, real_weight, imag_weight, indices): the same for levels that differ by their sign.

    A value above 0 adds nothing, any other its axis's weight.
    """

    def nearest_of_two_levels(x, real_weight, imag_weight, indices):
        for i in range(indices.size):
            re = np.int64(0) if x[2 * i] > np.float32(0.0) else real_weight
            im = np.int64(0) if x[2 * i + 1] > np.float32(0.0) else imag_weight
            indices[i] = re + im

    return compiled("void(float32[::1], int64, int64, int64[::1])", nearest_of_two_levels)


@functools.cache
def count_kernel() -> Callable[..., bool]:
    """kernel(sent, detected, valid, bits_per_symbol, bit_errors, symbol_errors).

    sent, detected: (V, Nt) int64, flat; valid: (V); the errors: (V) int64. Invalid vectors are all
    wrong. Returns whether every detected index of a valid vector is one of the constellation.
    """

    def count_errors(sent, detected, valid, bits_per_symbol, bit_errors, symbol_errors):
        n = sent.size // valid.size
        outside = np.int64(0)
        for v in range(valid.size):
            if not valid[v]:
                bit_errors[v], symbol_errors[v] = n * bits_per_symbol, n
                continue
            bits, symbols = np.int64(0), np.int64(0)
            for i in range(v * n, (v + 1) * n):
                # A label is the binary number of its index: the XOR has the bits that differ.
                differing = sent[i] ^ detected[i]
                outside |= differing >> bits_per_symbol
                symbols += differing != 0
                for b in range(bits_per_symbol):
                    bits += (differing >> b) & 1
            bit_errors[v], symbol_errors[v] = bits, symbols
        return outside == 0

    arrays = "int64[::1], int64[::1], boolean[::1], int64, int64[::1], int64[::1]"
    return compiled(f"boolean({arrays})", count_errors)
