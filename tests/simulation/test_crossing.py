import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from mimolearn.simulation.crossing import Sample, required_snr, snr_gap

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
    assert (gap.value_db, gap.note) == (
        None,
        "first: only 2 channels with errors at 1 dB; "
        "second: not reached: 0.05 at the highest SNR, 0 dB",
    )


def test_two_points_interpolate_the_logarithm_linearly():
    estimate = required_snr([sample(0, 100), sample(4, 1)], 1e-3)
    assert estimate.value_db == pytest.approx(2.0)
    assert "only 1 channels with errors at 4 dB" in estimate.note


def test_target_on_a_point_and_a_curve_that_rises_again():
    assert required_snr([sample(0, 100), sample(2, 10), sample(4, 1)], 1e-3).value_db == 2
    again = required_snr([sample(0, 100), sample(2, 5), sample(4, 30), sample(6, 1)], 1e-3)
    assert 0 < again.value_db < 2
    assert "more than once" in again.note
