"""Error rate at one SNR against measured time, with published rates beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

from mimolearn.report.answers import Answers, Rate
from mimolearn.report.overlay import Published
from mimolearn.report.plots.drawing import FONT, new_figure
from mimolearn.report.plots.interactive import (
    error_bars,
    finish_plot,
    plotly_text,
    rate_ticks,
    short_ticks,
)
from mimolearn.report.plots.labels import Mark, label_sides
from mimolearn.report.plots.names import NamedPoint, draw_points, write_names
from mimolearn.report.style import COST_LABELS, Style, plotly_symbol
from mimolearn.studies import METRIC_LABELS

PUBLISHED = "#A3260F"
_GREY = "#8A93A0"
# What names are kept apart for, in pixels: the plot on a desktop's page.
_WIDTH, _HEIGHT = 1000, 380


class TimedRate(NamedTuple):
    """A receiver at one SNR.

    Attributes:
        label: the receiver's.
        time_us: measured microseconds per vector.
        rate: its error rate.
        on_frontier: no faster receiver has fewer errors.
    """

    label: str
    time_us: float
    rate: Rate
    on_frontier: bool


def timed_rates(answers: Answers, snr_db: float) -> list[TimedRate]:
    """Receivers that were timed and made errors at an SNR, the fastest first.

    Args:
        answers: of a comparison.
        snr_db: in dB.
    """
    times = answers.comparison.timings
    at = {
        label: rate
        for label, rates in answers.rates.items()
        for rate in rates
        if rate.snr_db == snr_db and rate.errors and label in times
    }
    fewest, known = math.inf, []
    for label in sorted(at, key=lambda label: times[label].vector_us):
        known.append(TimedRate(label, times[label].vector_us, at[label], at[label].value < fewest))
        fewest = min(fewest, at[label].value)
    return known


def rate_time_figure(answers: Answers, snr_db: float) -> Figure | None:
    """Error rate against time as a static figure; None where nobody was timed.

    Args:
        answers: of a comparison, with its published curves.
        snr_db: in dB.
    """
    if not timed_rates(answers, snr_db):
        return None
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.4)
        draw_rate_time(axes, answers, snr_db)
        axes.set_title(f"{answers.title}, {snr_db:g} dB", fontsize=9.5, loc="left")
    return figure


def draw_rate_time(axes: Axes, answers: Answers, snr_db: float) -> None:
    """Draw receivers by time and error rate; published rates are hollow, at the right edge.

    A published rate comes without a time on this machine, and stands in a strip of its own.

    Args:
        axes: a plot, which gets logarithmic axes and labels.
        answers: of a comparison, with its published curves.
        snr_db: in dB.
    """
    known, published = timed_rates(answers, snr_db), _published(answers, snr_db)
    low, high = _time_range(known)
    edge = 10 ** (high + 0.12)
    right = 10 ** (high + 0.62) if published else 10**high
    named = [
        NamedPoint(
            label=one.label,
            x=one.time_us,
            y=one.rate.value,
            low=one.rate.low,
            high=one.rate.high,
            style=answers.look[one.label],
            stands_out=one.on_frontier,
        )
        for one in known
    ]
    draw_points(axes, named)
    for curve, value in published:
        x = 10 ** (high + 0.2)
        axes.plot(x, value, "o", ms=7, mec=PUBLISHED, mfc="white", mew=1.4, zorder=3)
        style = Style(PUBLISHED, "o", "dash")
        named.append(NamedPoint(curve.label, x, value, value, value, style, True))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(10**low, right)
    ticks = short_ticks(low, high)
    axes.xaxis.set_major_locator(FixedLocator(ticks["tickvals"]))
    axes.xaxis.set_major_formatter(FixedFormatter(ticks["ticktext"]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom / 1.3, top * 1.3)
    if published:
        axes.axvspan(edge, right, color="#F6F0EE", zorder=2)
        axes.annotate(
            "published,\nno time known",
            (1, 1),
            xycoords="axes fraction",
            xytext=(-4, -4),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=7,
            color=PUBLISHED,
        )
    axes.set_xlabel(COST_LABELS["vector_us"])
    axes.set_ylabel(METRIC_LABELS[answers.metric])
    axes.grid(which="major", color="#E2E5EA", lw=0.7)
    write_names(axes, named, size=7.5)


def rate_time_plot(answers: Answers, snr_db: float) -> go.Figure | None:
    """Error rate against time as an interactive plot; None where nobody was timed.

    Args:
        answers: of a comparison, with its published curves.
        snr_db: in dB.
    """
    known, published = timed_rates(answers, snr_db), _published(answers, snr_db)
    if not known:
        return None
    low, high = _time_range(known)
    sides = _sides(known, published, low, high)
    figure = go.Figure()
    for one in known:
        style, rate, label = answers.look[one.label], one.rate, plotly_text(one.label)
        figure.add_trace(
            go.Scatter(
                x=[one.time_us],
                y=[rate.value],
                name=label,
                mode="markers+text" if sides[one.label] else "markers",
                text=[f"<b>{label}</b>" if one.on_frontier else label],
                textposition=sides[one.label] or "top right",
                marker={"symbol": plotly_symbol(style), "size": 11, "color": style.colour},
                error_y=error_bars([rate.value], [rate.low], [rate.high]),
                hovertemplate=f"<b>{label}</b><br>%{{y:.3g}} in %{{x:.3g}} µs<extra></extra>",
            )
        )
    for curve, value in published:
        label = plotly_text(curve.label)
        figure.add_trace(
            go.Scatter(
                x=[10 ** (high + 0.2)],
                y=[value],
                name=plotly_text(curve.name),
                mode="markers+text",
                text=[label],
                textposition="middle right",
                textfont={"color": PUBLISHED},
                marker={"symbol": "circle-open", "size": 11, "color": PUBLISHED},
                hovertemplate=f"<b>{label}</b> (published)<br>%{{y:.3g}}<extra></extra>",
            )
        )
    ticks_of_time = short_ticks(low, high)
    if published:
        figure.add_vline(x=10 ** (high + 0.12), line={"color": _GREY, "width": 1, "dash": "dot"})
        high += 0.62
    values = [end for one in known for end in (one.rate.low, one.rate.high)]
    ticks = rate_ticks([*values, *(value for _, value in published)])
    span = {"range": [low, high], **ticks_of_time}
    figure.update_xaxes(title=COST_LABELS["vector_us"], type="log", **span)
    figure.update_yaxes(title=METRIC_LABELS[answers.metric], **ticks)
    figure.update_layout(showlegend=False)
    return finish_plot(figure, 480)


def _published(answers: Answers, snr_db: float) -> list[tuple[Published, float]]:
    """Every published curve that has a point at an SNR, and its rate there."""
    return [
        (curve, rate) for curve in answers.published for at, rate in curve.points if at == snr_db
    ]


def _sides(
    known: Sequence[TimedRate],
    published: Sequence[tuple[Published, float]],
    low: float,
    high: float,
) -> dict[str, str | None]:
    """The side of each point on which its name finds room, if any."""
    ends = [end for one in known for end in (one.rate.low or one.rate.value, one.rate.high)]
    ends += [rate for _, rate in published]
    bottom, top = math.log10(min(ends)), math.log10(max(ends))
    right = high + 0.62 if published else high

    def down(rate: float) -> float:
        return _HEIGHT * (top - math.log10(rate)) / ((top - bottom) or 1.0)

    marks = {
        one.label: Mark(
            x=_WIDTH * (math.log10(one.time_us) - low) / (right - low),
            y=down(one.rate.value),
            radius=5.5,
            top=down(one.rate.high),
            bottom=down(one.rate.low or one.rate.value),
        )
        for one in known
    }
    best = [one.label for one in known if one.on_frontier]
    return label_sides(marks, best, (), _WIDTH, _HEIGHT)


def _time_range(known: Sequence[TimedRate]) -> tuple[float, float]:
    """log10 of the ends of the axis of time."""
    powers = [math.log10(one.time_us) for one in known]
    edge = 0.12 * max(max(powers) - min(powers), 0.5)
    return min(powers) - edge, max(powers) + edge
