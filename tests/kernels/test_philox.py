"""The counter-based generator: known answers, an independent reference, and statistics."""

import numpy as np
import pytest
from scipy import stats

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.kernels.machine.philox import Stream, fill_integers, fill_normal


def _philox(counter, key):
    """Philox4x32-10 on python integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            (p1 >> 32) ^ c1 ^ k0,
            p1 & 0xFFFFFFFF,
            (p0 >> 32) ^ c3 ^ k1,
            p0 & 0xFFFFFFFF,
        )
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def _halves(value):
    return value % 2**32, value >> 32


def _words(stream, count):
    """(blocks, 4) words of the first blocks."""
    rows = [
        _philox((*_halves(block), *_halves(stream.stream)), _halves(stream.key))
        for block in range(count)
    ]
    return np.array(rows, np.uint64)


def _in_element_order(blocks):
    """(16 g, 4) to elements: word w of block 16 g + l is element 64 g + 16 w + l."""
    return blocks.reshape(-1, 16, 4).transpose(0, 2, 1).reshape(-1)


def _normals(count, stream, start=0):
    out = np.empty(count, np.float32)
    fill_normal(out, stream, start)
    return out


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (
            (0xFFFFFFFF,) * 4,
            (0xFFFFFFFF,) * 2,
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_the_reference_gives_the_published_known_answers(counter, key, words):
    assert _philox(counter, key) == words


_STREAM = Stream(0x0123456789ABCDEF, 0xFEDCBA9876543210)


def test_integers_equal_the_reference():
    out = np.empty(192, np.int64)
    fill_integers(out, 2**16, _STREAM)
    np.testing.assert_array_equal(out, _in_element_order(_words(_STREAM, 48)) >> np.uint64(16))


def test_normals_equal_the_reference():
    words = _words(_STREAM, 48)
    pairs = []
    for first in (0, 2):
        uniform = words[:, first].astype(np.float32) / np.float32(2**32) + np.float32(2**-33)
        radius = np.sqrt(-2 * np.log(uniform.astype(np.float64)))
        angle = 2 * np.pi * (words[:, first + 1] >> np.uint64(8)) / 2**24
        pairs += [radius * np.cos(angle), radius * np.sin(angle)]
    expected = _in_element_order(np.stack(pairs, -1))
    np.testing.assert_allclose(_normals(192, _STREAM), expected, rtol=2.5e-7)


@pytest.mark.parametrize(("start", "count"), [(0, 1), (5, 7), (63, 2), (64, 64), (100, 333)])
def test_any_cut_gives_the_same_numbers(start, count):
    np.testing.assert_array_equal(
        _normals(count, _STREAM, start), _normals(500, _STREAM)[start : start + count]
    )
    whole, part = np.empty(500, np.int64), np.empty(count, np.int64)
    fill_integers(whole, 16, _STREAM)
    fill_integers(part, 16, _STREAM, start)
    np.testing.assert_array_equal(part, whole[start : start + count])


def test_a_scale_multiplies():
    out = np.empty(200, np.float32)
    fill_normal(out, Stream(5), start=3, scale=0.25)
    np.testing.assert_array_equal(out, _normals(200, Stream(5), 3) * np.float32(0.25))


def test_counters_beyond_32_bits_are_new_numbers():
    start = 4 * 2**32
    far = _normals(64, _STREAM, start)
    assert not np.array_equal(far, _normals(64, _STREAM))
    np.testing.assert_array_equal(far[32:], _normals(32, _STREAM, start + 32))


@pytest.fixture(scope="module")
def million():
    return _normals(4_000_000, Stream(2024))


def test_moments(million):
    x, n = million.astype(np.float64), len(million)
    # Standard errors of the first four moments of a normal sample; five of them each.
    assert abs(x.mean()) < 5 / np.sqrt(n)
    assert abs((x**2).mean() - 1) < 5 * np.sqrt(2 / n)
    assert abs((x**3).mean()) < 5 * np.sqrt(15 / n)
    assert abs((x**4).mean() - 3) < 5 * np.sqrt(96 / n)


def test_kolmogorov_smirnov(million):
    assert stats.kstest(million[:400_000], "norm").pvalue > 1e-3


@pytest.mark.parametrize("sigma", [3.0, 4.0, 4.5])
def test_tails(million, sigma):
    expected = 2 * stats.norm.sf(sigma) * len(million)
    assert abs(np.count_nonzero(np.abs(million) > sigma) - expected) < 5 * np.sqrt(expected)


def test_neighbours_are_uncorrelated(million):
    n = 1_000_000
    for lag in (1, 15, 16, 32, 48, 64):
        product = np.dot(million[:n].astype(np.float64), million[lag : n + lag])
        assert abs(product) < 5 * np.sqrt(n)
        squares = (million[:n] ** 2 - 1.0) @ (million[lag : n + lag] ** 2 - 1.0)
        assert abs(squares) < 5 * 2 * np.sqrt(n)


@pytest.mark.parametrize("other", [Stream(2025), Stream(2024, 1), Stream(2024 + 2**40)])
def test_streams_are_independent(million, other):
    n = 1_000_000
    assert abs(million[:n].astype(np.float64) @ _normals(n, other)) < 5 * np.sqrt(n)


def test_integers_are_uniform():
    out = np.empty(300_000, np.int64)
    for num_values in (2, 12, 16):
        fill_integers(out, num_values, Stream(3))
        counts = np.bincount(out, minlength=num_values)
        assert len(counts) == num_values
        assert stats.chisquare(counts).pvalue > 1e-3


def test_wrong_arguments_are_refused():
    with pytest.raises(InvalidInputError, match="out"):
        fill_normal(np.empty(4, np.float64), Stream(1))
    with pytest.raises(InvalidInputError, match="out"):
        fill_normal(np.empty((4, 4), np.float32).T, Stream(1))
    with pytest.raises(InvalidInputError, match="key"):
        fill_normal(np.empty(4, np.float32), Stream(-1))
    with pytest.raises(InvalidInputError, match="num_values"):
        fill_integers(np.empty(4, np.int64), 0, Stream(1))
