import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from mimolearn.results.crossings import Sample, required_snr, snr_gap

TARGET = 1e-2
SNRS = (0.0, 2.0, 4.0, 6.0)


def amplitude(snr_db):
    return np.sqrt(2 * 10 ** (snr_db / 10))


def true_snr(shift):
    return shift + brentq(lambda s: np.log(stats.norm.sf(amplitude(s)) / TARGET), 0, 12)


def curves(seed, shifts):
    """BPSK on AWGN: the same noise for every contender, which loses ``shift`` dB of signal."""
    samples = [[] for _ in shifts]
    for snr_db in SNRS:
        rng = np.random.default_rng([seed, round(snr_db)])
        noise = rng.standard_normal(int(160 / stats.norm.sf(amplitude(snr_db))))
        for shift, curve in zip(shifts, samples, strict=True):
            wrong = noise > amplitude(snr_db - shift)
            stop = np.searchsorted(np.cumsum(wrong), 100) + 1
            curve.append(Sample(snr_db, wrong[:stop].astype(np.int64), 1))
    return samples


def test_snr_and_gap_cover():
    runs, shift = 300, 0.7
    snr_hits, gap_hits, gaps = 0, 0, []
    for seed in range(runs):
        a, b = curves(seed, (0.0, shift))
        estimate, gap = required_snr(a, TARGET), snr_gap(a, b, TARGET)
        snr_hits += estimate.low_db <= true_snr(0) <= estimate.high_db
        gap_hits += gap.low_db <= shift <= gap.high_db
        gaps.append(gap.value_db)
    assert 0.92 <= snr_hits / runs <= 0.98
    assert 0.92 <= gap_hits / runs <= 0.98
    assert np.mean(gaps) == pytest.approx(shift, abs=0.04)


def test_common_draws_sharpen_the_gap():
    a, b = curves(1, (0.0, 0.1))
    other = curves(2, (0.1,))[0]
    wrong_pairing = [s._replace(snr_db=s.snr_db + 1e-9) for s in other]
    paired, apart = snr_gap(a, b, TARGET), snr_gap(a, wrong_pairing, TARGET)
    assert paired.high_db - paired.low_db < 0.6 * (apart.high_db - apart.low_db)


def test_swapping_negates_the_gap():
    a, b = curves(3, (0.0, 0.5))
    forward, back = snr_gap(a, b, TARGET), snr_gap(b, a, TARGET)
    assert forward.value_db == pytest.approx(-back.value_db)
    assert forward.low_db == pytest.approx(-back.high_db)


def sample(snr_db, errors, channels=10_000):
    array = np.zeros(channels, np.int64)
    array[:errors] = 1
    return Sample(snr_db, array, 1)


@pytest.mark.parametrize(
    ("errors", "note", "bracket"),
    [
        ([], "not simulated", (None, None)),
        ([5, 2], "already below 0.001 at the lowest SNR, 0 dB", (None, 0)),
        ([500, 200], "not reached: 0.02 at the highest SNR, 1 dB", (1, None)),
        ([500, 200, 0], "between 1 and 2 dB: no errors at 2 dB", (1, 2)),
    ],
)
def test_what_is_not_bracketed_has_no_value(errors, note, bracket):
    estimate = required_snr([sample(i, count) for i, count in enumerate(errors)], 1e-3)
    assert estimate.value_db is None
    assert note in estimate.note
    assert (estimate.low_db, estimate.high_db) == bracket
    gap = snr_gap([sample(0, 500), sample(1, 2)], [sample(0, 500)], 1e-3)
    assert gap.value_db is None
    assert gap.note.startswith("first: errors of only 2 effective channels at 1 dB, ")
    assert gap.note.endswith("; second: not reached: 0.05 at the highest SNR, 0 dB")


def test_two_points_interpolate_the_logarithm_linearly():
    estimate = required_snr([sample(0, 100), sample(4, 1)], 1e-3)
    assert estimate.value_db == pytest.approx(2.0)
    assert "errors of only 1 effective channels at 4 dB" in estimate.note


def test_target_on_a_point_and_a_curve_that_rises_again():
    assert required_snr([sample(0, 100), sample(2, 10), sample(4, 1)], 1e-3).value_db == 2
    again = required_snr([sample(0, 100), sample(2, 5), sample(4, 30), sample(6, 1)], 1e-3)
    assert 0 < again.value_db < 2
    assert "more than once" in again.note


def test_the_note_counts_bad_channels_not_channels_with_errors():
    """Of 50 channels with errors one has nearly all."""
    errors = np.zeros(10_000, np.int64)
    errors[:49], errors[49] = 1, 5000
    below = np.zeros(10_000, np.int64)
    below[:50] = 10
    note = required_snr([Sample(0.0, errors, 100), Sample(1.0, below, 100)], 1e-3).note
    assert "errors of only 1 effective channels at 0 dB" in note
    assert "at 1 dB" not in note


@pytest.mark.parametrize("flat", [2, 3])
def test_several_points_at_the_target_have_an_snr(flat):
    """A flat piece at the target: its last point, not NaN without a word."""
    curve = [sample(0, 100), *(sample(2 * i, 10) for i in range(1, flat + 1)), sample(20, 1)]
    estimate = required_snr(curve, 1e-3)
    assert estimate.value_db == pytest.approx(2 * flat)
    assert np.isfinite([estimate.low_db, estimate.high_db]).all()
    assert "several points lie exactly at 0.001, this is the last" in estimate.note
    gap = snr_gap(curve, curve, 1e-3)
    assert gap.value_db == 0
    assert np.isfinite([gap.low_db, gap.high_db]).all()


def test_a_curve_that_begins_at_the_target_has_an_snr():
    for curve in ([10, 10, 2], [10, 2], [10, 2, 1]):
        estimate = required_snr([sample(2 * i, count) for i, count in enumerate(curve)], 1e-3)
        assert math.isfinite(estimate.value_db)
        assert math.isfinite(estimate.low_db)


def steep(snr_db, errors, clusters=20_000):
    """A point of BPSK on AWGN with about so many errors, spread over clusters."""
    rate = stats.norm.sf(amplitude(snr_db))
    rng = np.random.default_rng([7, round(100 * snr_db + 1e4), errors])
    bits = max(round(errors / rate / clusters), 1)
    return Sample(snr_db, rng.binomial(bits, rate, clusters), bits)


@pytest.mark.parametrize(
    ("snrs", "errors", "is_noted"),
    [
        ((2.0, 4.0, 6.0, 8.0), 100, False),
        ((-3.0, 2.0, 7.0), 1000, True),
        ((-2.5, 2.5, 7.5), 1000, True),
        ((3.5, 4.5, 5.5, 6.5), 1000, False),
    ],
)
def test_points_too_far_apart_on_a_steep_curve_are_noted(snrs, errors, is_noted):
    estimate = required_snr([steep(snr_db, errors) for snr_db in snrs], TARGET)
    assert ("are too far for the interpolation" in estimate.note) == is_noted
    if is_noted:
        assert "simulate points between" in estimate.note


@pytest.mark.soak
def test_snr_covers_where_no_note_says_otherwise(trials):
    """On a steep curve at steps of 4 and 5 dB, where the interpolation is off."""
    runs = trials("SNR at a target, steps of 4 and 5 dB: covered, or noted", 60, 1000)
    true = brentq(lambda s: np.log(stats.norm.sf(amplitude(s)) / 1e-3), 0, 12)
    rng = np.random.default_rng(5)
    for step in (4.0, 5.0):
        hits = bare = 0
        for _ in range(runs):
            first = true - step * (1 + rng.random())
            curve = []
            for snr_db in first + step * np.arange(4):
                rate = stats.norm.sf(amplitude(snr_db))
                if rate < 1e-12:
                    break
                bits = max(round(100 / rate / 3000), 1)
                errors = rng.binomial(bits, rate, 3000)
                curve.append(Sample(float(snr_db), errors, bits))
            estimate = required_snr(curve, 1e-3)
            if estimate.low_db is None:
                continue
            if "apart" not in estimate.note:
                bare += 1
                hits += estimate.low_db <= true <= estimate.high_db
        assert runs / 20 < bare < runs
        assert hits >= 0.93 * bare - 3 * (0.05 * 0.95 * bare) ** 0.5
