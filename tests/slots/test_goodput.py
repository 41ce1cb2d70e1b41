"""Goodput over MCS: the envelope, points that were left out, and budgets of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mimolearn.foundation.errors import InvalidInputError, ResultsFileError
from mimolearn.link.frames import NrPusch, PlainGrid
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Scenario
from mimolearn.plans.contender import Contender
from mimolearn.plans.counts import Counts, ErrorPositions
from mimolearn.plans.plan import RunPlan
from mimolearn.results.comparison import Comparison, Curve, Provenance
from mimolearn.results.costs import Timing
from mimolearn.results.goodput import GoodputStudy, goodput_study
from mimolearn.results.point import Point
from mimolearn.studies import compare_mcs, load_mcs_results, simulate, simulate_mcs
from mimolearn.studies.progress import ProgressEvent

SLOTS = 64
NOWHERE = Provenance({}, "", "")


def link(mcs: int = 4, **fields: Any) -> GridScenario:
    frame = NrPusch(num_prb=1, num_ues=2, mcs=mcs)
    return GridScenario(num_tx_ant=2, num_rx_ant=2, frame=frame, **fields)


def point(snr_db: float, wrong: int, iterations: int = 4) -> Point:
    """A point with some wrong ones of 128 transport blocks."""
    blocks = 2 * SLOTS
    counts = Counts(
        chunks=4,
        channels=SLOTS,
        vectors=100 * SLOTS,
        symbols=200 * SLOTS,
        bits=400 * SLOTS,
        bit_errors=0,
        symbol_errors=0,
        vector_errors=0,
        nonfinite=0,
        incomplete=0,
        blocks=blocks,
        info_bits=10 * blocks,
        block_errors=wrong,
        info_bit_errors=wrong,
        decoder_runs=blocks,
        decoder_iterations=iterations * blocks,
    )
    ones = np.ones(wrong, dtype=np.int64)
    none = ErrorPositions(ones[:0], ones[:0], ones[:0])
    at = ErrorPositions(np.arange(wrong, dtype=np.int64), ones, ones)
    return Point(snr_db, counts, none, 100, finished=True, blocks=at, blocks_per_cluster=2)


def timing(estimate_us: float, soft_us: float, decode_us: float, snr_db: float = 4.0) -> Timing:
    parts = {"estimate_us": estimate_us, "soft_us": soft_us, "decode_us": decode_us}
    return Timing(1, 1, 1, snr_db, 0.0, 0.0, 0.0, 0.0, 3, **parts)


def comparison(
    mcs: int,
    curves: Mapping[str, Sequence[Point]],
    timings: Mapping[str, Timing] | None = None,
    skipped_db: tuple[float, ...] = (),
) -> Comparison:
    drawn = tuple(Curve(Contender(n), tuple(points), skipped_db) for n, points in curves.items())
    plan = RunPlan(metric="bler", target=0.1, contenders=list(curves), snr_db=[0, 4, 8])
    return Comparison(link(mcs), plan, drawn, NOWHERE, dict(timings or {}))


@pytest.fixture
def study() -> GoodputStudy:
    """MCS 10 fails at 0 dB; at 8 dB MCS 4 was left out, because it has no errors below."""
    low = {"lmmse": [point(0, 0), point(4, 0)], "ep": [point(0, 0), point(4, 0)]}
    high = {
        "lmmse": [point(0, 128), point(4, 64, 8), point(8, 0)],
        "ep": [point(0, 128), point(4, 0), point(8, 128)],
    }
    times = {"lmmse": timing(10, 20, 30), "ep": timing(10, 200, 30)}
    pair = [comparison(10, high, times), comparison(4, low, times, (8.0,))]
    return goodput_study(pair)


def test_the_envelope_takes_the_best_mcs_of_each_snr(study: GoodputStudy) -> None:
    low, high = (one.slot_code.info_bits for one in study.scenarios)
    assert [one.mcs.index for one in study.scenarios if one.mcs] == [4, 10]
    assert low < high
    envelope = {one.snr_db: one for one in study.envelope("lmmse")}
    assert [envelope[snr].mcs for snr in (0.0, 8.0)] == [4, 10]
    assert envelope[0.0].bits_per_slot == low
    assert envelope[4.0].bits_per_slot == max(low, high / 2)
    for snr, best in envelope.items():
        each = study.goodputs("lmmse", snr)
        assert best.bits_per_slot == max(one.bits_per_slot for one in each)
        assert best.interval.low <= best.bits_per_slot <= best.interval.high


def test_goodput_is_of_right_blocks_over_time_and_bandwidth(study: GoodputStudy) -> None:
    half = study.goodputs("lmmse", 4.0)[1]
    assert half.bler == 0.5
    assert half.bits_per_slot == study.scenarios[1].slot_code.info_bits / 2
    # One resource block of 30 kHz in a slot of half a millisecond.
    assert half.bits_per_s_hz == pytest.approx(half.bits_per_slot / (0.5e-3 * 360e3), rel=1e-3)


def test_an_mcs_that_was_left_out_counts_as_below(study: GoodputStudy) -> None:
    best = study.best("ep", 8.0)
    assert best is not None
    assert (best.mcs, best.snr_db, best.bler) == (4, 8.0, 0.0)
    assert study.best("ep", 5.0) is None


def test_decoding_takes_longer_where_there_are_more_iterations(study: GoodputStudy) -> None:
    # Times were taken at 4 dB, with 8 iterations a block in MCS 10 and 4 in MCS 4.
    assert study.goodputs("lmmse", 4.0)[1].parts_us == (10, 20, 30)
    assert study.goodputs("lmmse", 0.0)[1].parts_us == (10, 20, 15)
    assert study.goodputs("lmmse", 0.0)[1].slot_us == 45


def test_a_budget_is_served_by_the_most_goodput_within_it(study: GoodputStudy) -> None:
    slow = study.within(1000.0)
    assert slow.best is not None
    assert (slow.best.label, slow.best.mcs, slow.best.snr_db) == ("ep", 10, 4.0)
    fast = study.within(100.0)
    assert fast.best is not None
    assert fast.best.label == "lmmse"
    assert study.within(100.0, cores=3).best == slow.best
    assert study.within(100.0, snr_db=0.0).best == study.best("lmmse", 0.0)
    words = slow.words()
    assert words.startswith("Within 1000 us a slot on one core, ep serves most at 4 dB: ")
    assert words.endswith("in 240 us.")


def test_it_says_so_when_nobody_serves_within_a_budget(study: GoodputStudy) -> None:
    nobody = study.within(9.0, cores=2)
    assert nobody.best is None
    assert nobody.nearest.label == "lmmse"
    assert nobody.words() == (
        "No receiver keeps 9 us a slot on 2 cores: the nearest, lmmse with MCS 4, takes 30 us."
    )


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"budget_us": 0.0}, "budget_us: got 0.0"),
        ({"budget_us": 5.0, "cores": 0}, "cores: got 0"),
        ({"budget_us": 5.0, "snr_db": 3.0}, "snr_db: got 3.0"),
    ],
)
def test_budgets_that_mean_nothing_are_refused(
    study: GoodputStudy, budget: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        study.within(**budget)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_goodput_needs_blocks_over_a_grid_and_a_budget_needs_times(study: GoodputStudy) -> None:
    untimed = GoodputStudy((comparison(4, {"lmmse": [point(4, 0)]}),))
    with pytest.raises(InvalidInputError, match="times measured"):
        untimed.within(5.0, snr_db=4.0)
    bare = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", name="bare")
    part = study.comparisons[0]
    with pytest.raises(InvalidInputError, match=r"scenario: got 'bare'"):
        goodput_study([Comparison(bare, part.plan, part.curves, NOWHERE)])


def test_every_mcs_is_a_comparison_of_its_own_in_one_file(tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    rules: dict[str, Any] = {"metric": "bler", "min_errors": 5, "min_channels": 16}
    rules["max_vectors"] = 3000
    path = tmp_path / "r.sqlite"
    study = simulate_mcs(
        link(), ["lmmse"], [2, 8], mcs="8,2", store=path, progress=events.append, **rules
    )
    assert [event.part for event in (events[0], events[-1])] == ["MCS 2 (1 of 2)", "MCS 8 (2 of 2)"]
    assert events[-1].done_chunks == events[-1].total_chunks == len(events)
    assert [e.done_chunks for e in events] == sorted(e.done_chunks for e in events)
    alone = simulate(link(8), ["lmmse"], [2, 8], **rules)
    counts = [p.counts for p in study.comparisons[1].curves[0].points]
    assert counts == [p.counts for p in alone.curves[0].points]

    again = simulate_mcs(link(), ["lmmse"], [2, 8], mcs=[2, 8], store=path, **rules)
    read = load_mcs_results(path)
    for other in (again, read):
        for mine, theirs in zip(study.comparisons, other.comparisons, strict=True):
            assert mine.to_dict()["curves"] == theirs.to_dict()["curves"]
    assert set(study.to_dict()["goodput"]) == {"lmmse"}


def test_a_comparison_over_mcs_measures_times() -> None:
    study = compare_mcs(
        link(), ["lmmse"], [8], mcs=[2], metric="bler", min_errors=1, min_channels=16
    )
    (one,) = study.goodputs("lmmse", 8.0)
    assert all(part > 0 for part in one.parts_us)


@pytest.mark.parametrize(
    ("scenario", "mcs", "message"),
    [
        (link(), [29], "mcs: got [29], expected rows of an MCS table: a list of integers from 0"),
        (
            GridScenario(
                num_tx_ant=2, num_rx_ant=2, frame=NrPusch(num_prb=1, num_ues=2, mcs_table=2)
            ),
            [4, 28],
            "mcs: got 28, expected an integer from 0 to 27, the rows of table 2",
        ),
        (link(), "4;5", "mcs: got '4;5', expected rows of an MCS table"),
        (link(), [True], "mcs: got [True]"),
        (Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk"), [4], "a table [frame]"),
        (
            GridScenario(
                num_tx_ant=2,
                num_rx_ant=2,
                constellation="qpsk",
                frame=PlainGrid(num_symbols=4, num_subcarriers=16),
            ),
            None,
            "a frame with standard = 'nr-pusch'",
        ),
    ],
)
def test_mcs_that_do_not_exist_are_refused(scenario: Any, mcs: Any, message: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        simulate_mcs(scenario, ["lmmse"], [0], mcs=mcs)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_notes_count_slots() -> None:
    curves = {"lmmse": [point(0.0, 100), point(4.0, 4)], "ep": [point(0.0, 90), point(4.0, 4)]}
    one = comparison(4, curves)
    assert "errors of only 2 effective slots at 4 dB" in one.required_snr("lmmse").note
    note = one.paired("lmmse", "ep", 0.0).note
    assert note == "only 5 effective slots differ, the interval may be too narrow"


def test_a_file_without_slots_has_no_goodput(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    plain = Scenario(num_tx_ant=1, num_rx_ant=2, constellation="bpsk")
    simulate(plain, ["lmmse"], [0], min_errors=5, store=path)
    with pytest.raises(ResultsFileError, match="no link over a grid"):
        load_mcs_results(path)
