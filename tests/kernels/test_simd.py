"""Every vector operation against numpy, lane by lane."""

import operator

import numba
import numpy as np
import pytest
import torch

from mimolearn.kernels.machine import simd
from mimolearn.kernels.machine.memory import (
    load,
    load_first,
    load_first_brief,
    load_halves,
    load_int,
    load_tile,
    store,
    store_first,
    store_first_brief,
    store_int,
    store_tile,
    transpose,
    unzip_pairs,
    zip_lanes,
    zip_pairs,
)

_RNG = np.random.default_rng(7)
_A = _RNG.normal(size=16).astype(np.float32)
_B = _RNG.normal(size=16).astype(np.float32)
_C = _RNG.normal(size=16).astype(np.float32)
_I = _RNG.integers(0, 2**32, 16, dtype=np.uint32)
_J = _RNG.integers(0, 2**32, 16, dtype=np.uint32)


def _run(kernel, *arrays, dtype=np.float32):
    out = np.zeros(16, dtype)
    numba.njit(kernel, error_model="numpy")(out, *arrays)
    return out


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv])
def test_float_operators_round_like_numpy(op):
    def kernel(out, a, b):
        store(out, 0, op(load(a, 0), load(b, 0)))

    np.testing.assert_array_equal(_run(kernel, _A, _B), op(_A, _B))


@pytest.mark.parametrize(
    "op", [operator.add, operator.sub, operator.mul, operator.and_, operator.or_, operator.xor]
)
def test_integer_operators_wrap(op):
    def kernel(out, a, b):
        store_int(out, 0, op(load_int(a, 0), load_int(b, 0)))

    np.testing.assert_array_equal(_run(kernel, _I, _J, dtype=np.uint32), op(_I, _J))


def test_scalars_stand_in_every_lane():
    def kernel(out, a):
        v = load(a, 0)
        store(out, 0, 2.0 * v - v / 4 + np.float32(0.5) - (-v))

    a = _A
    expected = np.float32(2) * a - a / np.float32(4) + np.float32(0.5) + a
    np.testing.assert_array_equal(_run(kernel, a), expected)


def test_shifts():
    def kernel(out, a):
        v = load_int(a, 0)
        store_int(out, 0, (v >> 5) ^ (v << 3))

    expected = (_I >> np.uint32(5)) ^ (_I << np.uint32(3))
    np.testing.assert_array_equal(_run(kernel, _I, dtype=np.uint32), expected)


@pytest.mark.parametrize(
    "op", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
)
def test_comparisons_and_select(op):
    def kernel(out, a, b):
        x = load(a, 0)
        y = load(b, 0)
        store(out, 0, simd.select(op(x, y), x, simd.splat(9.0)))

    a = _A.copy()
    a[:3] = np.nan, 1, 2
    b = _B.copy()
    b[:3] = np.nan, 1, np.nan
    np.testing.assert_array_equal(_run(kernel, a, b), np.where(op(a, b), a, np.float32(9)))


def test_masks_combine_and_are_found():
    @numba.njit
    def found(a, low, high):
        x = load(a, 0)
        return simd.any_lane((x > low) & (x < high))

    values = np.arange(16, dtype=np.float32)
    assert found(values, 14.5, 15.5)
    assert not found(values, 15.5, 99.0)


def test_one_bad_lane_is_not_finite():
    @numba.njit
    def finite(a):
        return simd.all_finite(load(a, 0))

    for value in (np.nan, np.inf, -np.inf, np.float32(3e38)):
        a = _A.copy()
        a[11] = value
        assert finite(a) == np.isfinite(value)


def test_fused_multiplications():
    def kernel(out, a, b, c):
        store(out, 0, simd.fma(load(a, 0), load(b, 0), load(c, 0)))

    def negated(out, a, b, c):
        store(out, 0, simd.fnma(load(a, 0), load(b, 0), load(c, 0)))

    a, b, c = (v.astype(np.float64) for v in (_A, _B, _C))
    np.testing.assert_allclose(_run(kernel, _A, _B, _C), a * b + c, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(_run(negated, _A, _B, _C), c - a * b, rtol=1e-6, atol=1e-7)


def test_sqrt_is_correctly_rounded():
    def kernel(out, a):
        store(out, 0, simd.sqrt(load(a, 0)))

    a = np.abs(_A)
    a[:3] = 0, np.inf, -1
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(_run(kernel, a), np.sqrt(a))


def test_minimum_maximum_absolute():
    def kernel(out, a, b):
        x = load(a, 0)
        y = load(b, 0)
        store(out, 0, simd.absolute(simd.minimum(x, y)) + simd.maximum(x, y))

    expected = np.abs(np.minimum(_A, _B)) + np.maximum(_A, _B)
    np.testing.assert_array_equal(_run(kernel, _A, _B), expected)


def test_minimum_gives_the_second_operand_for_nan():
    def kernel(out, a, b):
        store(out, 0, simd.minimum(load(a, 0), load(b, 0)))

    nan = np.full(16, np.nan, np.float32)
    np.testing.assert_array_equal(_run(kernel, nan, _B), _B)
    assert np.isnan(_run(kernel, _B, nan)).all()


def test_conversions():
    def kernel(out, a):
        whole = simd.float_to_int(load(a, 0) * 100.0)
        flipped = simd.as_float_bits(simd.as_int_bits(simd.int_to_float(whole)) ^ (1 << 31))
        store(out, 0, flipped)

    np.testing.assert_array_equal(_run(kernel, _A), -np.trunc(_A * np.float32(100)))


def test_multiply_high():
    def kernel(out, a, b):
        store_int(out, 0, simd.multiply_high(load_int(a, 0), load_int(b, 0)))

    expected = ((_I.astype(np.uint64) * _J.astype(np.uint64)) >> np.uint64(32)).astype(np.uint32)
    np.testing.assert_array_equal(_run(kernel, _I, _J, dtype=np.uint32), expected)


def test_lane_sum_and_lane_numbers():
    @numba.njit
    def total(a):
        return simd.lane_sum(load(a, 0) * simd.int_to_float(simd.lane_numbers()))

    np.testing.assert_allclose(total(_A), _A @ np.arange(16), rtol=1e-5)


def test_smallest_and_largest_lanes():
    @numba.njit
    def extremes(a, i):
        x, y = load(a, 0), load_int(i, 0)
        return simd.lane_min(x), simd.lane_min_int(y), simd.lane_max_int(y)

    signed = _I.view(np.int32)
    for turn in range(16):
        a, i = np.roll(_A, turn), np.roll(_I, turn)
        assert extremes(a, i) == (_A.min(), signed.min(), signed.max())


@pytest.mark.parametrize("limit", [-9.0, -0.5, 0.3, 9.0])
def test_lanes_are_counted_and_compressed(limit):
    @numba.njit
    def kernel(out, a, i, limit):
        mask = load(a, 0) < limit
        store_int(out, 0, simd.compress(load_int(i, 0), mask))
        return simd.count_lanes(mask)

    out, chosen = np.zeros(16, np.uint32), np.float32(limit) > _A
    count = kernel(out, _A, _I, np.float32(limit))
    assert count == chosen.sum()
    np.testing.assert_array_equal(out[:count], _I[chosen])


@pytest.mark.parametrize("count", [0, 1, 7, 16])
def test_first_lanes_touch_nothing_else(count):
    def kernel(out, a, count):
        store_first(out, 0, load_first(a, 0, count) + 1.0, count)

    expected = np.where(np.arange(16) < count, _A + np.float32(1), np.float32(0))
    np.testing.assert_array_equal(_run(kernel, _A, count), expected)


@pytest.mark.parametrize("count", [0, 3, 16])
def test_bfloat16_is_rounded_to_the_nearest(count):
    # Halfway cases go to even; a large number to infinity; NaN stays.
    given = np.array(
        [*_A[:9], 1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 3.4e38, np.nan, 1e-40, -np.inf], np.float32
    )

    def kernel(out, stored, given, count):
        store_first_brief(stored, 5, load(given, 0), count)
        store(out, 0, load_first_brief(stored, 5, count))

    stored = np.zeros(32, np.uint16)
    expected = torch.from_numpy(given).to(torch.bfloat16).float().numpy()
    got = _run(kernel, stored.view(np.float32), given, count)
    np.testing.assert_array_equal(got, np.where(np.arange(16) < count, expected, 0))
    assert not stored[:5].any()
    assert not stored[5 + count :].any()


def test_half_precision_is_read_exactly():
    # Normal numbers, subnormal ones, both zeros and infinities.
    halves = np.array([*_A, 6e-8, -6e-5, 0.0, -0.0, np.inf, -np.inf, 65504, 1e-7] * 2, np.float16)

    def kernel(out, stored):
        store(out, 0, load_halves(stored, 13))

    got = _run(kernel, halves.view(np.float32))
    np.testing.assert_array_equal(got, halves[13:29].astype(np.float32))
    np.testing.assert_array_equal(np.signbit(got), np.signbit(halves[13:29]))


@pytest.mark.parametrize(("operation", "together"), [(zip_lanes, 1), (zip_pairs, 2)])
def test_lanes_take_turns(operation, together):
    @numba.njit
    def kernel(out, a):
        zipped = operation(load(a, 0), load(a, 16))
        store(out, 0, zipped[0])
        store(out, 16, zipped[1])

    a = np.arange(32, dtype=np.float32)
    out = np.empty_like(a)
    kernel(out, a)
    expected = np.stack([half.reshape(-1, together) for half in (a[:16], a[16:])], 1).reshape(-1)
    np.testing.assert_array_equal(out, expected)


def test_pairs_are_taken_apart_again():
    @numba.njit
    def kernel(out, a):
        zipped = zip_pairs(load(a, 0), load(a, 16))
        apart = unzip_pairs(zipped[0], zipped[1])
        store(out, 0, apart[0])
        store(out, 16, apart[1])

    a = np.arange(32, dtype=np.float32)
    out = np.empty_like(a)
    kernel(out, a)
    np.testing.assert_array_equal(out, a)


def test_transpose():
    @numba.njit
    def kernel(out, a):
        tile = (
            load(a, 0), load(a, 16), load(a, 32), load(a, 48),
            load(a, 64), load(a, 80), load(a, 96), load(a, 112),
            load(a, 128), load(a, 144), load(a, 160), load(a, 176),
            load(a, 192), load(a, 208), load(a, 224), load(a, 240),
        )  # fmt: skip
        turned = transpose(tile)
        for i in range(16):
            store(out, 16 * i, turned[i])

    a = _RNG.normal(size=(16, 16)).astype(np.float32)
    out = np.empty_like(a)
    kernel(out, a)
    np.testing.assert_array_equal(out, a.T)


@numba.njit
def _copy_interleaved(out, tile_out, a, first, last, column, count):
    width = a.shape[1]
    tile = load_tile(a, first, last, width, column, count)
    for i in range(16):
        store(tile_out, 16 * i, tile[i])
    store_tile(out, first, last, width, column, count, tile)


@pytest.mark.parametrize(("first", "last", "count"), [(0, 19, 16), (4, 19, 5), (16, 18, 16)])
def test_tiles_go_in_and_out(first, last, count):
    a = _RNG.normal(size=(20, 23)).astype(np.float32)
    out, tile = np.zeros_like(a), np.empty((16, 16), np.float32)
    _copy_interleaved(out, tile, a, first, last, 4, count)
    rows = np.minimum(first + np.arange(16), last)
    expected = np.zeros((16, 16), np.float32)
    expected[:count] = a[rows, 4 : 4 + count].T
    np.testing.assert_array_equal(tile, expected)
    copied = np.zeros_like(a)
    copied[rows, 4 : 4 + count] = a[rows, 4 : 4 + count]
    np.testing.assert_array_equal(out, copied)


def test_outside_of_kernels_they_say_so():
    with pytest.raises(TypeError, match="only inside"):
        simd.splat(1.0)
