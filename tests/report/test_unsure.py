"""Points whose errors come from few channels are drawn, marked and explained as unsure."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.scenario import Scenario
from mimolearn.report import Answers, BeamAnswers, beam_notes, beam_table, notes, rate_table
from mimolearn.report.page.comparison import write_page
from mimolearn.report.plots.curves import error_rate_plot
from mimolearn.report.plots.figures import error_rate_figure
from mimolearn.studies import (
    BeamComparison,
    BeamContender,
    BeamCurve,
    BeamPoint,
    Comparison,
    Provenance,
    simulate,
)


@pytest.fixture(scope="module")
def deep_fades() -> Comparison:
    """Thousands of errors at 20 dB, but those of a few channels."""
    link = Scenario(
        num_tx_ant=1,
        num_rx_ant=1,
        constellation="bpsk",
        channel_reuse=10_000,
        snr_definition="per_stream",
    )
    return simulate(
        link, ["mrc"], [5, 20], target=1e-2, min_channels=1, max_vectors=1_000_000, floor=0
    )


def text(*parts: object) -> str:
    console = Console(file=io.StringIO(), width=200, no_color=True)
    for part in parts:
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO


def test_thousands_of_errors_of_few_channels_are_unsure(deep_fades):
    sure, unsure = deep_fades.curves[0].points
    assert sure.effective_clusters() >= 16
    assert not sure.is_unsure()
    assert unsure.counts.bit_errors > 1000
    assert unsure.effective_clusters() < 16
    assert unsure.is_unsure()
    assert not unsure.is_upper_limit()
    plain = deep_fades.to_dict()["curves"][0]["points"][1]["rates"]["ber"]
    assert plain["is_unsure"] is True


def test_table_figure_and_page_mark_it(deep_fades, tmp_path):
    answers = Answers(deep_fades)
    rates = text(rate_table(answers))
    assert rates.count("?") == 1
    assert "?: errors worth those of fewer than 16 equally bad channels" in text(*notes(answers))
    markers = [
        line.get_markerfacecolor()
        for line in error_rate_figure(answers).axes[0].lines
        if line.get_marker() not in ("None", None, "")
    ]
    assert markers.count("white") == 1
    symbols = error_rate_plot(answers).data[0].marker.symbol
    assert [symbol.endswith("-open") for symbol in symbols] == [False, True]
    page = write_page(answers, tmp_path / "page.html").read_text("utf-8")
    assert "equally bad channels: unsure" in page
    assert "Hollow markers: errors worth those of fewer than 16 equally bad channels" in page


def test_some_dozens_of_errors_are_drawn_full(tmp_path):
    """Their interval holds what it promises; only that of a handful may be too narrow."""
    link = Scenario(num_tx_ant=1, num_rx_ant=1, constellation="bpsk")
    result = simulate(link, ["mrc"], [18, 21], min_errors=30, max_vectors=4000, floor=0)
    many, few = result.curves[0].points
    assert 16 <= many.counts.bit_errors < 100
    assert 0 < few.counts.bit_errors < 16
    assert [point.is_unsure() for point in (many, few)] == [False, True]
    symbols = error_rate_plot(Answers(result)).data[0].marker.symbol
    assert [symbol.endswith("-open") for symbol in symbols] == [False, True]
    page = write_page(Answers(result), tmp_path / "page.html").read_text("utf-8")
    assert "Hollow markers" in page


def test_the_answer_says_what_it_rests_on(deep_fades, tmp_path):
    answers = Answers(deep_fades)
    assert "effective channels at 20 dB" in text(*notes(answers))
    page = write_page(answers, tmp_path / "page.html").read_text("utf-8")
    assert "effective channels at 20 dB" in page


def test_means_of_beams_that_few_channels_own_are_marked():
    even, owned = np.full(64, 1e-3), np.full(64, 1e-6)
    owned[:3] = 0.1
    points = BeamPoint(5.0, even), BeamPoint(15.0, owned)
    assert [point.is_unsure() for point in points] == [False, True]
    curve = BeamCurve(BeamContender("omp"), points, 0)
    result = BeamComparison(
        BeamScenario.shipped("mser-qpsk"), (curve,), 64, Provenance({}, "a machine", "2026-01-01")
    )
    answers = BeamAnswers(result)
    assert text(beam_table(answers)).count("?") == 1
    assert "fewer than 16 equally bad channels" in text(*beam_notes(answers))


def test_recorded_channels_are_the_population(deep_fades, tmp_path):
    h = np.ones((50, 1, 1), np.complex64)
    np.save(tmp_path / "h.npy", h)
    channel = {"model": "recorded", "path": str(tmp_path / "h.npy")}
    fields = {**deep_fades.scenario.model_dump(), "channel": channel}
    recorded = replace(deep_fades, scenario=Scenario(**fields))
    words = "no interval speaks of channels that were not recorded"
    assert words in text(*notes(Answers(recorded)))
    assert words not in text(*notes(Answers(deep_fades)))
