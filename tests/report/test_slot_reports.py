"""Reports of links over a resource grid: words, tables, figures and pages."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mimolearn.link.frames import Interference, NrPusch, PlainGrid
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Coding
from mimolearn.report import (
    Answers,
    GoodputAnswers,
    answer_table,
    block_table,
    detector_costs,
    gmi_table,
    goodput_notes,
    goodput_table,
    goodput_verdict,
    inventory,
    link_title,
    link_words,
    notes,
    rate_table,
    slot_table,
    time_table,
    verdict,
    within_budget,
    write_goodput_report,
    write_report,
)
from mimolearn.results.goodput import Budget, GoodputStudy
from mimolearn.studies import compare_mcs, forecast, simulate

LINK = GridScenario(num_tx_ant=2, num_rx_ant=2, frame=NrPusch(num_prb=1, num_ues=2, mcs=2))


def text_of(*tables: Any, width: int = 80) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    for table in tables:
        if table is not None:
            console.print(table)
    return console.export_text()


def test_the_words_of_a_link_name_users_frame_code_and_estimator() -> None:
    words = link_words(LINK)
    for part in (
        "2 users with 1 layer each, 2 receive antennas",
        "5G NR PUSCH, 1 PRB of 30 kHz, 14 symbols in 0.5 ms, 144 data elements",
        "MCS 2 of table 1 (QPSK, rate 0.19)",
        f"one transport block of {LINK.slot_code.block_bits} bits a user and slot",
        "up to 20 decoder iterations",
        "channel tdl-process, A, 100 ns, 3 m/s, 3.5 GHz",
        "estimator wiener, where a receiver names no other",
    ):
        assert part in words
    assert link_title(LINK) == "2 layers on 2 antennas, QPSK MCS 2 over tdl-process"
    assert "MCS 2, 8 of table 1, one transport block a user" in link_words(LINK, (2, 8))


def test_the_words_of_other_links_over_a_grid() -> None:
    frame = PlainGrid(num_symbols=4, num_subcarriers=32, num_ues=2, ue_power_db=(0.0, -3.0))
    fields: dict[str, Any] = {"num_tx_ant": 2, "num_rx_ant": 4, "frame": frame}
    plain = GridScenario(**fields, constellation="qpsk", interference=Interference(inr_db=5.0))
    words = link_words(plain)
    assert "powers 0, -3 dB; grid, 32 subcarriers of 30 kHz, 4 symbols" in words
    assert "QPSK without a code" in words
    assert "1 interferer, 5 dB above the noise" in words
    coding = Coding(code="5g-ldpc", num_info_bits=20, num_coded_bits=40)
    coded = GridScenario(**fields, constellation="qpsk", coding=coding)
    blocks = coded.slot_code.blocks_per_user
    assert "QPSK, 5g-ldpc, 20 of 40 bits (rate 0.50), sum-product" in link_words(coded)
    assert f"50 iterations, {blocks} blocks a user and slot" in link_words(coded)


def test_a_comparison_tells_the_parts_of_a_slot(study: GoodputStudy) -> None:
    comparison = study.comparisons[0]
    answers = Answers(comparison)
    assert (answers.unit, answers.time) == ("slot", "slot_us")
    for row in answers.rows:
        timing = comparison.timings[row.label]
        assert row.time_us == pytest.approx(sum(timing.slot_parts_us))
    tables = (rate_table(answers), slot_table(answers), gmi_table(answers), answer_table(answers))
    shown = text_of(*tables, width=150)
    for heading in ("claimed [dB]", "iterations", "bit/slot", "time/slot", "estimate", "decode"):
        assert heading in shown
    point = comparison.curve("lmmse").at(8.0)
    assert point is not None
    good = LINK.slot_code.info_bits * (1 - point.rate("bler"))
    assert f"{good:.0f}" in shown
    assert any(line.startswith("Link: ") for line in notes(answers))
    assert all("a vector" not in line for line in verdict(answers))


def test_tables_at_80_columns_cut_no_number(study: GoodputStudy) -> None:
    answers, goodput = Answers(study.comparisons[0]), GoodputAnswers(study)
    shown = text_of(slot_table(answers), answer_table(answers), goodput_table(goodput))
    shown += text_of(block_table(goodput), time_table(goodput))
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_goodput_is_told_with_its_mcs_and_its_time(study: GoodputStudy) -> None:
    answers = GoodputAnswers(study)
    assert answers.title == "2 layers on 2 antennas, MCS 2, 8 over tdl-process"
    assert set(answers.times) == set(study.labels)
    best = next(iter(answers.middle.values()))
    assert best.bits_per_slot == max(one.bits_per_slot for one in answers.middle.values())
    assert answers.frontier[0] == min(answers.middle.values(), key=lambda one: one.slot_us).label
    first = goodput_verdict(answers)[0]
    assert first.startswith(f"At 8 dB {best.label} carries most: {best.bits_per_slot:.0f} bit/slot")
    assert f"{best.bits_per_slot:.0f} ({best.mcs})" in text_of(goodput_table(answers))
    assert any("MCS 2, 8 of table 1" in line for line in goodput_notes(answers))


def test_a_budget_is_one_sentence_also_when_nobody_keeps_it(study: GoodputStudy) -> None:
    for budget, start in ((Budget(1e9), "Within 1e+09 us"), (Budget(1e-3, 2), "No receiver keeps")):
        assert goodput_verdict(GoodputAnswers(study, budget))[-1].startswith(start)
        (line,) = within_budget(study.comparisons[0], budget)
        assert line.startswith(start)
    assert within_budget(study.comparisons[0], None) == []


def test_without_times_only_the_counts_are_told(study: GoodputStudy) -> None:
    bare = GoodputStudy(tuple(replace(c, timings={}) for c in study.comparisons))
    answers = GoodputAnswers(bare)
    assert time_table(answers) is None
    assert answers.frontier == ()
    assert " a slot." not in goodput_verdict(answers)[0]


def test_pages_and_figures_are_written(study: GoodputStudy, tmp_path: Path) -> None:
    one, several = tmp_path / "one", tmp_path / "several"
    for folder in (one, several):
        folder.mkdir()
    page = write_report(Answers(study.comparisons[0]), one, ["Within 5 us: nobody."])
    html = page.read_text("utf-8")
    for part in ("Within 5 us: nobody.", "Where the time of a slot goes", "claimed [dB]"):
        assert part in html
    assert "<dt>Estimator</dt><dd>wiener, where a receiver names no other</dd>" in html
    assert {"error-rate.png", "slot-time.svg"} <= {path.name for path in one.iterdir()}
    html = write_goodput_report(GoodputAnswers(study, Budget(1e9)), several).read_text("utf-8")
    for part in ("Goodput over SNR", "for each MCS", "Within 1e+09 us a slot"):
        assert part in html
    names = {path.name for path in several.iterdir()}
    assert {"goodput.png", "error-rate.pdf", "slot-time.png", "report.html"} <= names


def test_costs_over_a_grid_are_those_of_an_element() -> None:
    costs = detector_costs(LINK, ("lmmse", "sphere"))
    plain, search = costs.costs
    assert not plain.measured
    assert search.measured
    assert search.per_vector > 0


def test_shipped_grids_are_listed() -> None:
    rows = {row[0]: row for row in inventory("scenarios")["scenarios"]}
    assert rows["uplink-4x4-16qam-low"][1] == (
        "nr-pusch, 4 layers on 4 antennas, 16-QAM MCS 14 over tdl-process"
    )


def test_a_forecast_over_a_grid_counts_elements() -> None:
    result = forecast(
        LINK, ["lmmse"], [-6, -3, 0], target_error=1e-2, metric="bler", min_errors=30, pilot_s=0.2
    )
    (curve,) = result.curves
    assert curve.label == "lmmse"
    assert result.max_vectors >= 30 * LINK.vectors_per_cluster


def test_an_uncoded_grid_has_no_blocks_to_tell() -> None:
    frame = PlainGrid(num_symbols=4, num_subcarriers=32, num_ues=2)
    bare = GridScenario(num_tx_ant=2, num_rx_ant=2, frame=frame, constellation="qpsk")
    answers = Answers(simulate(bare, ["lmmse"], [10], min_errors=20, min_channels=16))
    shown = text_of(slot_table(answers), gmi_table(answers), answer_table(answers))
    assert "bit/slot" not in shown
    assert "claimed [dB]" in shown


def test_a_receiver_that_is_told_the_channel_is_a_bound_and_no_answer() -> None:
    told = {"name": "ep", "estimator": "perfect", "label": "told"}
    rules: dict[str, Any] = {"metric": "bler", "target": 0.3, "min_errors": 5, "min_channels": 16}
    study = compare_mcs(LINK, [told, "lmmse"], [-4, 8], mcs=[2], max_vectors=4000, **rules)
    (comparison,) = study.comparisons
    assert comparison.bounds == {"told"}
    answers = Answers(comparison)
    assert answers.best == "lmmse"
    assert "told" not in answers.frontier("slot_us")
    assert all("told " not in line for line in verdict(answers))
    assert "Bounds, told what no receiver knows: told." in notes(answers)
    assert "told" not in goodput_verdict(GoodputAnswers(study, Budget(1e9)))[-1]
    alone = GoodputStudy((replace(comparison, curves=comparison.curves[:1]),))
    assert alone.receivers == ("told",)
