"""The HTML report: one self-contained file with interactive curves, the frontier and the table."""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from mimolearn.report.answers import (
    cost_of,
    format_count,
    format_required,
    format_us,
    frontier_labels,
    rows,
    verdict,
)
from mimolearn.report.figures import COST_LABELS
from mimolearn.report.style import Style, plotly_symbol, styles
from mimolearn.simulation import METRIC_LABELS, Comparison, Curve, Point

_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
}


def write_page(comparison: Comparison, path: Path) -> Path:
    """Write the report; it opens offline, in any browser, and prints."""
    look = styles([(curve.label, curve.contender.name) for curve in comparison.curves])
    path.write_text(
        render(
            "page.html",
            comparison=comparison,
            scenario=comparison.scenario,
            title=_title(comparison),
            verdict=verdict(comparison),
            rows=rows(comparison),
            look=look,
            unit=comparison.plan.metric.upper(),
            timing=next(iter(comparison.timings.values()), None),
            format_us=format_us,
            format_count=format_count,
            format_required=format_required,
            curves=plot_html(error_rate_plot(comparison, look)),
            frontier=plot_html(plot) if (plot := frontier_plot(comparison, look)) else None,
        ),
        encoding="utf-8",
    )
    return path


def render(template: str, **values: Any) -> str:
    """Fill in a template of this folder, with the shared style and the one copy of plotly."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    folder = files("mimolearn.report")
    source = environment.from_string(folder.joinpath(template).read_text("utf-8"))
    css = folder.joinpath("page.css").read_text("utf-8")
    return source.render(css=css, plotly_js=get_plotlyjs(), **values)


def error_rate_plot(comparison: Comparison, look: dict[str, Style]) -> go.Figure:
    """Error rate over SNR; hover shows counts and intervals, the legend toggles a receiver."""
    metric = comparison.plan.metric
    figure = go.Figure()
    for curve in comparison.curves:
        _add_curve(figure, curve, metric, look[curve.label])
    figure.add_hline(
        y=comparison.plan.target,
        line={"color": "#8A93A0", "width": 1, "dash": "dash"},
        annotation={"text": f"target {comparison.plan.target:g}", "font": {"size": 11}},
        annotation_position="top right",
    )
    figure.update_xaxes(title=comparison.snr_label)
    figure.update_yaxes(title=METRIC_LABELS[metric], type="log", exponentformat="power", dtick=1)
    return finish_plot(figure, 560)


def frontier_plot(comparison: Comparison, look: dict[str, Style]) -> go.Figure | None:
    """SNR needed against cost, with buttons for the kind of cost; None when nothing is placed."""
    costs = [cost for cost in COST_LABELS if frontier_labels(comparison, cost)]
    if not costs:
        return None
    figure = go.Figure()
    owner: list[str] = []
    for cost in costs:
        traces = _frontier_traces(comparison, cost, look, visible=cost == costs[0])
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
                "buttons": [
                    {
                        "label": {"vector_us": "time", "latency_us": "latency"}.get(cost, cost),
                        "method": "update",
                        "args": [
                            {"visible": [which == cost for which in owner]},
                            {"xaxis.title.text": COST_LABELS[cost]},
                        ],
                    }
                    for cost in costs
                ],
            }
        ],
    )
    target = f"{comparison.plan.metric.upper()} {comparison.plan.target:g}"
    figure.update_xaxes(title=COST_LABELS[costs[0]], type="log", exponentformat="SI", dtick="D2")
    figure.update_yaxes(title=f"SNR needed for {target} [dB]")
    return finish_plot(figure, 520)


def _add_curve(figure: go.Figure, curve: Curve, metric: str, style: Style) -> None:
    points = [point for point in curve.points if point.counts.errors(metric) > 0]
    if not points:
        return
    rates = [point.rate(metric) for point in points]
    bounds = [point.interval(metric) for point in points]
    hollow = [point.is_upper_limit(metric) for point in points]
    symbol = plotly_symbol(style)
    figure.add_trace(
        go.Scatter(
            x=[point.snr_db for point in points],
            y=rates,
            name=curve.label,
            mode="lines+markers",
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={
                "symbol": [f"{symbol}-open" if limit else symbol for limit in hollow],
                "size": 9,
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [b.high - rate for b, rate in zip(bounds, rates, strict=True)],
                "arrayminus": [rate - b.low for b, rate in zip(bounds, rates, strict=True)],
                "thickness": 1,
                "width": 3,
            },
            customdata=[_hover(point, metric) for point in points],
            hovertemplate="<b>%{fullData.name}</b> at %{x:g} dB<br>%{customdata}<extra></extra>",
        )
    )


def _hover(point: Point, metric: str) -> str:
    counts, bounds = point.counts, point.interval(metric)
    lines = [
        f"{metric.upper()} {point.rate(metric):.3g}, "
        f"95 % interval {bounds.low:.3g} to {bounds.high:.3g}",
        f"{counts.errors(metric):,} errors in {counts.trials(metric):,} "
        f"({counts.vectors:,} vectors)",
    ]
    if point.is_upper_limit(metric):
        lines.append("fewer than 100 errors: read it as an upper limit")
    if counts.incomplete:
        lines.append(f"{counts.incomplete:,} searches hit their node limit")
    if counts.nonfinite:
        lines.append(f"{counts.nonfinite:,} vectors without a finite output, counted as wrong")
    return "<br>".join(lines)


def _frontier_traces(
    comparison: Comparison, cost: str, look: dict[str, Style], visible: bool
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
    places = _label_places(comparison, cost)
    for curve in comparison.curves:
        if curve.label not in places:
            continue
        estimate, place = comparison.required_snr(curve.label), places[curve.label]
        best = curve.label in names
        low = place.y if estimate.low_db is None else estimate.low_db
        high = place.y if estimate.high_db is None else estimate.high_db
        style = look[curve.label]
        traces.append(
            go.Scatter(
                x=[place.x],
                y=[place.y],
                name=curve.label,
                mode="markers+text",
                text=[f"<b>{curve.label}</b>" if best else curve.label],
                textposition=place.side,
                textfont={"size": 12 if best else 11, "color": style.colour if best else "#6B7480"},
                marker={
                    "symbol": plotly_symbol(style),
                    "size": 13 if best else 9,
                    "color": style.colour,
                    "opacity": 1 if best else 0.7,
                },
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [high - place.y],
                    "arrayminus": [place.y - low],
                    "thickness": 1,
                },
                hovertemplate=(
                    f"<b>{curve.label}</b><br>{format_required(estimate)}<br>"
                    f"{COST_LABELS[cost]}: %{{x:.3s}}<extra></extra>"
                ),
                visible=visible,
            )
        )
    return traces


class _Place(NamedTuple):
    """Where a point lies, and on which side of it its name is written."""

    x: float
    y: float
    side: str


def _label_places(comparison: Comparison, cost: str) -> dict[str, _Place]:
    """Every placed receiver, names kept apart: each takes the first side that no neighbour has."""
    found: dict[str, tuple[float, float]] = {}
    for curve in comparison.curves:
        value = cost_of(comparison, curve.label, cost)
        snr = comparison.required_snr(curve.label).value_db
        if value is not None and snr is not None:
            found[curve.label] = (value, snr)
    if not found:
        return {}
    logs = [math.log10(value) for value, _ in found.values()]
    heights = [snr for _, snr in found.values()]
    width, height = max(logs) - min(logs) or 1.0, max(heights) - min(heights) or 1.0
    placed: dict[str, _Place] = {}
    for label, (x, y) in sorted(found.items(), key=lambda item: item[1]):
        near = {
            place.side
            for place in placed.values()
            if abs(math.log10(x / place.x)) < 0.2 * width and abs(y - place.y) < 0.08 * height
        }
        on_the_right = (math.log10(x) - min(logs)) / width > 0.8
        sides = ["top right", "bottom right", "top left", "bottom left", "top center"]
        if on_the_right:
            sides = ["top left", "bottom left", "top center", "bottom center"]
        placed[label] = _Place(x, y, next((side for side in sides if side not in near), sides[0]))
    return placed


def finish_plot(figure: go.Figure, height: int) -> go.Figure:
    """The look that all plots share."""
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 70, "r": 20, "t": 40, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#1C2430"},
        hovermode="closest",
        legend={"bgcolor": "rgba(255,255,255,0.8)"},
    )
    return figure


def plot_html(figure: go.Figure) -> Any:
    """A plot as a part of a page that carries plotly."""
    # include_plotlyjs=False: the page carries the script once. Markup made by plotly is trusted.
    return Markup(figure.to_html(full_html=False, include_plotlyjs=False, config=_CONFIG))


def _title(comparison: Comparison) -> str:
    s = comparison.scenario
    size = f"{s.num_tx_ant} × {s.num_rx_ant} {s.constellation.upper()}"
    return f"{size} over {s.channel.model}"
