"""How results show themselves: as a plot, a part of a notebook, a report, or progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from mimolearn.foundation.errors import user_path
from mimolearn.plans.plan import check_metric
from mimolearn.report import write_report
from mimolearn.report.answers import Answers
from mimolearn.report.numbers import format_left, format_required, format_us
from mimolearn.report.overlay import Published, read_published
from mimolearn.report.plots.drawing import new_figure
from mimolearn.report.plots.figures import draw_error_rates
from mimolearn.report.text.live import live_progress
from mimolearn.report.text.sentences import rate_notes, verdict
from mimolearn.report.text.terminal import TerminalConsole
from mimolearn.results.comparison import Comparison
from mimolearn.results.shown import register_view
from mimolearn.studies import ProgressEvent, adjust_plan


def _plot(
    comparison: Comparison,
    ax: Axes | None,
    metric: str | None = None,
    target: float | None = None,
    overlay: str | Path | None = None,
) -> Axes:
    if ax is None:
        ax = new_figure(6.4, 4.8)[1]
    plan = adjust_plan(comparison.plan, metric=metric, target=target)
    check_metric(plan.metric, comparison.scenario)
    draw_error_rates(ax, Answers(replace(comparison, plan=plan), _published(overlay)))
    return ax


def _published(overlay: str | Path | None) -> tuple[Published, ...]:
    return () if overlay is None else read_published(overlay)


def _html(comparison: Comparison) -> str:
    answers = Answers(comparison)
    head = "".join(f"<th>{escape(word)}</th>" for word in _heads(answers))
    rows = "".join(f"<tr>{''.join(cells)}</tr>" for cells in _cells(answers))
    lines = [*verdict(answers), *rate_notes(answers)]
    said = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f"<div><b>{escape(answers.title)}</b><table><tr>{head}</tr>{rows}</table>{said}</div>"


def _heads(answers: Answers) -> list[str]:
    plan = answers.comparison.plan
    rates = [f"{answers.metric.upper()} at {snr:g} dB" for snr in plan.snr_db]
    return ["receiver", f"SNR for {answers.goal} [95 %]", f"time a {_unit(answers)}", *rates]


def _unit(answers: Answers) -> str:
    timings = answers.comparison.timings.values()
    return "slot" if any(timing.slot_us for timing in timings) else "vector"


def _cells(answers: Answers) -> list[list[str]]:
    table = []
    for label, rates in answers.rates.items():
        timing = answers.comparison.timings.get(label)
        known = {rate.snr_db: rate for rate in rates}
        texts = [
            label,
            format_required(answers.required[label]),
            format_us(None if timing is None else timing.slot_us or timing.vector_us),
        ]
        for snr in answers.comparison.plan.snr_db:
            rate = known.get(snr)
            if rate is None:
                texts.append("")
            else:
                texts.append(f"{rate.value:.2e}" if rate.errors else f"<{rate.high:.1e}")
        table.append([f"<td>{escape(text)}</td>" for text in texts])
    return table


def _report(comparison: Comparison, folder: str | Path, overlay: str | Path | None = None) -> Path:
    answers = Answers(comparison, _published(overlay))
    folder = user_path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return write_report(answers, folder)


@contextmanager
def _progress(scenario: Any, plan: Any) -> Iterator[Callable[[ProgressEvent], None]]:
    """A callback for a run: one line that is rewritten in a notebook, else as on a command line."""
    if "ipykernel" in sys.modules:
        yield _rewrite_line
        sys.stderr.write("\n")
        return
    with live_progress(TerminalConsole(stderr=True), scenario, plan) as callback:
        yield callback


def _rewrite_line(event: ProgressEvent) -> None:
    errors = ", ".join(f"{c.label} {c.errors}" for c in event.contenders)
    line = f"{event.done_chunks}/{event.total_chunks} chunks, {format_left(event.eta_s)}; "
    sys.stderr.write(f"\r{line}errors at {event.snr_db:g} dB: {errors}")
    sys.stderr.flush()


register_view(Comparison, "plot", _plot)
register_view(Comparison, "html", _html)
register_view(Comparison, "report", _report)
register_view(Comparison, "progress", _progress)
