"""Vector elementary functions against float64."""

import numba
import numpy as np
import pytest

from mimolearn.kernels.machine import mathematics as simd_math
from mimolearn.kernels.machine.memory import load, store


def _elementwise(function):
    @numba.njit(error_model="numpy")
    def run(values, out):
        for i in range(0, values.size, 16):
            store(out, i, function(load(values, i)))

    return run


def _apply(run, values):
    padded = np.zeros((len(values) + 15) // 16 * 16, np.float32)
    padded[: len(values)] = values
    out = np.empty_like(padded)
    run(padded, out)
    return out[: len(values)]


_EXP = _elementwise(simd_math.exp)
_LOG = _elementwise(simd_math.log)


@numba.njit(error_model="numpy")
def _sincos(values, sine, cosine):
    for i in range(0, values.size, 16):
        s, c = simd_math.sincos_turns(load(values, i))
        store(sine, i, s)
        store(cosine, i, c)


def _ulps(actual, exact):
    """Distance from the exact value in units of the last place of the nearest float32."""
    spacing = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    return np.max(np.abs(actual.astype(np.float64) - exact) / spacing)


def test_exp_is_within_two_ulp():
    x = np.concatenate(
        [np.linspace(-103, 88.7, 400_001), np.linspace(-1e-3, 1e-3, 10_001), [0.0]]
    ).astype(np.float32)
    assert _ulps(_apply(_EXP, x), np.exp(x.astype(np.float64))) <= 2


def test_exp_at_the_ends():
    x = np.array([np.nan, np.inf, -np.inf, 89, 200, -104.5, -1e30, 1e30], np.float32)
    expected = np.array([np.nan, np.inf, 0, np.inf, np.inf, 0, 0, np.inf], np.float32)
    np.testing.assert_array_equal(_apply(_EXP, x), expected)


def test_exp_of_negative_values():
    values = np.linspace(-87, 0, 20001).astype(np.float32)
    actual = _apply(_elementwise(simd_math.exp_of_negative), values)
    np.testing.assert_allclose(actual, np.exp(values.astype(np.float64)), rtol=3e-7)
    far = np.array([-88, -1e30, -np.inf], np.float32)
    assert (_apply(_elementwise(simd_math.exp_of_negative), far) < 2e-38).all()


def test_reciprocal_over_its_range():
    values = np.geomspace(1e-30, 1e30, 20001).astype(np.float32)
    actual = _apply(_elementwise(simd_math.reciprocal), values)
    np.testing.assert_allclose(actual, 1 / values.astype(np.float64), rtol=2e-7)


def test_log_is_within_two_ulp():
    rng = np.random.default_rng(1)
    bits = rng.integers(1, 0x7F800000, 400_000, dtype=np.uint32)
    x = np.concatenate([bits.view(np.float32), np.linspace(0.6, 1.5, 400_001).astype(np.float32)])
    x = x[x != 1]
    assert _ulps(_apply(_LOG, x), np.log(x.astype(np.float64))) <= 2
    assert _apply(_LOG, np.ones(1, np.float32))[0] == 0


def test_log_at_the_ends():
    x = np.array([np.nan, np.inf, 0, -0.0, -1, -np.inf], np.float32)
    expected = np.array([np.nan, np.inf, -np.inf, -np.inf, np.nan, np.nan], np.float32)
    np.testing.assert_array_equal(_apply(_LOG, x), expected)


@pytest.mark.parametrize("span", [1.0, 1000.0])
def test_sincos_is_within_two_ulp(span):
    turns = np.linspace(-span, span, 400_000).astype(np.float32)
    sine, cosine = np.empty_like(turns), np.empty_like(turns)
    _sincos(turns, sine, cosine)
    # Reduced exactly first: 2 pi t in float64 is not accurate enough near the zeros.
    quarters = np.round(4 * turns.astype(np.float64))
    angle = 2 * np.pi * (turns.astype(np.float64) - quarters / 4)
    table = np.stack([np.sin(angle), np.cos(angle), -np.sin(angle), -np.cos(angle)])
    quadrant = quarters.astype(np.int64) % 4
    rows = np.arange(len(turns))
    assert _ulps(sine, table[quadrant, rows]) <= 2
    assert _ulps(cosine, table[(quadrant + 1) % 4, rows]) <= 2


def test_sincos_at_quarters():
    turns = np.zeros(16, np.float32)
    turns[:5] = [0, 0.25, 0.5, 0.75, 1]
    sine, cosine = np.empty_like(turns), np.empty_like(turns)
    _sincos(turns, sine, cosine)
    np.testing.assert_array_equal(sine[:5], [0, 1, 0, -1, 0])
    np.testing.assert_array_equal(cosine[:5], [1, 0, -1, 0, 1])
