"""The interactive frontier: SNR needed against cost, with names that do not cover each other."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import plotly.graph_objects as go

from mimolearn.report.answers import cost_of, format_required, frontier_labels
from mimolearn.report.drawing import plotly_text
from mimolearn.report.figures import COST_LABELS
from mimolearn.report.labels import Box, Mark, place_labels
from mimolearn.report.style import Style, plotly_symbol
from mimolearn.studies import Comparison, Curve

# What names are kept apart for, in pixels: the plot in the column of a desktop's page. A page that
# is narrower writes the names on the frontier alone (page.js).
_WIDTH, _HEIGHT = 880, 410
_MARGIN = 0.05
_BEST_SIZE, _SIZE = 13, 9


class _CostPoint(NamedTuple):
    """The cost of a receiver, the SNR it needs with its interval, and the side of its name."""

    curve: Curve
    x: float
    y: float
    low: float
    high: float
    side: str | None = None


def frontier_plot(comparison: Comparison, line_styles: dict[str, Style]) -> go.Figure | None:
    """SNR needed against cost, with buttons for the kind of cost; None when nothing is placed."""
    costs = [cost for cost in COST_LABELS if frontier_labels(comparison, cost)]
    if not costs:
        return None
    figure = go.Figure()
    owner: list[str] = []
    axes: dict[str, dict[str, Any]] = {}
    for cost in costs:
        points = _cost_points(comparison, cost)
        axes[cost] = _axis(points, cost)
        traces = _traces(comparison, cost, points, line_styles, visible=cost == costs[0])
        figure.add_traces(traces)
        owner += [cost] * len(traces)
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
                "buttons": [_button(cost, owner, axes[cost]) for cost in costs],
            }
        ],
    )
    figure.update_xaxes(type="log", **axes[costs[0]])
    target = f"{comparison.plan.metric.upper()} {comparison.plan.target:g}"
    low, high = _snr_range(_cost_points(comparison, costs[0]))
    figure.update_yaxes(title=f"SNR needed for {target} [dB]", range=[low, high])
    return figure


def _button(cost: str, owner: list[str], axis: dict[str, Any]) -> dict[str, Any]:
    label = {"vector_us": "time", "latency_us": "latency"}.get(cost, cost)
    layout = {f"xaxis.{key}": value for key, value in axis.items() if key != "title"}
    layout["xaxis.title.text"] = axis["title"]
    shown = {"visible": [which == cost for which in owner]}
    return {"label": label, "method": "update", "args": [shown, layout]}


def _axis(points: list[_CostPoint], cost: str) -> dict[str, Any]:
    """A logarithmic axis of cost with ticks at 1, 2 and 5."""
    low, high = _cost_range(points)
    values = [
        digit * 10.0**power
        for power in range(math.floor(low), math.ceil(high) + 1)
        for digit in (1, 2, 5)
        if low <= math.log10(digit) + power <= high
    ]
    return {
        "title": COST_LABELS[cost],
        "range": [low, high],
        "tickvals": values,
        "ticktext": [_short(value) for value in values],
    }


def _short(value: float) -> str:
    """A tick's number as people write it: 0.5, 20, 5k, 2M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _cost_range(points: list[_CostPoint]) -> tuple[float, float]:
    """Ends of the axis, as powers of ten."""
    return _widened([math.log10(point.x) for point in points])


def _snr_range(points: list[_CostPoint]) -> tuple[float, float]:
    return _widened([end for point in points for end in (point.low, point.high)])


def _widened(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    edge = _MARGIN * ((high - low) or 1.0)
    return low - edge, high + edge


def _cost_points(comparison: Comparison, cost: str) -> list[_CostPoint]:
    """Every receiver that has a point, with the side on which its name finds room, if any."""
    points = []
    for curve in comparison.curves:
        value = cost_of(comparison, curve.label, cost)
        estimate = comparison.required_snr(curve.label)
        if value is None or estimate.value_db is None:
            continue
        low = estimate.value_db if estimate.low_db is None else estimate.low_db
        high = estimate.value_db if estimate.high_db is None else estimate.high_db
        points.append(_CostPoint(curve, value, estimate.value_db, low, high))
    best = frontier_labels(comparison, cost)
    (left, right), (bottom, top) = _cost_range(points), _snr_range(points)

    def across(value: float) -> float:
        return _WIDTH * (math.log10(value) - left) / (right - left)

    def down(snr_db: float) -> float:
        return _HEIGHT * (top - snr_db) / (top - bottom)

    marks = {
        point.curve.label: Mark(
            x=across(point.x),
            y=down(point.y),
            radius=(_BEST_SIZE if point.curve.label in best else _SIZE) / 2,
            top=down(point.high),
            bottom=down(point.low),
        )
        for point in points
    }
    corners = sorted((marks[label].x, marks[label].y) for label in best)
    sides = place_labels(marks, best, _steps(corners), _WIDTH, _HEIGHT)
    return [point._replace(side=sides[point.curve.label]) for point in points]


def _steps(corners: list[tuple[float, float]]) -> list[Box]:
    """The dashed line: from each corner to the right, then down to the next."""
    boxes = []
    for (x, y), (next_x, next_y) in pairwise(corners):
        boxes.append(Box(x, y - 2, next_x, y + 2))
        boxes.append(Box(next_x - 2, min(y, next_y), next_x + 2, max(y, next_y)))
    return boxes


def _traces(
    comparison: Comparison,
    cost: str,
    points: list[_CostPoint],
    line_styles: dict[str, Style],
    visible: bool,
) -> list[go.Scatter]:
    names = frontier_labels(comparison, cost)
    line = [
        (cost_of(comparison, name, cost), comparison.required_snr(name).value_db) for name in names
    ]
    traces = [
        go.Scatter(
            x=[x for x, _ in line],
            y=[y for _, y in line],
            mode="lines",
            line={"color": "#444B55", "width": 1.5, "dash": "dash", "shape": "hv"},
            hoverinfo="skip",
            visible=visible,
        )
    ]
    for point in points:
        label = point.curve.label
        trace = _point(point, label in names, line_styles[label], visible)
        wanted = format_required(comparison.required_snr(label))
        words = f"<b>{plotly_text(label)}</b><br>{plotly_text(wanted)}<br>{COST_LABELS[cost]}"
        trace.hovertemplate = f"{words}: %{{x:.3s}}<extra></extra>"
        traces.append(trace)
    return traces


def _point(point: _CostPoint, best: bool, style: Style, visible: bool) -> go.Scatter:
    label = plotly_text(point.curve.label)
    named = point.side is not None
    return go.Scatter(
        x=[point.x],
        y=[point.y],
        name=label,
        # Where a page is narrow, names off the frontier are left to hovering: see page.js.
        meta="frontier" if best else "named" if named else "unnamed",
        mode="markers+text" if named else "markers",
        text=[f"<b>{label}</b>" if best else label],
        textposition=point.side or "top right",
        textfont={"size": 12 if best else 11, "color": style.colour if best else "#6B7480"},
        marker={
            "symbol": plotly_symbol(style),
            "size": _BEST_SIZE if best else _SIZE,
            "color": style.colour,
        },
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [point.high - point.y],
            "arrayminus": [point.y - point.low],
            "thickness": 1,
        },
        visible=visible,
    )
