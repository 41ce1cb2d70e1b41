"""The page of a board in a real browser: plots are alive, tables sort, and it fits a phone.

Needs chromium, which a machine may not have.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from tests.browser import in_browser, seen_in

from mimolearn.board import build_site

# Hover over the last point of each plot, sort each table by each heading, and measure.
TRY = """
  seen.plots = [], seen.tables = [];
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const last = plot.data.findLastIndex((t) => t.visible !== false && t.hoverinfo !== "skip");
    Plotly.Fx.hover(plot, [{ curveNumber: last, pointNumber: 0 }]);
    await wait(100);
    const words = [...plot.querySelectorAll(".hoverlayer text")].map((text) => text.textContent);
    const box = plot.getBoundingClientRect();
    seen.plots.push({ hover: words.join(" "), left: box.left, right: box.right,
      traces: plot.querySelectorAll(".scatterlayer .trace").length });
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    const columns = [];
    for (const button of table.querySelectorAll("th button")) {
      const heading = button.closest("th");
      heading.removeAttribute("aria-sort");
      const order = () => [...table.tBodies[0].rows].map((row) => {
        const cell = row.cells[heading.cellIndex];
        return "value" in cell.dataset ? cell.dataset.value : cell.textContent.trim();
      });
      button.click();
      const up = order(), sort = heading.getAttribute("aria-sort");
      button.click();
      columns.push({ up, down: order(), sort, after: heading.getAttribute("aria-sort") });
    }
    seen.tables.push(columns);
  }
  seen.anchors = [...document.querySelectorAll("section.link")].map((part) => part.id);
  seen.asked = performance.getEntriesByType("resource").map((entry) => entry.name);
"""


@pytest.fixture(scope="module")
def page(board, submissions, tmp_path_factory) -> Path:
    return build_site(board, submissions, tmp_path_factory.mktemp("site"))


def ascending(values: list[str]) -> bool:
    """Whether numbers or words ascend; what has no value comes last."""
    known = [value for value in values if value]
    if values[: len(known)] != known:
        return False
    try:
        numbers = list(map(float, known))
    except ValueError:
        return [word.lower() for word in known] == sorted(word.lower() for word in known)
    return numbers == sorted(numbers)


@in_browser
@pytest.mark.parametrize(("phone", "width"), [(False, 1280), (True, 390)])
def test_the_page_is_alive_at_any_width(page, phone, width):
    seen = seen_in(page, TRY, page.parent, phone=phone)
    assert seen["problems"] == []
    assert [name for name in seen["asked"] if not name.startswith("file://")] == []
    assert width - 20 <= seen["width"] <= width
    assert seen["scroll"] <= seen["width"], "the page scrolls sideways"
    # A frontier and curves for each link and class of CSI.
    assert seen["anchors"] == ["ideal-small", "ideal-slots", "noisy-noisy", "estimated-slots"]
    assert len(seen["plots"]) == 2 * len(seen["anchors"])
    for plot in seen["plots"]:
        assert plot["traces"] > 0
        assert plot["left"] >= 0
        assert plot["right"] <= seen["width"]
        assert "dB" in plot["hover"]


@in_browser
def test_tables_sort_by_a_click(page):
    tables = seen_in(page, TRY, page.parent, phone=False)["tables"]
    assert len(tables) >= 8
    for columns in tables:
        for column in columns:
            assert (column["sort"], column["after"]) == ("ascending", "descending")
            assert ascending(column["up"]), column["up"]
            known = [value for value in column["down"] if value]
            assert sorted(known) == sorted(value for value in column["up"] if value)
            assert ascending(known[::-1])


def test_every_row_has_its_command_and_its_file(page, submissions):
    text = page.read_text("utf-8")
    for submission in submissions:
        for link in submission.links:
            assert f"<code>{html.escape(submission.command(link))}</code>" in text
        assert f'href="submissions/{submission.sha256[:16]}.json"' in text
        assert (page.parent / "submissions" / f"{submission.sha256[:16]}.json").is_file()
    # Links inside the page lead somewhere.
    for anchor in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{anchor}"' in text


def test_words_of_a_submission_are_no_markup(board, submissions, tmp_path):
    evil = submissions[0].model_copy(
        update={"about": "<script>alert(1)</script>", "source": "javascript:alert(1)"}
    )
    text = build_site(board, [evil], tmp_path).read_text("utf-8")
    assert "<script>alert(1)" not in text
    assert 'href="javascript' not in text
