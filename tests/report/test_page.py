"""Figures, page and terminal tables."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from rich.console import Console

from mimolearn.report import Answers, answer_table, notes, rate_table, write_report
from mimolearn.report.style import styles


def page_of(comparison, folder) -> str:
    return write_report(Answers(comparison), folder).read_text("utf-8")


def test_report_is_self_contained_and_complete(comparison, tmp_path):
    text = page_of(comparison, tmp_path)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", text)
    for label in ("mrc", "zf", "lmmse"):
        assert label in text
    assert comparison.scenario.key() in text
    assert "not reached" in text
    for name in ("error-rate", "frontier"):
        for suffix in ("png", "svg", "pdf"):
            assert (tmp_path / f"{name}.{suffix}").stat().st_size > 5000


def test_labels_are_escaped(comparison, tmp_path):
    text = page_of(comparison, tmp_path)
    assert "<td><b>biased</b>" not in text
    assert "&lt;b&gt;biased&lt;/b&gt;" in text


def test_report_without_timings_has_no_frontier_of_times(comparison, tmp_path):
    text = page_of(replace(comparison, timings={}), tmp_path)
    assert not (tmp_path / "frontier.png").exists()
    assert "Times are medians" not in text


def test_flags_are_shown(comparison, tmp_path):
    curve = comparison.curves[1]
    first = curve.points[0]
    flagged = replace(first, counts=replace(first.counts, nonfinite=7, incomplete=9))
    curves = (replace(curve, points=(flagged, *curve.points[1:])), *comparison.curves[2:])
    marked = replace(comparison, curves=curves)
    text = page_of(marked, tmp_path)
    assert "7 of" in text
    assert "no finite output" in text
    assert any(line.startswith("zf: 9 of") for line in notes(Answers(marked)))


def test_tables_print_every_receiver(comparison):
    answers = Answers(comparison)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(rate_table(answers))
    console.print(answer_table(answers))
    text = console.export_text()
    assert text.count("lmmse") >= 2
    assert "not reached" in text


def test_a_receiver_keeps_its_look_and_variants_differ():
    look = styles([("lmmse", "lmmse"), ("biased", "lmmse"), ("mine", "Mine"), ("other", "Other")])
    assert look["lmmse"] == styles([("lmmse", "lmmse")])["lmmse"]
    assert len(set(look.values())) == 4
