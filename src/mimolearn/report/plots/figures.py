"""Figures for a paper or a slide: error-rate curves and the frontier, as PNG, SVG and PDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from mimolearn.link.grid_scenario import GridScenario
from mimolearn.report.answers import Answers, CostPoint, Rate
from mimolearn.report.overlay import Published
from mimolearn.report.plots.curves import behind_range
from mimolearn.report.plots.drawing import DASHES, FONT, add_legend, new_figure, save_figure
from mimolearn.report.plots.goodput import slot_times, time_figure
from mimolearn.report.plots.names import NamedPoint, draw_points, write_names
from mimolearn.report.plots.reliability import reliability_figure
from mimolearn.report.style import COST_LABELS, Style
from mimolearn.studies import METRIC_LABELS


def save_figures(
    answers: Answers, folder: Path, formats: Sequence[str] = ("png", "svg", "pdf")
) -> list[Path]:
    """Write ``error-rate.*``, and where they exist ``behind-best.*``, ``frontier.*`` and others.

    The others are ``slot-time.*`` over a resource grid and ``reliability.*`` of soft bits. Where no
    receiver reaches the target, none is behind the best.

    Args:
        answers: what is drawn.
        folder: for the files.
        formats: suffixes of files that matplotlib writes.

    Returns:
        the paths.

    Raises:
        OSError: a file cannot be written.
    """
    drawn = {"error-rate": error_rate_figure(answers)}
    times = slot_times(answers)
    if times:
        drawn["slot-time"] = time_figure(times, answers.title)
    if any(answers.behind.values()):
        drawn["behind-best"] = behind_figure(answers)
    if answers.frontier(answers.time):
        drawn["frontier"] = frontier_figure(answers)
    reliability = reliability_figure(answers)
    if reliability is not None:
        drawn["reliability"] = reliability
    paths: list[Path] = []
    for name, figure in drawn.items():
        paths += save_figure(figure, folder, name, formats, dpi=200)
    return paths


def error_rate_figure(answers: Answers) -> Figure:
    """Error rate over SNR with 95 % intervals; hollow markers are unsure (``Point.is_unsure``)."""
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.8)
        draw_error_rates(axes, answers)
    return figure


def draw_error_rates(axes: Axes, answers: Answers) -> None:
    """Draw the curves of ``error_rate_figure`` on axes.

    Args:
        axes: a plot, which gets a logarithmic axis, labels, a legend and a title.
        answers: what is drawn.
    """
    drawn = {}
    for label, rates in answers.rates.items():
        line = _draw_curve(axes, rates, answers.look[label])
        if line is not None:
            drawn[label] = line
    for curve in answers.published:
        drawn[curve.name] = _draw_published(axes, curve, answers.look[curve.name])
    axes.set_yscale("log")
    axes.set_xlabel(answers.comparison.snr_label)
    axes.set_ylabel(METRIC_LABELS[answers.metric])
    axes.axhline(answers.target, color="#555B66", lw=0.9, ls=(0, (4, 3)), zorder=1)
    axes.grid(which="major", color="#E2E5EA", lw=0.7)
    axes.grid(which="minor", color="#F1F3F6", lw=0.5)
    add_legend(axes, drawn, loc="lower left", frameon=True)
    axes.set_title(_title(answers), fontsize=9.5, loc="left")


def behind_figure(answers: Answers) -> Figure:
    """How many dB each receiver is behind the best at equal error rates, and at the target."""
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 3.6)
        drawn = {}
        losses = {row.label: row.loss for row in answers.rows}
        for label, line in answers.behind.items():
            if not line:
                continue
            style, loss = answers.look[label], losses[label]
            (drawn[label],) = axes.plot(
                [rate for rate, _ in line],
                [value for _, value in line],
                color=style.colour,
                ls=DASHES[style.dash],
                lw=1.4,
            )
            if loss is not None:
                axes.errorbar(
                    [answers.target],
                    [loss.value_db],
                    yerr=[[loss.value_db - loss.low_db], [loss.high_db - loss.value_db]],
                    fmt=style.marker,
                    color=style.colour,
                    ms=5,
                    capsize=2,
                )
        axes.set_xscale("log")
        axes.invert_xaxis()
        axes.set_ylim(*behind_range(answers))
        axes.axvline(answers.target, color="#555B66", lw=0.9, ls=(0, (4, 3)), zorder=1)
        axes.set_xlabel(METRIC_LABELS[answers.metric])
        axes.set_ylabel("dB behind the best")
        axes.grid(which="major", color="#E2E5EA", lw=0.7)
        add_legend(axes, drawn, frameon=True)
        axes.set_title(_title(answers), fontsize=9.5, loc="left")
    return figure


def frontier_figure(answers: Answers, cost: str | None = None) -> Figure:
    """SNR needed for the target against cost: lower left is better.

    Args:
        answers: what is drawn.
        cost: one of ``answers.costs``; default measured time.
    """
    cost = answers.time if cost is None else cost
    points = answers.cost_points(cost)
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.6)
        named = [
            NamedPoint(
                label=point.label,
                x=point.cost,
                y=point.snr_db,
                low=point.low_db,
                high=point.high_db,
                style=answers.look[point.label],
                stands_out=point.on_frontier,
            )
            for point in points
        ]
        draw_points(axes, named)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        _draw_frontier(axes, [point for point in points if point.on_frontier])
        write_names(axes, named)
        axes.set_xlabel(COST_LABELS[cost])
        axes.set_ylabel(f"SNR needed for {answers.goal} [dB]")
        axes.grid(which="major", color="#E2E5EA", lw=0.7)
        axes.set_title(_title(answers), fontsize=9.5, loc="left")
    return figure


def _title(answers: Answers) -> str:
    link = answers.comparison.scenario
    if isinstance(link, GridScenario):
        return answers.title
    vectors = f"{link.channel_reuse} vector{'s' if link.channel_reuse > 1 else ''} per channel"
    return f"{answers.title.replace(' over ', ', ')}, {vectors}"


def _draw_curve(axes: Axes, rates: Sequence[Rate], style: Style) -> Line2D | None:
    """Returns the line for the legend; None where there was no error to draw it through."""
    line = None
    seen = [rate for rate in rates if rate.errors > 0]
    if seen:
        snr_db = [rate.snr_db for rate in seen]
        values = [rate.value for rate in seen]
        axes.errorbar(
            snr_db,
            values,
            yerr=[[rate.value - rate.low for rate in seen], [r.high - r.value for r in seen]],
            fmt="none",
            ecolor=style.colour,
            elinewidth=0.8,
            capsize=1.5,
            alpha=0.6,
        )
        (line,) = axes.plot(snr_db, values, color=style.colour, ls=DASHES[style.dash], lw=1.4)
        for rate in seen:
            axes.plot(
                rate.snr_db,
                rate.value,
                style.marker,
                ms=4.5,
                mec=style.colour,
                mfc="white" if rate.is_unsure else style.colour,
            )
    for rate in rates:
        if rate.errors == 0:
            axes.plot(rate.snr_db, rate.high, marker="$↓$", ms=8, color=style.colour, ls="none")
    return line


def _draw_published(axes: Axes, curve: Published, style: Style) -> Line2D:
    (line,) = axes.plot(
        [snr_db for snr_db, _ in curve.points],
        [rate for _, rate in curve.points],
        color=style.colour,
        ls=DASHES["dash"],
        lw=1.0,
        marker=style.marker,
        ms=5.5,
        mfc="none",
    )
    return line


def _draw_frontier(axes: Axes, points: Sequence[CostPoint]) -> None:
    line = sorted((point.cost, point.snr_db) for point in points)
    if len(line) < 2:
        return
    axes.plot(
        [cost for cost, _ in line],
        [snr_db for _, snr_db in line],
        color="#444444",
        lw=1.0,
        ls=(0, (5, 2)),
        zorder=0,
        drawstyle="steps-post",
    )
