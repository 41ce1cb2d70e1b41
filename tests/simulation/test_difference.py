"""Two comparisons against each other, in Python and as `mimolearn diff`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mimolearn import InvalidInputError, ResultsFileError, Scenario, diff, diff_results, simulate
from mimolearn.cli.app import _run
from mimolearn.report.text.difference import difference_notes, difference_verdict
from mimolearn.results.statistics import Interval, independent_difference
from mimolearn.studies.kinds.counts import ErrorCounts

LINK = Scenario(num_tx_ant=2, num_rx_ant=3, constellation="qpsk", name="two by three")
SNRS = [4.0, 8.0]


def run(link: Scenario = LINK, contenders=("lmmse", "zf"), store: Path | None = None, **fields):
    return simulate(link, contenders, SNRS, **{"min_errors": 100, "store": store, **fields})


@pytest.fixture(scope="module")
def first():
    return run()


def test_the_same_run_twice_is_identical(first) -> None:
    difference = diff(first, run())
    assert difference.counts == {"identical": 4}
    assert difference.paired
    assert not difference.differs
    assert difference_verdict(difference) == "All 4 points identical: the same integers."
    assert {point.difference for curve in difference.curves for point in curve.points} == {0.0}


def test_a_longer_run_is_the_same_as_far_as_both_went(first) -> None:
    longer = run(min_errors=3000)
    difference = diff(first, longer)
    assert set(difference.counts) == {"same"}
    point = difference.curves[0].points[0]
    assert point.channels_b > point.channels_a
    assert (point.difference, point.p_value) == (0.0, 1.0)


def test_pairs_on_common_draws_are_told_apart_as_within_one_run(first) -> None:
    difference = diff(run(contenders=["lmmse"]), run(contenders=["zf"]), {"lmmse": "zf"})
    measured, expected = difference.curves[0].points[1], first.paired("lmmse", "zf", SNRS[1])
    assert measured[3:6] == expected[:3]
    assert measured.p_value == expected.p_value
    assert measured.verdict == "a better"
    assert difference.curves[0].gap == first.gap("lmmse", "zf", difference.target)
    assert difference.differs


def test_repetitions_are_compared_by_their_intervals(first) -> None:
    difference = diff(first, run(LINK.with_(replicate=2)))
    assert not difference.paired
    assert difference.link_changes() == ("replicate",)
    assert "The links differ in replicate" in " ".join(difference_notes(difference))
    point, (a, b) = (
        difference.curves[0].points[0],
        (c.curve("lmmse").at(SNRS[0]) for c in (difference.a, difference.b)),
    )
    expected = independent_difference(a.rate(), b.rate(), a.interval(), b.interval())
    assert (point.low, point.high) == expected
    assert point.p_value is None


def test_few_repetitions_are_told_apart() -> None:
    runs = [run(LINK.with_(replicate=number), ["lmmse"], min_errors=300) for number in range(1, 25)]
    pairs = [diff(a, b) for a, b in zip(runs[::2], runs[1::2], strict=True)]
    told = sum(item.counts.get("a better", 0) + item.counts.get("b better", 0) for item in pairs)
    # Of 24 points 1.2 are expected; more than 5 come up in 1 of 500 runs.
    assert told <= 5


def test_intervals_of_a_difference_have_closed_forms() -> None:
    known = Interval(0.2, 0.2)
    assert independent_difference(0.3, 0.2, Interval(0.25, 0.36), known) == pytest.approx(
        (0.05, 0.16)
    )
    low, high = independent_difference(0.0, 1.0, Interval(0, 0.5), Interval(0.5, 1))
    assert (low, high) == (-1.0, pytest.approx(-1 + 0.5 * 2**0.5))


def test_equal_sums_in_other_vectors_are_not_identical(first) -> None:
    curve = first.curve("lmmse")
    point = curve.points[0]
    channels = np.unique(point.positions.vector)
    free = np.setdiff1d(np.arange(point.counts.channels), channels)
    moved = np.sort(np.concatenate([point.positions.vector[:-1], free[-1:]]))
    other = replace(point, positions=replace(point.positions, vector=moved))
    changed = replace(first, curves=(replace(curve, points=(other,)),))
    assert diff(first, changed).counts == {"not told apart": 1}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"lmse": "zf"}, "contender of the first: got 'lmse', expected one of lmmse, zf"),
        ({"lmmse": "ml"}, "contender of the second: got 'ml', expected one of lmmse, zf"),
    ],
)
def test_unknown_pairs_are_one_line(first, pairs, message) -> None:
    with pytest.raises(InvalidInputError) as caught:
        diff(first, first, pairs)
    assert str(caught.value).startswith(message)


def test_nothing_in_common_is_one_line(first) -> None:
    with pytest.raises(InvalidInputError, match="no label in common"):
        diff(first, run(contenders=["mrc"]))
    with pytest.raises(InvalidInputError, match="no SNR in common"):
        diff(first, simulate(LINK, ["lmmse"], [1.0], min_errors=50))


def test_files_are_matched_by_their_links(tmp_path: Path, capsys) -> None:
    paths = [tmp_path / name for name in ("a.sqlite", "b.sqlite")]
    again = LINK.with_(replicate=2)
    for path in paths:
        run(store=path)
    run(again, store=paths[0])
    assert [item.counts for item in diff_results(*paths)] == [{"identical": 4}]
    (other,) = diff_results(*paths, scenario="two by three")
    assert other.paired
    assert _run(["diff", *map(str, paths), "--exit-code"], debug=False) == 0
    said = capsys.readouterr().out
    assert "identical" in said
    assert "The same link and the same draws" in said
    words = ["diff", *map(str, paths), "--pair", "zf=lmmse", "--exit-code", "--json"]
    csv = tmp_path / "out.csv"
    assert _run([*words, "--csv", str(csv)], debug=False) == 1
    (content,) = json.loads(capsys.readouterr().out)
    assert content["counts"] == {"b better": 2}
    assert csv.read_text().startswith("contender_a,contender_b,metric,paired,snr_db")
    with pytest.raises(ResultsFileError, match="scenario 'none' is none of two by three"):
        diff_results(*paths, scenario="none")


def test_chunks_of_another_size_are_refused(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.sqlite"
    run(store=path)
    monkeypatch.setattr(ErrorCounts, "chunk_channels", property(lambda self: 1))
    with pytest.raises(ResultsFileError, match="its chunks of this scenario have"):
        diff_results(path, path)


@pytest.mark.parametrize("pair", ["lmmse", "a=b=c", "=zf"])
def test_a_pair_that_is_none_is_one_line(pair: str, tmp_path: Path, capsys) -> None:
    run(store=tmp_path / "results.sqlite")
    assert _run(["diff", str(tmp_path), str(tmp_path), "--pair", pair], debug=False) == 2
    assert capsys.readouterr().err.startswith(f"error: pair: got {pair!r}, expected one of A")
