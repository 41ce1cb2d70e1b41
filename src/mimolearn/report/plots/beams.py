"""Plots of beamformers: error rates over SNR, and against the time of a design."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
import plotly.graph_objects as go
from matplotlib.figure import Figure

from mimolearn.report.beam_answers import BeamAnswers
from mimolearn.report.plots.drawing import DASHES, FONT, add_legend, new_figure, save_figure
from mimolearn.report.plots.interactive import (
    error_bars,
    finish_plot,
    plotly_text,
    rate_ticks,
    short_ticks,
    symbols,
)
from mimolearn.report.style import plotly_symbol


def beam_plot(answers: BeamAnswers, *, geometric: bool) -> go.Figure:
    """Error rate over SNR with 95 % intervals over channels.

    Args:
        answers: what is drawn.
        geometric: the geometric mean in place of the mean.
    """
    figure = go.Figure()
    drawn: list[float] = []
    for row in answers.rows:
        style = answers.look[row.label]
        values = [r.geometric_mean if geometric else r.mean for r in row.rates]
        bounds = [r.geometric_interval if geometric else r.interval for r in row.rates]
        drawn += [end for b in bounds for end in (b.low, b.high)]
        hollow = [not geometric and r.is_unsure for r in row.rates]
        figure.add_trace(
            go.Scatter(
                x=[r.snr_db for r in row.rates],
                y=values,
                name=plotly_text(row.label),
                legendgroup=row.label,
                mode="lines+markers",
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"symbol": symbols(style, hollow), "size": 9},
                error_y=error_bars(values, [b.low for b in bounds], [b.high for b in bounds]),
            )
        )
    kind = "geometric mean" if geometric else "mean"
    figure.update_xaxes(title=answers.comparison.snr_label)
    figure.update_yaxes(title=f"Symbol error rate, {kind} over channels", **rate_ticks(drawn))
    return finish_plot(figure, 520)


def beam_frontier_plot(answers: BeamAnswers) -> go.Figure | None:
    """Mean error rate at the middle SNR over the time of a design; None without times."""
    middle = answers.middle
    timed = [
        (row, row.design_ms, row.rates[middle].mean)
        for row in answers.rows
        if row.design_ms is not None
    ]
    if not timed:
        return None
    times = [design_ms for _, design_ms, _ in timed]
    halfway = math.sqrt(min(times) * max(times))
    line = {row.label: (design_ms, mean) for row, design_ms, mean in timed}
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[line[label][0] for label in answers.frontier],
            y=[line[label][1] for label in answers.frontier],
            mode="lines",
            line={"color": "#444B55", "width": 1.5, "dash": "dash", "shape": "hv"},
            hoverinfo="skip",
        )
    )
    for row, design_ms, mean in timed:
        style, label = answers.look[row.label], plotly_text(row.label)
        figure.add_trace(
            go.Scatter(
                x=[design_ms],
                y=[mean],
                name=label,
                legendgroup=row.label,
                # Where a page is narrow, only names on the frontier are written: see page.js.
                meta="frontier" if row.on_frontier else "named",
                mode="markers+text",
                text=[label],
                textposition="top left" if design_ms > halfway else "top right",
                hovertemplate=(
                    f"<b>{label}</b><br>%{{y:.3g}} at %{{x:.3g}} ms a channel<extra></extra>"
                ),
                marker={"symbol": plotly_symbol(style), "size": 12, "color": style.colour},
            )
        )
    figure.update_layout(showlegend=False)
    low, high = (math.log10(end) for end in (min(times), max(times)))
    edge = 0.08 * (high - low) or 0.1
    span = {"range": [low - edge, high + edge], **short_ticks(low - edge, high + edge)}
    figure.update_xaxes(title="Time of a design [ms a channel]", type="log", **span)
    rates = rate_ticks([mean for _, _, mean in timed])
    figure.update_yaxes(title=f"Mean symbol error rate at {answers.middle_db:g} dB", **rates)
    return finish_plot(figure, 520)


def save_beam_figures(answers: BeamAnswers, folder: Path) -> list[Path]:
    """Write ``error-rate.*``: the mean over SNR, for a paper or a slide.

    Args:
        answers: what is drawn.
        folder: for the files.

    Returns:
        the paths.

    Raises:
        OSError: a file cannot be written.
    """
    figure = beam_figure(answers)
    return save_figure(figure, folder, "error-rate", ("png", "svg", "pdf"), dpi=200)


def beam_figure(answers: BeamAnswers) -> Figure:
    """Mean error rate over SNR with 95 % intervals, as a static figure."""
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.8)
        drawn = {}
        for row in answers.rows:
            style, rates = answers.look[row.label], row.rates
            low = [r.mean - r.interval.low for r in rates]
            high = [r.interval.high - r.mean for r in rates]
            drawn[row.label] = axes.errorbar(
                [r.snr_db for r in rates],
                [r.mean for r in rates],
                yerr=[low, high],
                color=style.colour,
                ls=DASHES[style.dash],
                marker=style.marker,
                ms=4.5,
                lw=1.3,
                capsize=1.5,
                elinewidth=0.8,
            )
            unsure = [r for r in rates if r.is_unsure]
            axes.plot(
                [r.snr_db for r in unsure],
                [r.mean for r in unsure],
                style.marker,
                ms=4.5,
                mec=style.colour,
                mfc="white",
                zorder=3,
            )
        axes.set_yscale("log")
        axes.set_xlabel(answers.comparison.snr_label)
        axes.set_ylabel("Symbol error rate, mean over channels")
        axes.grid(which="major", color="#E2E5EA", lw=0.7)
        add_legend(axes, drawn, loc="lower left")
        axes.set_title(answers.title, fontsize=9.5, loc="left")
    return figure
