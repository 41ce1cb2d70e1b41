"""The page of published statements and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.papers import Accuracy, ExperimentResult, Outcome, Table
from mimolearn.report.page.render import plot_html, render
from mimolearn.report.plots.panels import panel_plot, save_panels
from mimolearn.report.text.verdicts import judged_words, measured_words, outcome_counts
from mimolearn.studies import BeamComparison, Comparison


def write_reproduction_page(results: Sequence[ExperimentResult], folder: Path, name: str) -> Path:
    """Write NAME.html and the plots; see ``report.write_reproduction``."""
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
        words=judged_words,
        measured=measured_words,
        kind=lambda item: item.verdict.outcome.name.lower().replace("_", "-"),
        badges={outcome.value: outcome.name.lower().replace("_", "-") for outcome in Outcome},
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
