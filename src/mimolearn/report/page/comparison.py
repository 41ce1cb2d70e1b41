"""The page of a comparison of receivers: interactive curves, the frontier and the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.report.answers import Answers
from mimolearn.report.links import link_facts
from mimolearn.report.numbers import format_count, format_required, format_us
from mimolearn.report.page.render import plot_html, render
from mimolearn.report.plots.curves import error_rate_plot
from mimolearn.report.plots.frontier import frontier_plot
from mimolearn.report.plots.goodput import slot_times, time_plot
from mimolearn.report.plots.interactive import finish_plot
from mimolearn.report.plots.reliability import reliability_plot
from mimolearn.report.text.coded import (
    calibration_notes,
    calibration_rows,
    harq_notes,
    harq_rows,
)
from mimolearn.report.text.sentences import cautions, flags, unsure_words, verdict
from mimolearn.report.text.slots import slot_rows
from mimolearn.studies.stopping import StopRule


def write_page(answers: Answers, path: Path, more: Sequence[str] = ()) -> Path:
    """Write the report; it opens offline, in any browser, and prints.

    Args:
        answers: what it shows.
        path: of the file.
        more: sentences that follow the verdict.

    Returns:
        the path.

    Raises:
        OSError: the file cannot be written.
    """
    comparison = answers.comparison
    link, times = comparison.scenario, slot_times(answers)
    frontier, reliability = frontier_plot(answers), reliability_plot(answers)
    page = render(
        "comparison.html",
        answers=answers,
        comparison=comparison,
        scenario=link,
        facts=link_facts(link) if isinstance(link, GridScenario) else [],
        slots=slot_rows(answers),
        harq=harq_rows(answers),
        harq_notes=harq_notes(answers),
        reliability=None if reliability is None else plot_html(reliability),
        calibration=calibration_rows(answers),
        calibration_notes=calibration_notes(answers),
        times=plot_html(time_plot(times)) if times else None,
        verdict=[*verdict(answers), *more],
        cautions=[*cautions(answers), *_flagged(answers)],
        unsure=unsure_words(answers.metric, answers.unit),
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
