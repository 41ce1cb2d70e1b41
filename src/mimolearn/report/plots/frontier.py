"""The interactive frontier: SNR needed against cost, with names that do not cover each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from mimolearn.report.answers import Answers, CostPoint
from mimolearn.report.numbers import format_required
from mimolearn.report.plots.interactive import error_bars, plotly_text, short_ticks
from mimolearn.report.plots.labels import Box, Mark, label_sides
from mimolearn.report.style import COST_LABELS, Style, plotly_symbol

# What names are kept apart for, in pixels: the plot in its column of a desktop's page. A page that
# is narrower writes the names on the frontier alone (page.js).
_WIDTH, _HEIGHT = 450, 330
_MARGIN = 0.05
_BEST_SIZE, _SIZE = 13, 9


def frontier_plot(answers: Answers) -> go.Figure | None:
    """SNR needed against cost, with buttons for the kind of cost; None without any point."""
    costs = [cost for cost in answers.costs if answers.frontier(cost)]
    if not costs:
        return None
    figure = go.Figure()
    cost_of_trace: list[str] = []
    axes: dict[str, dict[str, Any]] = {}
    for cost in costs:
        points = answers.cost_points(cost)
        axes[cost] = _axis(points, cost)
        traces = _traces(answers, cost, points, visible=cost == costs[0])
        figure.add_traces(traces)
        cost_of_trace += [cost] * len(traces)
    figure.update_layout(
        showlegend=False,
        updatemenus=[
            {
                "type": "buttons",
                "direction": "right",
                "x": 0,
                "xanchor": "left",
                "y": 1.02,
                "yanchor": "bottom",
                "buttons": [_button(cost, cost_of_trace, axes[cost]) for cost in costs],
            }
        ],
    )
    figure.update_xaxes(type="log", **axes[costs[0]])
    low, high = _snr_range(answers.cost_points(costs[0]))
    figure.update_yaxes(title=f"SNR needed for {answers.goal} [dB]", range=[low, high])
    return figure


def _button(cost: str, cost_of_trace: list[str], axis: dict[str, Any]) -> dict[str, Any]:
    label = {"vector_us": "time", "slot_us": "time", "latency_us": "latency"}.get(cost, cost)
    layout = {f"xaxis.{key}": value for key, value in axis.items() if key != "title"}
    layout["xaxis.title.text"] = axis["title"]
    shown = {"visible": [other == cost for other in cost_of_trace]}
    return {"label": label, "method": "update", "args": [shown, layout]}


def _axis(points: Sequence[CostPoint], cost: str) -> dict[str, Any]:
    """A logarithmic axis of cost."""
    low, high = _cost_range(points)
    return {
        "title": COST_LABELS[cost],
        "range": [low, high],
        **short_ticks(low, high),
    }


def _cost_range(points: Sequence[CostPoint]) -> tuple[float, float]:
    """Ends of the axis, as powers of ten."""
    return _widened([math.log10(point.cost) for point in points])


def _snr_range(points: Sequence[CostPoint]) -> tuple[float, float]:
    return _widened([end for point in points for end in (point.low_db, point.high_db)])


def _widened(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    edge = _MARGIN * ((high - low) or 1.0)
    return low - edge, high + edge


def _sides(points: Sequence[CostPoint]) -> dict[str, str | None]:
    """The side of each point on which its name finds room, if any."""
    best = [point.label for point in points if point.on_frontier]
    (left, right), (bottom, top) = _cost_range(points), _snr_range(points)

    def across(value: float) -> float:
        return _WIDTH * (math.log10(value) - left) / (right - left)

    def down(snr_db: float) -> float:
        return _HEIGHT * (top - snr_db) / (top - bottom)

    marks = {
        point.label: Mark(
            x=across(point.cost),
            y=down(point.snr_db),
            radius=(_BEST_SIZE if point.on_frontier else _SIZE) / 2,
            top=down(point.high_db),
            bottom=down(point.low_db),
        )
        for point in points
    }
    corners = sorted((marks[label].x, marks[label].y) for label in best)
    return label_sides(marks, best, _steps(corners), _WIDTH, _HEIGHT)


def _steps(corners: list[tuple[float, float]]) -> list[Box]:
    """The dashed line: from each corner to the right, then down to the next."""
    boxes = []
    for (x, y), (next_x, next_y) in pairwise(corners):
        boxes.append(Box(x, y - 2, next_x, y + 2))
        boxes.append(Box(next_x - 2, min(y, next_y), next_x + 2, max(y, next_y)))
    return boxes


def _traces(
    answers: Answers, cost: str, points: Sequence[CostPoint], visible: bool
) -> list[go.Scatter]:
    line = sorted((point.cost, -point.snr_db) for point in points if point.on_frontier)
    traces = [
        go.Scatter(
            x=[cost for cost, _ in line],
            y=[-below for _, below in line],
            mode="lines",
            line={"color": "#444B55", "width": 1.5, "dash": "dash", "shape": "hv"},
            hoverinfo="skip",
            visible=visible,
        )
    ]
    sides = _sides(points)
    for point in points:
        label = point.label
        trace = _trace(point, sides[label], answers.look[label], visible)
        wanted = format_required(answers.required[label])
        words = f"<b>{plotly_text(label)}</b><br>{plotly_text(wanted)}<br>{COST_LABELS[cost]}"
        trace.hovertemplate = f"{words}: %{{x:.3s}}<extra></extra>"
        traces.append(trace)
    return traces


def _trace(point: CostPoint, side: str | None, style: Style, visible: bool) -> go.Scatter:
    label, best = plotly_text(point.label), point.on_frontier
    named = side is not None
    return go.Scatter(
        x=[point.cost],
        y=[point.snr_db],
        name=label,
        legendgroup=point.label,
        # Where a page is narrow, names off the frontier are left to hovering: see page.js.
        meta="frontier" if best else "named" if named else "unnamed",
        mode="markers+text" if named else "markers",
        text=[f"<b>{label}</b>" if best else label],
        textposition=side or "top right",
        textfont={"size": 12 if best else 11, "color": style.colour if best else "#6B7480"},
        marker={
            "symbol": plotly_symbol(style),
            "size": _BEST_SIZE if best else _SIZE,
            "color": style.colour,
        },
        error_y=error_bars([point.snr_db], [point.low_db], [point.high_db]),
        visible=visible,
    )
