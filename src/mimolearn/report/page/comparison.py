"""The page of a comparison of receivers: interactive curves, the frontier and the table."""

from __future__ import annotations

from pathlib import Path

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.report.answers import Answers
from mimolearn.report.numbers import format_count, format_required, format_us
from mimolearn.report.page.render import plot_html, render
from mimolearn.report.plots.curves import error_rate_plot
from mimolearn.report.plots.frontier import frontier_plot
from mimolearn.report.plots.interactive import finish_plot
from mimolearn.report.text.sentences import cautions, flags, unsure_words, verdict
from mimolearn.studies.stopping import StopRule


def write_page(answers: Answers, path: Path) -> Path:
    """Write the report; it opens offline, in any browser, and prints.

    Args:
        answers: what it shows.
        path: of the file.

    Returns:
        the path.

    Raises:
        OSError: the file cannot be written.
    """
    comparison = answers.comparison
    frontier = frontier_plot(answers)
    page = render(
        "comparison.html",
        answers=answers,
        comparison=comparison,
        scenario=comparison.scenario,
        verdict=verdict(answers),
        cautions=[*cautions(answers), *_flagged(answers)],
        unsure=unsure_words(answers.metric),
        clusters=f"{StopRule.of(comparison.plan).min_clusters:g}",
        unit=answers.metric.upper(),
        timing=next(iter(comparison.timings.values()), None),
        format_us=format_us,
        format_count=format_count,
        format_required=format_required,
        curves=plot_html(error_rate_plot(answers)),
        frontier=None if frontier is None else plot_html(finish_plot(frontier, 520)),
    )
    write_atomically(path, page)
    return path


def _flagged(answers: Answers) -> list[str]:
    """Vectors that were flagged, of all receivers."""
    decoded = answers.comparison.scenario.has_blocks
    return [line for row in answers.rows for line in flags(row, decoded=decoded)]
