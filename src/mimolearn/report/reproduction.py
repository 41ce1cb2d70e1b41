"""What became of published statements: a table for the terminal and one self-contained page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import user_path
from mimolearn.papers import Accuracy, ExperimentResult, Judged, Outcome, Table
from mimolearn.report.fitted import Column, FittedTable
from mimolearn.studies import BeamComparison, Comparison

_LIBRARY_WORDS = {Outcome.REPRODUCED: "holds", Outcome.NOT_REPRODUCED: "does not hold"}
_COLOURS = {
    Outcome.REPRODUCED: "green",
    Outcome.NOT_REPRODUCED: "red",
    Outcome.PAPER_IS_WRONG: "magenta",
    Outcome.NOT_YET: "yellow",
}


def outcome_words(item: Judged) -> str:
    """The outcome; a target of this library holds or not, it is not reproduced."""
    outcome = item.verdict.outcome
    if item.statement.of == "library" and outcome in _LIBRARY_WORDS:
        return _LIBRARY_WORDS[outcome]
    return outcome.value


def outcome_counts(results: Sequence[ExperimentResult]) -> dict[str, int]:
    """How many statements of papers had each outcome, in the order of Outcome."""
    counts = Counter(
        item.verdict.outcome
        for result in results
        for item in result.judged
        if item.statement.of == "paper"
    )
    return {outcome.value: counts[outcome] for outcome in Outcome}


def verdict_table(results: Sequence[ExperimentResult]) -> FittedTable:
    """One line per statement."""
    table = FittedTable(
        Column("experiment", "name"),
        Column("statement", "words"),
        Column("outcome", "words"),
        Column("measured here", "words"),
    )
    for result in results:
        for item in result.judged:
            verdict = item.verdict
            words = verdict.measured
            if verdict.outcome in (Outcome.NOT_YET, Outcome.PAPER_IS_WRONG):
                words = f"{words} ({verdict.reason})" if words else verdict.reason
            table.add_row(
                result.experiment.name,
                item.statement.claim,
                Text(outcome_words(item), style=_COLOURS[verdict.outcome]),
                words,
            )
    return table


def experiment_table(names: Sequence[tuple[str, str, str]]) -> FittedTable:
    """Experiments that there are: (name, title, what the paper shows)."""
    table = FittedTable(
        Column("experiment", "name"), Column("figure", "words"), Column("the paper shows", "words")
    )
    for row in names:
        table.add_row(*row)
    return table


def write_reproduction(results: Sequence[ExperimentResult], folder: str | Path, name: str) -> Path:
    """Write NAME.html and the plots (PNG, SVG) into a folder; returns the page's path."""
    # Plotting libraries are slow to import; a simulation does not wait for them.
    from mimolearn.report.page import plot_html, render
    from mimolearn.report.reproduction_plots import panel_plot, save_panels

    folder = user_path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sections = []
    for result in results:
        save_panels(result, folder)
        panels = []
        for panel in result.experiment.panels:
            plot = panel_plot(result, panel.name)
            panels.append(_panel(result, panel.name, panel.title, plot and plot_html(plot)))
        sections.append({"result": result, "experiment": result.experiment, "panels": panels})
    page = render(
        "reproduction.html",
        sections=sections,
        counts=outcome_counts(results),
        words=outcome_words,
        kind=lambda item: item.verdict.outcome.name.lower().replace("_", "-"),
        papers=list(
            {result.experiment.paper.key: result.experiment.paper for result in results}.values()
        ),
    )
    path = folder / f"{name}.html"
    write_atomically(path, page)
    return path


def _panel(result: ExperimentResult, name: str, title: str, plot: Any) -> dict[str, Any]:
    content = result.findings.panels[name]
    missing = result.findings.missing.get(name, {})
    lines = [f"{label}: {why}." for label, why in missing.items()]
    size = ""
    if isinstance(content, Comparison):
        lines += _flags(content)
        size = f"At most {content.plan.max_vectors:,} vectors a point; bars are 95 % intervals."
    elif isinstance(content, BeamComparison):
        size = (
            f"Mean over {content.channels:,} channels, the same for all; bars are 95 % intervals."
        )
    elif isinstance(content, Accuracy):
        size = f"{content.channels:,} channels a point; bars are 95 % intervals."
    return {
        "title": title,
        "plot": plot,
        "table": content if isinstance(content, Table) else None,
        "lines": lines,
        "size": size,
    }


def _flags(comparison: Comparison) -> list[str]:
    lines = []
    for curve in comparison.curves:
        incomplete = sum(point.counts.incomplete for point in curve.points)
        vectors = sum(point.counts.vectors for point in curve.points)
        if incomplete:
            lines.append(
                f"{curve.label}: {incomplete:,} of {vectors:,} searches hit their node limit; "
                "this curve is not exact ML."
            )
    return lines
