"""The report and the reproduction page in a real browser: drawn, alive, and fit for any width.

A script is put into a copy of the page; it tries things and leaves what it saw in the document,
which the browser prints. Needs chromium, which a machine may not have.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.browser import chromium, in_browser, seen_in
from tests.experiments.worlds import effort, one_figure

from mimolearn.link.scenario import Scenario
from mimolearn.papers import run_experiment
from mimolearn.report import (
    Answers,
    GoodputAnswers,
    write_goodput_report,
    write_report,
    write_reproduction,
)

pytestmark = in_browser


# Hover over the first point of the last curve, click on its name, and measure. Then press what the
# page has besides: an entry of the one legend, and the button of the command.
TRY = """
  const plots = [...document.querySelectorAll(".js-plotly-plot")];
  seen.plots = [];
  for (const plot of plots) {
    // Those of another kind of cost are there too, but not shown.
    const last = plot.data.findLastIndex((t) => t.visible !== false && t.hoverinfo !== "skip");
    Plotly.Fx.hover(plot, [{ curveNumber: last, pointNumber: 0 }]);
    await wait(200);
    const words = [...plot.querySelectorAll(".hoverlayer text")].map((text) => text.textContent);
    const names = [...plot.querySelectorAll(".legendtoggle")];
    const before = String(plot.data[last].visible);
    if (names.length) {
      for (const kind of ["mousedown", "mouseup"])
        names[names.length - 1].dispatchEvent(new MouseEvent(kind, { bubbles: true }));
      await wait(800);
    }
    const box = plot.getBoundingClientRect();
    const texts = [...plot.querySelectorAll(".scatterlayer .text text")].map((text) => {
      const { left, top, right, bottom } = text.getBoundingClientRect();
      return [text.textContent, left, top, right, bottom];
    });
    seen.plots.push({
      hover: words.join(" "), before, after: String(plot.data[last].visible),
      legend: names.length,
      traces: plot.querySelectorAll(".scatterlayer .trace").length,
      bars: plot.querySelectorAll(".barlayer .trace").length,
      left: box.left, right: box.right, drawn: plot._fullLayout.width,
      texts,
    });
  }
  const entries = [...document.querySelectorAll(".legend button")];
  seen.entries = entries.length;
  seen.linked = [];
  for (let press = 0; press < 2 && entries.length; press += 1) {
    entries.at(-1).click();
    await wait(800);
    const label = entries.at(-1).dataset.label;
    const traces = plots.flatMap((plot) => plot.data.filter((t) => t.legendgroup === label));
    const shown = traces.filter((t) => t.visible !== false);
    seen.linked.push(shown.map((t) => String(t.visible ?? true)));
  }
  const copy = document.querySelector("[data-copy]");
  copy?.click();
  seen.command = copy?.nextElementSibling.getBoundingClientRect().height ? copy.dataset.copy : "";
  seen.cut = [...document.querySelectorAll(".card .value, .cards td, dd")]
    .filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.textContent);
  seen.columns = new Set([...document.querySelectorAll(".plot")]
    .map((box) => Math.round(box.getBoundingClientRect().left))).size;
  seen.first = document.querySelector(".verdict")?.getBoundingClientRect().top + scrollY;
"""


def check(seen: dict[str, Any], width: int) -> None:
    assert seen["problems"] == []
    assert width - 20 <= seen["width"] <= width
    assert seen["scroll"] <= seen["width"], "the page scrolls sideways"
    for plot in seen["plots"]:
        assert plot["traces"] + plot["bars"] > 0
        assert plot["left"] >= 0
        assert plot["right"] <= seen["width"]
        assert plot["drawn"] <= plot["right"] - plot["left"] + 1, "a plot is wider than its place"
        if plot["legend"]:
            assert plot["before"] != "legendonly"
            assert plot["after"] == "legendonly", "a click in the legend hides the curve"


def check_page(seen: dict[str, Any], file: str, *, phone: bool) -> None:
    """The answer is on the first screen; one legend serves all plots; the command is shown."""
    assert seen["first"] < (844 if phone else 400)
    assert all(plot["legend"] in (0, 3) for plot in seen["plots"]), "three parts of a slot's time"
    hidden, again = seen["linked"]
    assert set(hidden) == {"legendonly"}
    assert set(again) == {"true"}
    assert seen["command"] == f"mimolearn compare {file}"
    assert seen["cut"] == [], "numbers are cut"
    assert seen["columns"] == (1 if phone else 2)


def check_names_apart(texts: list[list[Any]]) -> None:
    """No two names on a plot cover each other."""
    for i, (name, left, top, right, bottom) in enumerate(texts):
        for other, left2, top2, right2, bottom2 in texts[:i]:
            apart = left >= right2 - 1 or left2 >= right - 1 or top >= bottom2 - 2
            assert apart or top2 >= bottom - 2, f"{name} covers {other}"


@pytest.mark.parametrize(("phone", "width"), [(False, 1280), (True, 390)])
def test_report_is_alive_at_any_width(comparison, tmp_path, phone, width):
    page = write_report(Answers(comparison), tmp_path)
    seen = seen_in(page, TRY, tmp_path, phone=phone)
    check(seen, width)
    check_page(seen, "small.toml", phone=phone)
    curves, frontier, behind = seen["plots"]
    assert seen["entries"] == len(comparison.curves)
    for words in ("95 % interval", "errors in", "vectors"):
        assert words in curves["hover"]
    assert "dB" in frontier["hover"]
    assert "behind the best" in behind["hover"]
    assert frontier["texts"]
    check_names_apart(frontier["texts"])


def test_report_of_a_coded_link_is_alive(coded, tmp_path):
    seen = seen_in(write_report(Answers(coded), tmp_path), TRY, tmp_path, phone=True)
    check(seen, 390)
    check_page(seen, "scenario.toml", phone=True)


def test_reports_of_an_uplink_are_alive(study, tmp_path):
    page = write_report(Answers(study.comparisons[0]), tmp_path)
    seen = seen_in(page, TRY, tmp_path, phone=False)
    check(seen, 1280)
    check_page(seen, "scenario.toml", phone=False)
    seen = seen_in(write_goodput_report(GoodputAnswers(study), tmp_path), TRY, tmp_path, phone=True)
    check(seen, 390)
    check_page(seen, "scenario.toml", phone=True)


def test_report_prints(comparison, tmp_path):
    page, pdf = write_report(Answers(comparison), tmp_path), tmp_path / "report.pdf"
    chromium("--no-pdf-header-footer", f"--print-to-pdf={pdf}", f"file://{page}")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
    assert 2 <= pages <= 5
    # Drawn as lines and letters; the fonts of a page without its plots are smaller by far.
    assert pdf.stat().st_size > 40_000


def test_reproduction_page_is_alive_on_a_phone(tmp_path):
    link = Scenario(num_tx_ant=2, num_rx_ant=4, constellation="qpsk")
    rates = {
        "name": "rates",
        "kind": "rates",
        "title": "Rates",
        "scenario": "link",
        "contenders": ["zf", "lmmse"],
        "snr_db": [0, 6],
        "vectors": effort(64, 64),
    }
    layers = {
        "name": "layers",
        "kind": "accuracy",
        "title": "Layers",
        "scenario": "link",
        "snr_db": [5],
        "contenders": ["cg:num_iter=3", "zf"],
        "channels": effort(64, 64),
    }
    claim = {"id": "claim", "text": "claim", "source": "page 1", "snr": "zf", "at_most": 0}
    point = {"panel": "layers", "label": "zf", "x": 2, "value": -5, "tolerance": 0.5}
    experiment = one_figure(
        {
            "panel": [rates, layers],
            "claim": [{**claim, "panel": "rates"}],
            "reference": [{**point, "source": "fig. 1"}],
        },
        link,
    )
    page = write_reproduction(
        [run_experiment(experiment, tmp_path, budget="quick")], tmp_path, "page"
    )
    seen = seen_in(page, TRY, tmp_path, phone=True)
    check(seen, 390)
    assert len(seen["plots"]) == 2
