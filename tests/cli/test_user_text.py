"""Text of a user is shown as it is, in every medium: terminal, figures, pages."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from mimolearn import InvalidInputError
from mimolearn.foundation.errors import one_line, printable
from mimolearn.link.scenario import Scenario
from mimolearn.report import Answers, answer_table, rate_table, write_report
from mimolearn.report.plots.curves import error_rate_plot
from mimolearn.report.plots.drawing import add_legend, new_figure
from mimolearn.report.plots.figures import error_rate_figure, frontier_figure
from mimolearn.report.plots.frontier import frontier_plot
from mimolearn.report.plots.interactive import plotly_text
from mimolearn.report.text.fitted import Column, FittedTable
from mimolearn.report.text.terminal import TerminalConsole, encodable, to_ascii
from mimolearn.studies import Contender, compare

HOSTILE = [
    "x[/]",
    "[bold]a[/bold]",
    "$\\foo$",
    "_hidden",
    "<b>b</b>",
    "=cmd|'/c calc'!A0",
    ":smile:",
    "%{x} &amp; &lt;",
    "{{ 7 * 7 }}",
    "</script><script>alert(1)</script>",
]
words = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn", "Co")), min_size=1, max_size=60
)
labels = st.one_of(st.sampled_from(HOSTILE), words)


@pytest.fixture(scope="module")
def comparison():
    scenario = Scenario(num_tx_ant=2, num_rx_ant=4, constellation="qpsk")
    contenders = [{"name": "cg", "num_iter": i + 1, "label": x} for i, x in enumerate(HOSTILE)]
    return compare(
        scenario, contenders, [-4, 0, 4, 8], target=2e-2, min_errors=20, max_vectors=2000
    )


def _shown(renderable, width=200):
    stream = io.StringIO()
    Console(file=stream, width=width, legacy_windows=False).print(renderable)
    return stream.getvalue()


def test_tables_hold_labels_as_they_are(comparison):
    for table in (rate_table(Answers(comparison)), answer_table(Answers(comparison))):
        text = _shown(table)
        for label in HOSTILE:
            assert label in text


def test_figures_hold_labels_as_they_are(comparison, tmp_path):
    write_report(Answers(comparison), tmp_path)
    for name in ("error-rate", "frontier"):
        drawn = html.unescape((tmp_path / f"{name}.svg").read_text("utf-8"))
        for curve in comparison.curves:
            if name == "frontier" and comparison.required_snr(curve.label).value_db is None:
                continue
            assert curve.label in drawn
    page = (tmp_path / "report.html").read_text("utf-8")
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    for label in HOSTILE:
        assert html.escape(label).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in body
    assert "<script>alert(1)" not in page


def test_plotly_gets_entities_for_what_it_would_read(comparison):
    answers = Answers(comparison)
    plots = [error_rate_plot(answers), frontier_plot(answers)]
    for plot in plots:
        names = [trace.name for trace in plot.data if trace.name is not None]
        assert set(map(html.unescape, names)) <= set(HOSTILE)
        assert names
        for name in names:
            assert not re.search(r"[<>$%]|&(?!#\d+;)", name)
        for trace in plot.data:
            for text in trace.text or ():
                assert html.unescape(re.sub(r"</?b>", "", text)) in HOSTILE


@given(st.lists(labels, min_size=1, max_size=6, unique=True))
@settings(max_examples=25, deadline=None)
def test_a_legend_holds_any_label(names):
    _, axes = new_figure(4, 3)
    drawn = {name: axes.plot([0, 1], [0, 1])[0] for name in names}
    add_legend(axes, drawn)
    texts = axes.get_legend().get_texts()
    assert [text.get_text() for text in texts] == names
    assert not any(text.get_parse_math() for text in texts)


@given(labels)
def test_plotly_text_is_read_back(label):
    escaped = plotly_text(label)
    assert html.unescape(escaped) == html.unescape(label) or html.unescape(escaped) == label
    assert not set(escaped) & set("<>$%")


rates = st.lists(st.tuples(labels, st.floats(1e-9, 1)), min_size=1, max_size=5)


@given(rates, st.integers(30, 140))
@settings(max_examples=60, deadline=None)
def test_a_table_cuts_nothing_at_any_width(rows, width):
    table = FittedTable(Column("a name", "name"), *(Column(f"{snr:g} dB") for snr in range(9)))
    for label, rate in rows:
        table.add_row(label, *(f"{rate * (i + 1):.2e}" for i in range(9)))
    text = _shown(table, width)
    assert "…" not in text
    for _, rate in rows:
        for i in range(9):
            assert f"{rate * (i + 1):.2e}" in text
    assert max(map(len, text.splitlines())) <= 140
    assert "\x1b" not in text
    squeezed = re.sub(r"\s", "", text)
    for label, _ in rows:
        if width >= 3 * len(label) + 10:
            assert re.sub(r"\s", "", label) in squeezed


def test_columns_of_a_rank_go_first_and_are_named():
    table = FittedTable(
        Column("name", "name"), Column("kept"), Column("first", rank=2), Column("then", rank=1)
    )
    table.add_row("a", "1" * 20, "2" * 20, "3" * 20)
    assert "Too narrow" not in _shown(table, 100)
    text = _shown(table, 70)
    assert "3" * 20 in text
    assert "2" * 20 not in text
    assert "Too narrow for: first." in text
    text = _shown(table, 40)
    assert "1" * 20 in text
    assert "Too narrow for: first, then." in text


def test_a_style_of_a_cell_stays():
    table = FittedTable(Column("name", "name"), Column("n"))
    table.add_row(Text("a", style="bold"), "1")
    stream = io.StringIO()
    Console(file=stream, width=80, force_terminal=True, color_system="standard").print(table)
    assert "\x1b[1ma" in stream.getvalue()


@given(st.text(max_size=40))
def test_no_control_character_passes(text):
    assert "\x1b" not in printable(text)
    line = one_line(text)
    assert "\n" not in line
    assert not any(ord(letter) < 32 or letter == "\x7f" for letter in line)


@given(st.text(max_size=40))
def test_any_text_has_an_ascii_form(text):
    assert to_ascii(text).isascii()
    assert encodable(text, "cp1252").encode("cp1252") is not None
    assert encodable("plain", "no-such-encoding") == "plain"


@given(labels)
@settings(max_examples=50, deadline=None)
def test_the_console_prints_strings_as_they_are(label):
    console = TerminalConsole()
    assert console.render_str(label).plain == encodable(label, console.encoding)
    assert not console.render_str(label).spans


@pytest.mark.parametrize("label", ["a\nb", "a\x1b[31m", "a\x00", "a\u2028b", "\udcff"])
def test_a_label_of_control_characters_is_refused(label):
    with pytest.raises(InvalidInputError, match="label"):
        Contender("zf", label=label)


def test_names_of_figures_are_kept(comparison):
    answers = Answers(comparison)
    figure = error_rate_figure(answers)
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert set(names) == set(HOSTILE)
    assert frontier_figure(answers) is not None
    assert json.loads(comparison.to_json())["curves"][0]["label"] in HOSTILE
    assert replace(comparison).curves == comparison.curves
