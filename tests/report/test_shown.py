"""Results as tables for other tools, and what objects say of themselves."""

from __future__ import annotations

import csv
import io
import sys
from types import SimpleNamespace

import matplotlib.figure
import pytest
import torch

from mimolearn import MimolearnError, Scenario, make_detector, simulate
from mimolearn.link.grid_scenario import GridScenario

UNIQUE = ("contender_key", "snr_db")


def test_rows_hold_what_was_counted(comparison):
    rows = comparison.to_rows()
    assert len(rows) == sum(len(curve.points) for curve in comparison.curves)
    assert len({tuple(row[name] for name in UNIQUE) for row in rows}) == len(rows)
    assert len({tuple(row) for row in rows}) == 1
    row = next(r for r in rows if r["contender"] == "zf" and r["snr_db"] == 1)
    point = comparison.curve("zf").at(1)
    assert row["ber_errors"] == point.counts.bit_errors
    assert row["ber"] == row["ber_errors"] / row["ber_trials"]
    assert (row["ber_low"], row["ber_high"]) == point.interval("ber")
    assert row["vector_us"] == comparison.timings["zf"].vector_us
    # Nothing is decoded: unknown, not zero.
    assert row["bler"] is row["gmi"] is row["slot_us"] is None


def test_csv_reads_back_as_the_rows(comparison, tmp_path):
    text = comparison.to_csv(tmp_path / "rates.csv")
    assert (tmp_path / "rates.csv").read_text("utf-8") == text
    back = list(csv.DictReader(io.StringIO(text)))
    for read, row in zip(back, comparison.to_rows(), strict=True):
        assert read == {name: "" if v is None else str(v) for name, v in row.items()}


def test_pandas_is_asked_for_in_one_line(comparison, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MimolearnError, match=r"^to_frame: needs pandas, which is not installed"):
        comparison.to_frame()
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows: rows))
    assert comparison.to_frame() == comparison.to_rows()


def test_curves_are_drawn_on_axes_of_the_user(comparison):
    axes = matplotlib.figure.Figure().add_subplot()
    assert comparison.plot(ax=axes, metric="ver", target=0.05) is axes
    assert axes.get_ylabel() == "Vector error rate"
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "mrc",
        "zf",
        "lmmse",
        "<b>biased</b>",
    ]
    assert comparison.plot().figure is not axes.figure


def test_a_report_is_written_from_an_object(comparison, tmp_path):
    page = comparison.report(tmp_path / "new")
    assert page.name == "report.html"
    assert (page.parent / "rates.csv").read_text("utf-8") == comparison.to_csv()


def test_a_comparison_speaks_in_a_few_lines(comparison):
    lines = repr(comparison).splitlines()
    assert lines[0].startswith("Comparison: 2 x 4 qpsk over rayleigh, 4 SNRs from -3 to 9 dB, fini")
    assert lines[1].startswith("  mrc: ber 0.01 is not reached")
    assert len(lines) == 5
    html = comparison._repr_html_()
    assert "&lt;b&gt;biased&lt;/b&gt;" in html
    assert "<b>biased" not in html
    assert "Run " in html


def test_scenarios_say_what_is_not_usual():
    plain = Scenario(num_tx_ant=2, num_rx_ant=4, constellation="qpsk")
    assert repr(plain) == "Scenario(num_tx_ant=2, num_rx_ant=4, constellation='qpsk')"
    assert "channel_reuse=7" in repr(Scenario(**plain.model_dump() | {"channel_reuse": 7}))
    assert len(repr(GridScenario.shipped("uplink-4x4-16qam-low"))) < 400


def test_detections_and_detectors_speak():
    detector = make_detector("k-best", "16-qam", k=8)
    assert repr(detector).startswith("KBest('16-qam', k=8")
    h = torch.eye(2, dtype=torch.complex64).expand(3, 2, 2).clone()
    y = torch.ones(3, 5, 2, dtype=torch.complex64)
    said = repr(make_detector("lmmse", "qpsk")(y, h, 0.1))
    assert said == "GaussianDetection(qpsk: 3 channels, 5 vectors a channel, 2 streams)"


def test_progress_is_shown_where_it_is_asked_for(capsys, monkeypatch):
    scenario = Scenario(num_tx_ant=1, num_rx_ant=2, constellation="bpsk")
    run = {"contenders": ["lmmse"], "snr_db": [0], "min_errors": 50}
    simulate(scenario, **run, progress=False)
    assert capsys.readouterr().err == ""
    # As in a notebook: one line, written again.
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    simulate(scenario, **run, progress=True)
    said = capsys.readouterr().err
    assert said.startswith("\r")
    assert "errors at 0 dB: lmmse" in said
