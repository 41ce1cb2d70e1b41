"""Claimed against counted error probability of the soft bits that the decoder gets."""

from __future__ import annotations

import math

import matplotlib
import plotly.graph_objects as go
from matplotlib.artist import Artist
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from mimolearn.report.answers import Answers
from mimolearn.report.plots.drawing import DASHES, FONT, add_legend, new_figure
from mimolearn.report.plots.interactive import error_bars, finish_plot, plotly_text, symbols
from mimolearn.report.text.coded import reliability_points
from mimolearn.results.llrs.check import Bin
from mimolearn.results.point import Point

_LEAST = 1e-6
_LINE = "#9AA5B1"


def reliability_figure(answers: Answers) -> Figure | None:
    """Reliability at the middle SNR; None where no soft bits were counted."""
    points = reliability_points(answers)
    if not points:
        return None
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.8)
        ends = [_smallest(points), 0.5]
        (line,) = axes.plot(ends, ends, color=_LINE, lw=1)
        drawn: dict[str, Artist | ErrorbarContainer] = {"true soft bits": line}
        for label, point in points.items():
            style, bins = answers.look[label], _drawn(point)
            rates = [_rate(one) for one in bins]
            lows, highs = _ends(bins)
            drawn[_named(label, point)] = axes.errorbar(
                [max(one.claimed, _LEAST) for one in bins],
                rates,
                yerr=[
                    [rate - low for rate, low in zip(rates, lows, strict=True)],
                    [high - rate for rate, high in zip(rates, highs, strict=True)],
                ],
                color=style.colour,
                ls=DASHES[style.dash],
                marker=style.marker,
                ms=4.5,
                lw=1.1,
                elinewidth=0.8,
            )
        axes.set(xscale="log", yscale="log", xlabel="claimed error probability of a soft bit")
        axes.set_ylabel("counted error probability")
        axes.grid(color="#E2E5EA", lw=0.7)
        add_legend(axes, drawn, loc="upper left", ncols=1)
        axes.set_title(_title(answers, points), fontsize=9.5, loc="left")
    return figure


def reliability_plot(answers: Answers) -> go.Figure | None:
    """The same for the page; hover shows counts."""
    points = reliability_points(answers)
    if not points:
        return None
    figure = go.Figure()
    ends, line = [_smallest(points), 0.5], {"color": _LINE, "width": 1}
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", name="true soft bits", line=line))
    for label, point in points.items():
        style, bins = answers.look[label], _drawn(point)
        rates, (lows, highs) = [_rate(one) for one in bins], _ends(bins)
        figure.add_trace(
            go.Scatter(
                x=[max(one.claimed, _LEAST) for one in bins],
                y=rates,
                name=plotly_text(_named(label, point)),
                mode="lines+markers",
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"symbol": symbols(style, [False] * len(bins)), "size": 8},
                error_y=error_bars(rates, lows, highs, width=3),
                customdata=[f"{one.errors:g} wrong of {one.bits:,} soft bits" for one in bins],
                hovertemplate="<b>%{fullData.name}</b><br>%{customdata}<extra></extra>",
            )
        )
    options = {"type": "log", "exponentformat": "power", "dtick": 1}
    figure.update_xaxes(title="claimed error probability of a soft bit", **options)
    figure.update_yaxes(title="counted error probability", **options)
    return finish_plot(figure, 480)


def _smallest(points: dict[str, Point]) -> float:
    """The least probability that is claimed or counted."""
    bins = [one for point in points.values() for one in _drawn(point)]
    return min([0.1, *(max(min(one.claimed, _rate(one)), _LEAST) for one in bins)])


def _drawn(point: Point) -> list[Bin]:
    """Bins with an error; on a logarithmic axis others have no place."""
    return [one for one in point.reliability() if one.errors]


def _rate(one: Bin) -> float:
    return (one.errors or 0.0) / one.bits


def _ends(bins: list[Bin]) -> tuple[list[float], list[float]]:
    lows = [max(one.counted.low, _LEAST / 10) if one.counted else math.nan for one in bins]
    return lows, [one.counted.high if one.counted else math.nan for one in bins]


def _named(label: str, point: Point) -> str:
    return f"{label} (calibration error {point.calibration_error():.4f})"


def _title(answers: Answers, points: dict[str, Point]) -> str:
    return f"{answers.title}, {next(iter(points.values())).snr_db:g} dB"
