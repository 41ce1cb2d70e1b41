"""The page of the reproduction, and its table."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any, cast

from rich.console import Console
from tests.experiments.worlds import ONE_PANEL, effort, one_figure

from mimolearn.link.channels import Rayleigh
from mimolearn.link.scenario import Scenario
from mimolearn.papers import run_experiment
from mimolearn.report import outcome_counts, verdict_table, write_reproduction
from mimolearn.report.answers import Answers
from mimolearn.report.plots.panels import panel_plot, save_panels
from mimolearn.report.plots.rate_time import timed_rates
from mimolearn.studies import Comparison, compare

LINK = Scenario(num_tx_ant=2, num_rx_ant=4, constellation="qpsk", channel=Rayleigh())
RATES = {
    "name": "rates",
    "kind": "rates",
    "title": "Rates",
    "scenario": "link",
    "contenders": ["zf", "lmmse", "net:label=absent"],
    "snr_db": [0, 6],
    "vectors": effort(100, 100),
}
LAYERS = {
    "name": "layers",
    "kind": "accuracy",
    "title": "Layers",
    "scenario": "link",
    "snr_db": [5],
    "contenders": ["cg:num_iter=3,label=<b>cg</b>", "zf"],
    "metric": "evm",
    "channels": effort(64, 64),
}
ONE = {"panel": "table", "value": "one"}
WRONG = {"reason": "it is one", **ONE, "at_most": 1}
POINT = {"panel": "layers", "label": "zf", "x": 2, "value": 50, "tolerance": 50}
EXPERIMENT = one_figure(
    {
        "panel": [RATES, LAYERS, ONE_PANEL],
        "claim": [
            {"id": "a", "text": "claim A", "source": "page 1", **ONE, "at_most": 0},
            {"id": "b", "text": "claim B", "source": "page 2", "objection": WRONG},
            {
                "id": "c",
                "text": "claim C",
                "source": "page 3",
                "panel": "rates",
                "snr": "absent",
                "at_most": 0,
            },
            {
                "id": "d",
                "text": "claim D",
                "source": "target",
                "of": "library",
                **ONE,
                "at_most": 0,
            },
        ],
        "reference": [{**POINT, "source": "figure 1"}],
    },
    LINK,
    title="A <i>paper</i>",
    network={"net": {"base": "lcgnet-v-32x64-bpsk", "changes": {"seed": 99}}},
)


def test_the_page_is_self_contained_and_says_everything(tmp_path):
    result = run_experiment(EXPERIMENT, tmp_path, budget="quick")
    text = write_reproduction([result], tmp_path, "page").read_text("utf-8")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", text)
    assert text.count("plotly.js v") == 1
    for words in ("claim A", "claim B", "it is one", "open", "does not hold"):
        assert words in text
    assert "net has to be trained first" in text
    assert "<i>paper</i>" not in text
    assert (tmp_path / "paper-fig1-rates.png").stat().st_size > 5000
    assert (tmp_path / "paper-fig1-layers.svg").stat().st_size > 5000


def test_the_table_and_the_counts(tmp_path):
    result = run_experiment(EXPERIMENT, tmp_path, budget="quick")
    assert outcome_counts([result]) == {
        "reproduced": 1,
        "better than published": 0,
        "not reproduced": 1,
        "the paper is wrong": 1,
        "undecidable": 0,
        "open": 1,
    }
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(verdict_table([result]))
    text = console.export_text()
    assert text.count("paper/fig1") == 5
    assert "it is one" in text


def _rates_world(**changes):
    panel = {**RATES, "contenders": ["zf", "lmmse"], "timed": True, **changes}
    rows = [("lmmse", 6, 0.01), ("RE-NET", 6, 0.02), ("RE-NET", 0, 0.2), ("never", 6, 0)]
    points = [
        {"panel": "rates", "label": label, "x": x, "value": value, "source": "table 1"}
        for label, x, value in rows
    ]
    return one_figure({"panel": [panel], "claim": [], "reference": points}, LINK)


def _traces(result) -> dict[str, Any]:
    plot = panel_plot(result, "rates")
    assert plot is not None
    return {trace.name: trace for trace in cast("tuple[Any, ...]", plot.data)}


def test_a_panel_over_snr_shows_the_paper_s_points(tmp_path):
    result = run_experiment(_rates_world(), tmp_path, budget="quick")
    drawn = _traces(result)
    assert drawn["RE-NET (published)"].x == (0, 6)
    assert drawn["RE-NET (published)"].y == (0.2, 0.02)
    assert drawn["lmmse (published)"].line.color == drawn["lmmse"].line.color
    assert "never (published)" not in drawn


def test_a_panel_at_one_snr_is_drawn_over_time(tmp_path):
    result = run_experiment(_rates_world(snr_db=[6]), tmp_path, budget="quick")
    rates = cast("Comparison", result.findings.panels["rates"])
    drawn = _traces(result)
    assert set(drawn) == {"zf", "lmmse (published)", "lmmse", "RE-NET (published)"}
    for label in ("zf", "lmmse"):
        assert drawn[label].x == (rates.timings[label].vector_us,)
        assert drawn[label].y == (rates.curve(label).points[0].rate(),)
    # Published rates have no time: they stand to the right of all that were measured.
    slowest = max(drawn[label].x[0] for label in ("zf", "lmmse"))
    assert drawn["RE-NET (published)"].x[0] > slowest
    assert save_panels(result, tmp_path, ("png",))[0].stat().st_size > 5000


def test_who_is_on_the_frontier_of_rate_and_time():
    comparison = compare(LINK, ["zf", "lmmse", "sphere"], [0], max_vectors=400)
    times = {"zf": 2.0, "lmmse": 1.0, "sphere": 9.0}
    timings = {
        label: comparison.timings[label]._replace(vector_us=us) for label, us in times.items()
    }
    known = timed_rates(Answers(replace(comparison, timings=timings)), 0)
    assert [one.label for one in known] == ["lmmse", "zf", "sphere"]
    assert [one.on_frontier for one in known] == [True, False, True]
