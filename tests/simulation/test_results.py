import json
import math

import pytest
from scipy.optimize import brentq

from mimolearn import InvalidInputError
from mimolearn.link.scenario import Scenario
from mimolearn.results.statistics import clustered_interval
from mimolearn.studies import simulate

BIASED = "lmmse(biased=true)"


@pytest.fixture(scope="module")
def comparison():
    """16-QAM, where deciding on the biased estimate loses a little at every SNR."""
    scenario = Scenario(num_tx_ant=4, num_rx_ant=4, constellation="16-qam", channel_reuse=5)
    return simulate(
        scenario, ["lmmse", "lmmse:biased=true"], [5, 10, 15], target=0.1, min_errors=2000
    )


def test_rates_follow_from_counts(comparison):
    point = comparison.curve("lmmse").at(10)
    assert point.rate("ber") == point.counts.bit_errors / point.counts.bits
    assert point.rate("ver") == point.counts.vector_errors / point.counts.vectors
    assert point.channel_errors("ser").sum() == point.counts.symbol_errors
    assert point.interval("ser") == clustered_interval(point.channel_errors("ser"), 4 * 5)
    assert not point.is_upper_limit()
    assert comparison.finished


def test_required_snr_meets_the_closed_form():
    """BPSK, one stream, two Rayleigh branches (Proakis 2001, eq. 14.4-15)."""

    def error_rate(snr_db):
        mu = math.sqrt(10 ** (snr_db / 10) / (1 + 10 ** (snr_db / 10)))
        return ((1 - mu) / 2) ** 2 * (2 + mu)

    scenario = Scenario(
        num_tx_ant=1, num_rx_ant=2, constellation="bpsk", snr_definition="per_stream"
    )
    found = simulate(scenario, ["lmmse"], [-3, 0, 3, 6], min_errors=3000)
    estimate = found.required_snr("lmmse", 5e-2)
    expected = brentq(lambda snr_db: error_rate(snr_db) - 5e-2, -3, 12)
    assert estimate.low_db < expected < estimate.high_db
    assert estimate.high_db - estimate.low_db < 0.3
    assert found.required_snr("lmmse", 1e-9).value_db is None


def test_gap_and_paired_difference_agree(comparison):
    gap = comparison.gap("lmmse", BIASED)
    first, second = (comparison.required_snr(label) for label in ("lmmse", BIASED))
    assert gap.value_db == pytest.approx(second.value_db - first.value_db)
    assert gap.low_db > 0
    paired = comparison.paired("lmmse", BIASED, 10, "ser")
    assert paired.high < 0
    assert paired.p_value < 1e-3
    swapped = comparison.paired(BIASED, "lmmse", 10, "ser")
    assert swapped.difference == -paired.difference
    assert (swapped.only_a, swapped.only_b) == (paired.only_b, paired.only_a)


def test_paired_counts_equal_the_positions(comparison):
    paired = comparison.paired("lmmse", BIASED, 15, "ver")
    points = [curve.at(15) for curve in comparison.curves]
    channels = min(point.counts.channels for point in points)
    a, b = ({v for v in point.positions.vector.tolist() if v < 5 * channels} for point in points)
    assert (paired.only_a, paired.only_b) == (len(a - b), len(b - a))
    assert paired.channels == channels
    assert paired.difference == pytest.approx((len(a) - len(b)) / (5 * channels))


def test_json_holds_what_was_found(comparison):
    content = json.loads(comparison.to_json())
    point = comparison.curve(BIASED).at(5)
    stored = content["curves"][1]["points"][0]
    assert stored["counts"]["bit_errors"] == point.counts.bit_errors
    assert stored["rates"]["ber"]["interval"] == list(point.interval())
    assert content["scenario_key"] == comparison.scenario.key()
    assert content["curves"][1]["timing"] is None
    assert content["curves"][0]["cost"]["per_vector"] == 4 * (16 + 16)
    assert {"torch", "mimolearn", "python"} <= content["provenance"]["versions"].keys()


def test_what_was_not_simulated_is_absent(comparison):
    assert comparison.curve("lmmse").at(7) is None
    with pytest.raises(InvalidInputError, match="snr_db: 'lmmse' was not simulated at 7 dB"):
        comparison.paired("lmmse", BIASED, 7)
    with pytest.raises(InvalidInputError, match=r"contender: got 'lmms'.*did you mean 'lmmse'"):
        comparison.curve("lmms")
    with pytest.raises(InvalidInputError, match="metric: got 'per'"):
        comparison.required_snr("lmmse", metric="per")
