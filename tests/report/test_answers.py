"""The answers: rows, frontier, verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mimolearn.link.scenario import Scenario
from mimolearn.report import (
    Answers,
    answer_table,
    notes,
    rate_table,
    verdict,
    write_report,
)
from mimolearn.report.numbers import format_count, format_us
from mimolearn.studies import Comparison, adjust_plan, simulate


def with_times(comparison: Comparison, times: dict[str, float]) -> Comparison:
    some = next(iter(comparison.timings.values()))
    return replace(
        comparison,
        timings={label: some._replace(vector_us=value) for label, value in times.items()},
    )


TIMES = {"mrc": 1.0, "zf": 2.0, "lmmse": 3.0, "<b>biased</b>": 4.0}


def test_rows_are_sorted_by_what_they_need_and_say_what_is_not_reached(comparison):
    table = Answers(comparison).rows
    assert table[-1].label == "mrc"
    assert table[-1].required.value_db is None
    assert table[-1].on_frontier is None
    needed = [row.required.value_db for row in table[:-1]]
    assert needed == sorted(needed)


def test_frontier_holds_the_cheapest_and_drops_a_dearer_one_that_is_no_better(comparison):
    timed = with_times(comparison, TIMES)
    assert Answers(timed).frontier("vector_us") == ("zf", "lmmse")
    # QPSK decisions do not see the bias, so the biased twin ties and the cheaper of both stays.
    timed = with_times(comparison, {**TIMES, "lmmse": 5.0})
    assert Answers(timed).frontier("vector_us") == ("zf", "<b>biased</b>")
    timed = with_times(comparison, {**TIMES, "lmmse": 1.5})
    assert Answers(timed).frontier("vector_us") == ("lmmse",)


def test_a_learned_receiver_is_told_what_is_as_good_and_faster(comparison):
    timed = with_times(comparison, TIMES)
    assert not any("training" in line for line in notes(Answers(timed)))
    learned = {
        label: cost._replace(parameters=7 if label == "<b>biased</b>" else 0)
        for label, cost in timed.costs.items()
    }
    lines = [line for line in notes(Answers(replace(timed, costs=learned))) if "training" in line]
    assert lines == [
        "<b>biased</b>: lmmse is as good and faster; training buys nothing at this target."
    ]
    slow = replace(with_times(comparison, {**TIMES, "lmmse": 5.0}), costs=learned)
    assert not any("training" in line for line in notes(Answers(slow)))


def test_frontier_leaves_out_what_was_not_timed(comparison):
    assert Answers(replace(comparison, timings={})).frontier("vector_us") == ()
    assert Answers(comparison).cost("zf", "multiplications") == comparison.costs[
        "zf"
    ].per_channel + (comparison.costs["zf"].per_vector or 0)


def test_verdict_names_the_cheapest_of_the_tied(comparison):
    lines = verdict(Answers(with_times(comparison, TIMES)))
    assert lines[0].startswith("Run lmmse: it needs ")
    assert "at 3 µs a vector" in lines[0]
    assert lines[1].startswith("<b>biased</b> cannot be told from it")
    assert lines[2].startswith("If that is too slow, zf needs ")
    assert "(1.5 times faster)" in lines[2]


def test_verdict_when_nothing_reaches_the_target(comparison):
    hopeless = replace(comparison, plan=adjust_plan(comparison.plan, target=1e-7))
    assert verdict(Answers(hopeless)) == [
        "No receiver crosses BER 1e-07 within the simulated SNRs."
    ]


def test_verdict_says_first_who_is_below_the_target_throughout(comparison):
    """They need the least SNR of all: no other one may be recommended without a word of them."""
    first = {curve.label: curve.points[0].rate() for curve in comparison.curves}
    target = (first["lmmse"] * first["zf"]) ** 0.5
    easy = replace(comparison, plan=adjust_plan(comparison.plan, target=target))
    answers = Answers(with_times(easy, TIMES))
    lines = verdict(answers)
    lowest = f"at the lowest SNR already, {comparison.plan.snr_db[0]:g} dB"
    assert lines[0].startswith("lmmse and <b>biased</b> are below BER ")
    assert lowest in lines[0]
    assert lines[1].startswith("Of the others, run zf: it needs ")
    assert {row.label for row in answers.rows[:2]} == {"lmmse", "<b>biased</b>"}
    trivial = replace(comparison, plan=adjust_plan(comparison.plan, target=0.9))
    (line,) = verdict(Answers(trivial))
    assert "simulate lower SNRs" in line


def test_who_crosses_without_an_error_above_is_not_said_to_be_below():
    link = Scenario(num_tx_ant=1, num_rx_ant=1, constellation="bpsk")
    result = simulate(link, ["mrc"], [0, 40], target=1e-3, min_errors=20, max_vectors=1000)
    answers = Answers(result)
    needed = answers.required["mrc"]
    assert (needed.value_db, needed.low_db, needed.high_db) == (None, 0, 40)
    assert needed.is_bracketed
    assert not needed.is_below
    assert verdict(answers) == [
        "mrc crosses BER 0.001 between 0 and 40 dB, and is not ranked: it made no errors at 40 dB."
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.1234, "0.123 µs"), (12.34, "12.3 µs"), (1234.0, "1.23 ms")],
)
def test_times_read_well(value, text):
    assert format_us(value) == text


def test_counts_read_well():
    assert [format_count(v) for v in (None, 12, 12_345, 1.5e6, 2e9)] == [
        "–",
        "12",
        "12.3k",
        "1.5M",
        "2G",
    ]


def test_each_answer_is_derived_once(comparison, tmp_path, monkeypatch):
    """A required SNR and a gap take interpolations and variances over all channels."""
    asked: list[tuple[str, ...]] = []
    for name in ("required_snr", "gap"):
        derive = getattr(Comparison, name)

        def spy(self, *labels, name=name, derive=derive):
            asked.append((name, *labels))
            return derive(self, *labels)

        monkeypatch.setattr(Comparison, name, spy)
    answers = Answers(with_times(comparison, TIMES))
    write_report(answers, tmp_path)
    for draw in (answer_table, rate_table, notes, verdict):
        draw(answers)
    assert len(asked) == len(set(asked))
    assert {labels[0] for name, *labels in asked if name == "required_snr"} == set(TIMES)
