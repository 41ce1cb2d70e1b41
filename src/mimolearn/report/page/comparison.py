"""The page of a comparison of receivers: the answer, interactive curves, the frontier, tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.counts import BLOCK_METRICS
from mimolearn.report.answers import Answers
from mimolearn.report.links import link_facts, link_words
from mimolearn.report.numbers import format_count, format_required, format_us
from mimolearn.report.page.card import answer_card
from mimolearn.report.page.downloads import downloads
from mimolearn.report.page.legend import legend
from mimolearn.report.page.render import plot_html, render
from mimolearn.report.plots.curves import behind_plot, error_rate_plot
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
from mimolearn.report.text.sentences import (
    bound_notes,
    cautions,
    flags,
    time_notes,
    training_notes,
    unsure_words,
    verdict_around,
)
from mimolearn.report.text.slots import slot_rows
from mimolearn.studies.stopping import StopRule

# Of the plots that stand side by side.
_HEIGHT = 440
_UNITS = {"ber": "bits", "ser": "symbols", "ver": "vectors", "bler": "blocks"}


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
    link, plan, times = comparison.scenario, comparison.plan, slot_times(answers)
    grid = isinstance(link, GridScenario)
    run = {name: value for name, value in plan.to_dict().items() if name != "contenders"}
    bounds = bound_notes(comparison.bounds)
    reliability = reliability_plot(answers)
    page = render(
        "comparison.html",
        answers=answers,
        comparison=comparison,
        scenario=link,
        grid=grid,
        words=link_words(link).removeprefix("Link: "),
        facts=link_facts(link),
        downloads=downloads(link, run, plan.contenders, comparison.to_csv()),
        card=answer_card(answers),
        legend=legend(answers.look, frozenset(curve.name for curve in answers.published)),
        slots=slot_rows(answers),
        gmi=_gmi_rows(answers),
        rates=_rates(answers),
        times=_plot(time_plot(times), max(300, 160 + 32 * len(times))) if times else None,
        harq=harq_rows(answers),
        harq_notes=harq_notes(answers),
        reliability=_plot(reliability, 400, named=False),
        calibration=calibration_rows(answers),
        calibration_notes=calibration_notes(answers),
        verdict=[*verdict_around(answers), *more, *training_notes(answers), *bounds],
        cautions=[*cautions(answers), *_flagged(answers)],
        time_notes=time_notes(answers),
        unsure=unsure_words(answers.metric, answers.unit),
        cluster=_cluster(answers.metric, grid),
        unit_words=_UNITS.get(answers.metric, "information bits"),
        clusters=f"{StopRule.of(plan).min_clusters:g}",
        metric=answers.metric.upper(),
        searched=any(row.estimated_at_db is not None for row in answers.rows),
        timing=next(iter(comparison.timings.values()), None),
        format_us=format_us,
        format_count=format_count,
        format_required=format_required,
        curves=_plot(error_rate_plot(answers), _HEIGHT, named=False),
        frontier=_plot(frontier_plot(answers), _HEIGHT),
        behind=_plot(behind_plot(answers), 300, named=False),
    )
    write_atomically(path, page)
    return path


def _plot(figure: Any, height: int, *, named: bool = True) -> Any:
    """A plot as a part of the page; named: with a legend of its own, where it has one."""
    if figure is None:
        return None
    figure = finish_plot(figure, height)
    if not named:
        figure.update_layout(showlegend=False, margin_t=26)
    return plot_html(figure)


def _cluster(metric: str, grid: bool) -> str:
    """What errors are dependent in."""
    return "slot" if grid else "block" if metric in BLOCK_METRICS else "channel"


def _rates(answers: Answers) -> list[tuple[str, list[Any]]]:
    """The rate of every receiver at every SNR of the plan; None where it was not simulated."""
    table = []
    for label, rates in answers.rates.items():
        known = {rate.snr_db: rate for rate in rates}
        table.append((label, [known.get(snr) for snr in answers.comparison.plan.snr_db]))
    return table


def _gmi_rows(answers: Answers) -> list[list[str]]:
    """Headings, then the GMI of every receiver; empty on a link without a code."""
    comparison = answers.comparison
    if not comparison.scenario.has_blocks:
        return []
    snrs = comparison.plan.snr_db
    rows = [["at SNR [dB]", *(f"{snr:g}" for snr in snrs)]]
    for curve in comparison.curves:
        points = [curve.at(snr) for snr in snrs]
        rows.append([curve.label, *("" if p is None else f"{p.gmi():.4f}" for p in points)])
    return rows


def _flagged(answers: Answers) -> list[str]:
    """Vectors that were flagged, of all receivers."""
    decoded = answers.comparison.scenario.has_blocks
    return [line for row in answers.rows for line in flags(row, decoded=decoded)]
