"""One search serves two precisions: its answers in each, to the last bit."""

import functools
import zlib

import numpy as np
import pytest

from mimolearn.kernels.machine.compile import compiled
from mimolearn.kernels.search import soft_sphere, sphere
from mimolearn.kernels.search.soft_sphere import fill_llr
from mimolearn.kernels.search.soft_sphere import search_float32 as soft_search
from mimolearn.kernels.search.sphere import search_float32 as hard_search

CHANNELS, VECTORS = 4, 2
# Unknowns, levels, and the checksums of all answers in float64 and in float32.
CASES = [
    (2, 8, 0x73269FE5, 0x65E00A28),
    (4, 4, 0xE87DDB03, 0x6601B0F0),
    (7, 2, 0x80B29A14, 0x62EB172B),
    (8, 4, 0xF822EB32, 0x2475DF1F),
    (12, 2, 0x2656043D, 0x30E47E68),
    (16, 2, 0xDEF79AA3, 0x9BB58D54),
]


def uniform(seed, *shape):
    """Numbers in (-1, 1), the same on every machine."""
    x = np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(seed) * np.uint64(1 << 20)
    x = x * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    x = (x ^ (x >> np.uint64(31))) >> np.uint64(11)
    return ((x.astype(np.float64) / 2.0**52) - 1.0).reshape(shape)


def draw(n, num_levels, dtype):
    """columns (C, n, S) and z (C, T, n): S is n in float64, whole vectors in float32."""
    r = uniform(n, CHANNELS, n, n)
    for k in range(n):
        # Row k holds column k of R: nothing below the diagonal.
        r[:, k, k] = 1.0 + abs(r[:, k, k])
        r[:, k, k + 1 :] = 0.0
    u = np.floor((uniform(n + 1, CHANNELS, VECTORS, n) + 1.0) / 2.0 * num_levels)
    z = uniform(n + 2, CHANNELS, VECTORS, n) * 0.75
    for k in range(n):
        z = z + u[:, :, k, None] * r[:, None, k]
    if dtype == np.float64:
        return r, z
    columns = np.zeros((CHANNELS, n, (n + 15) // 16 * 16), np.float32)
    columns[:, :, :n] = r
    return columns, z.astype(np.float32)


def labels(num_levels):
    """Gray labels (L, Ka) of the levels."""
    codes = np.arange(num_levels) ^ np.arange(num_levels) >> 1
    count = num_levels.bit_length() - 1
    return (codes[:, None] >> np.arange(count)[::-1] & 1).astype(np.int8)


def hard_answers(columns, z, num_levels, max_nodes):
    shape = z.shape[:2]
    levels = np.empty(z.shape, np.int8)
    incomplete, work = np.empty(shape, np.bool_), np.empty(shape, np.int64)
    kernel = sphere.kernel() if z.dtype == np.float64 else hard_in_float32()
    kernel(columns, z, num_levels, max_nodes, levels, incomplete, work)
    return levels, incomplete, work


def soft_answers(columns, z, num_levels, clip, max_nodes):
    shape, bits = z.shape[:2], labels(num_levels)
    llr = np.empty((*z.shape, bits.shape[1]), z.dtype)
    levels = np.empty(z.shape, np.int8)
    incomplete, work = np.empty(shape, np.bool_), np.empty(shape, np.int64)
    kernel = soft_sphere.kernel() if z.dtype == np.float64 else soft_in_float32()
    kernel(columns, z, bits, clip, max_nodes, llr, levels, incomplete, work)
    return llr, levels, incomplete, work


@functools.cache
def hard_in_float32():
    """What ``sphere.kernel`` does with a triangle that is ready, in single precision."""

    def sphere_of_columns(columns, z, num_levels, max_nodes, levels, incomplete, work):
        channels, vectors, n = z.shape
        residual = np.zeros((n, columns.shape[2]), np.float32)
        distance, center = np.empty(n, np.float32), np.empty(n, np.float32)
        low, high, chosen = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
        for c in range(channels):
            for t in range(vectors):
                residual[n - 1, :n] = z[c, t]
                incomplete[c, t], work[c, t] = hard_search(
                    columns[c], residual, distance, center, low, high, chosen,
                    num_levels, max_nodes, levels[c, t],
                )  # fmt: skip

    arrays = "float32[:, :, ::1], float32[:, :, ::1], int64, int64"
    out = "int8[:, :, ::1], boolean[:, ::1], int64[:, ::1]"
    return compiled(f"void({arrays}, {out})", sphere_of_columns)


@functools.cache
def soft_in_float32():
    """The same for ``soft_sphere.kernel``."""

    def soft_sphere_of_columns(columns, z, bits, clip, max_nodes, llr, levels, incomplete, work):
        channels, vectors, n = z.shape
        residual = np.zeros((n, columns.shape[2]), np.float32)
        distance, center = np.empty(n, np.float32), np.empty(n, np.float32)
        ints, reals = np.empty((4, n), np.int64), np.empty((2, n + 1), np.float32)
        counter = np.empty((n, bits.shape[1]), np.float32)
        for c in range(channels):
            for t in range(vectors):
                residual[n - 1, :n] = z[c, t]
                incomplete[c, t], work[c, t], nearest = soft_search(
                    columns[c], residual, distance, center, ints, reals, counter, bits, clip,
                    max_nodes, 0,
                )  # fmt: skip
                fill_llr(ints[3], counter, nearest, bits, llr[c, t])
                levels[c, t] = ints[3]

    arrays = "float32[:, :, ::1], float32[:, :, ::1], int8[:, ::1], float32, int64"
    out = "float32[:, :, :, ::1], int8[:, :, ::1], boolean[:, ::1], int64[:, ::1]"
    return compiled(f"void({arrays}, {out})", soft_sphere_of_columns)


def answers(n, num_levels, dtype):
    """All answers of both searches: to the end, cut short, and with clipped LLRs."""
    columns, z = draw(n, num_levels, dtype)
    for nodes in (10**6, 3 * n):
        yield from hard_answers(columns, z, num_levels, nodes)
    for clip, nodes in ((np.inf, 10**6), (np.inf, 3 * n), (0.5, 10**6)):
        yield from soft_answers(columns, z, num_levels, clip, nodes)


def checksum(arrays):
    return functools.reduce(lambda sum_, x: zlib.crc32(x.tobytes(), sum_), arrays, 0)


@pytest.mark.parametrize(("n", "num_levels", "double", "single"), CASES)
def test_answers_are_the_recorded_ones(n, num_levels, double, single):
    """To the last bit: rounding, the order of the nodes, and how many there are."""
    assert checksum(answers(n, num_levels, np.float64)) == double
    assert checksum(answers(n, num_levels, np.float32)) == single


def test_searches_find_what_enumeration_finds():
    columns, z = draw(3, 4, np.float64)
    levels, _, _ = hard_answers(columns, z, 4, 10**6)
    llr, decided, _, _ = soft_answers(columns, z, 4, np.inf, 10**6)
    leaves = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    distances = ((z[:, :, None] - leaves @ columns[:, None]) ** 2).sum(-1)
    nearest = leaves[distances.argmin(-1)]
    assert np.array_equal(levels, nearest)
    assert np.array_equal(decided, nearest)
    for k in range(3):
        for b in range(2):
            one = labels(4)[leaves[:, k], b] == 1
            expected = distances[..., ~one].min(-1) - distances[..., one].min(-1)
            np.testing.assert_allclose(llr[:, :, k, b], expected, rtol=1e-12, atol=1e-12)
