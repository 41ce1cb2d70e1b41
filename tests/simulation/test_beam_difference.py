"""Two comparisons of beamformers against each other, in Python and as `mimolearn diff`."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mimolearn import (
    InvalidInputError,
    ResultsFileError,
    Scenario,
    diff_beams,
    diff_results,
    simulate,
)
from mimolearn.cli.app import _run
from mimolearn.plans.plan import adjust_plan
from mimolearn.report.text.difference import difference_notes, difference_verdict
from mimolearn.results import beam_difference
from mimolearn.results.statistics import independent_difference
from mimolearn.studies import compare_beams

from .test_beams import LINK, PLAN

SIMPLE = Scenario(num_tx_ant=1, num_rx_ant=1, constellation="bpsk")
SNR_DB = PLAN.snr_db[0]


def run(link=LINK, **fields):
    timing, store = fields.pop("timing", False), fields.pop("store", None)
    return compare_beams(link, adjust_plan(PLAN, **fields), timing=timing, store=store)


@pytest.fixture(scope="module")
def first():
    return run()


def changed(comparison, change):
    """A comparison whose rates are changed, as another version would."""
    curves = tuple(
        replace(
            curve,
            points=tuple(replace(point, rates=change(point.rates)) for point in curve.points),
        )
        for curve in comparison.curves
    )
    return replace(comparison, curves=curves)


def test_the_same_run_is_identical_and_a_longer_one_the_same(first) -> None:
    again, longer = diff_beams(first, run()), diff_beams(first, run(channels=256))
    assert again.counts == {"identical": 4}
    assert difference_verdict(again) == "All 4 points identical: the same rates."
    assert longer.counts == {"same": 4}
    assert longer.curves[0].points[0].channels_b == 256
    assert diff_beams(first, changed(first, lambda rates: rates * (1 + 1e-9))).counts == {"same": 4}


def test_common_channels_tell_small_changes_apart(first) -> None:
    worse = changed(first, lambda rates: rates * 1.02)
    difference = diff_beams(first, worse)
    assert difference.paired
    assert difference.counts == {"a better": 4}
    point = difference.curves[0].points[0]
    assert point.difference == pytest.approx(point.rate_a - point.rate_b)
    assert point.low < point.difference < point.high < 0
    # Each alone is not known that well.
    low, high = first.curves[0].points[0].interval()
    assert low < 1.02 * point.rate_a < high
    generator = np.random.Generator(np.random.PCG64(3))
    noisy = changed(first, lambda rates: rates * (1 + 0.5 * generator.choice([-1, 1], rates.shape)))
    assert set(diff_beams(first, noisy).counts) == {"not told apart"}


def test_intervals_of_differences_hold_the_true_one_as_often_as_they_say() -> None:
    """Rates with heavy tails, and a second design that is 10 % worse on half of the channels."""
    generator = np.random.Generator(np.random.PCG64(11))
    base = run(channels=64).curves[0].points[0]
    mean, draws, held = np.exp(1.0**2 / 2) * 1e-3, 400, 0
    for _ in range(draws):
        rates = 1e-3 * np.exp(generator.standard_normal(200))
        other = rates * np.where(generator.random(200) < 0.5, 1.1, 1.0)
        points = [replace(base, rates=each) for each in (rates, other)]
        measured = beam_difference._common(*points)
        held += measured.low <= -0.05 * mean <= measured.high
    # 95 %, within four standard deviations of the count.
    assert held >= 0.95 * draws - 4 * np.sqrt(0.95 * 0.05 * draws)


def test_other_channels_are_compared_by_their_intervals(first) -> None:
    difference = diff_beams(first, run(LINK.model_copy(update={"replicate": 2})))
    assert not difference.paired
    assert "The links differ in replicate" in " ".join(difference_notes(difference))
    point = difference.curves[0].points[0]
    a, b = (c.curves[0].at(SNR_DB) for c in (difference.a, difference.b))
    expected = independent_difference(a.mean, b.mean, a.interval(), b.interval())
    assert (point.low, point.high) == expected
    assert point.p_value is None


def test_files_of_beamformers_on_the_command_line(tmp_path, capsys, first) -> None:
    a, b = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    run(store=a, timing=True)
    run(store=b)
    assert _run(["diff", str(a), str(b), "--exit-code"], debug=False) == 0
    printed = capsys.readouterr().out
    assert "beamformer" in printed
    assert "time/design of A" in printed
    assert "All 4 points identical: the same rates." in printed
    pair = ["--pair", "svd-phase=fd-mmse"]
    assert _run(["diff", str(a), str(b), *pair, "--exit-code", "--json"], debug=False) == 1
    content = json.loads(capsys.readouterr().out)[0]
    assert content["metric"] == "ser"
    assert {point["verdict"] for point in content["curves"][0]["points"]} == {"b better"}
    csv = tmp_path / "difference.csv"
    assert _run(["diff", str(a), str(b), "--csv", str(csv)], debug=False) == 0
    assert csv.read_text().count("\n") == 5
    assert _run(["diff", str(a), str(b), "--metric", "ber"], debug=False) == 2
    assert "metric: got 'ber', expected one of ser" in capsys.readouterr().err


def test_errors_are_one_line(first, tmp_path) -> None:
    with pytest.raises(InvalidInputError, match=r"^contender of the second: got 'nobody'"):
        diff_beams(first, first, {"fd-mmse": "nobody"})
    with pytest.raises(InvalidInputError, match=r"^snr_db: the two have no SNR in common$"):
        diff_beams(first, run(snr_db=[1.0]))
    beams, counts = tmp_path / "beams.sqlite", tmp_path / "counts.sqlite"
    run(store=beams, channels=64)
    simulate(SIMPLE, ["lmmse"], [0.0], min_errors=20, store=counts)
    with pytest.raises(ResultsFileError, match=r"one holds beamformers, the other receivers$"):
        diff_results(beams, counts)
