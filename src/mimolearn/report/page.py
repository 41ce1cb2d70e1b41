"""The HTML report: one self-contained file with interactive curves, the frontier and the table."""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.report.answers import (
    cautions,
    format_count,
    format_required,
    format_us,
    rows,
    unsure_words,
    verdict,
)
from mimolearn.report.drawing import plotly_text
from mimolearn.report.frontier import frontier_plot
from mimolearn.report.style import Style, plotly_symbol, styles
from mimolearn.studies import METRIC_LABELS, Comparison, Curve, Point
from mimolearn.studies.stopping import StopRule

_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
}


def write_page(comparison: Comparison, path: Path) -> Path:
    """Write the report; it opens offline, in any browser, and prints."""
    line_styles = styles([(curve.label, curve.contender.name) for curve in comparison.curves])
    write_atomically(
        path,
        render(
            "page.html",
            comparison=comparison,
            scenario=comparison.scenario,
            title=_title(comparison),
            verdict=verdict(comparison),
            cautions=cautions(comparison),
            unsure=unsure_words(comparison.plan.metric),
            clusters=f"{StopRule.of(comparison.plan).min_clusters:g}",
            rows=rows(comparison),
            line_styles=line_styles,
            unit=comparison.plan.metric.upper(),
            timing=next(iter(comparison.timings.values()), None),
            format_us=format_us,
            format_count=format_count,
            format_required=format_required,
            curves=plot_html(error_rate_plot(comparison, line_styles)),
            frontier=plot_html(finish_plot(plot, 520))
            if (plot := frontier_plot(comparison, line_styles))
            else None,
        ),
    )
    return path


def render(template: str, **values: Any) -> str:
    """Fill in a template of this folder, with the shared style and the one copy of plotly."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    folder = files("mimolearn.report")
    source = environment.from_string(folder.joinpath(template).read_text("utf-8"))
    css, script = (folder.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return source.render(css=css, page_js=script, plotly_js=get_plotlyjs(), **values)


def error_rate_plot(comparison: Comparison, line_styles: dict[str, Style]) -> go.Figure:
    """Error rate over SNR; hover shows counts and intervals, the legend toggles a receiver."""
    metric = comparison.plan.metric
    figure = go.Figure()
    for curve in comparison.curves:
        _add_curve(figure, curve, metric, line_styles[curve.label])
    target = comparison.plan.target
    figure.add_hline(y=target, line={"color": "#8A93A0", "width": 1, "dash": "dash"})
    # On a logarithmic axis an annotation stands at the logarithm.
    figure.add_annotation(
        text=f"target {target:g}",
        font={"size": 11},
        x=0,
        xref="paper",
        xanchor="left",
        y=math.log10(target),
        yanchor="bottom",
        showarrow=False,
    )
    figure.update_xaxes(title=comparison.snr_label)
    figure.update_yaxes(title=METRIC_LABELS[metric], type="log", exponentformat="power", dtick=1)
    return finish_plot(figure, 560)


def _add_curve(figure: go.Figure, curve: Curve, metric: str, style: Style) -> None:
    points = [point for point in curve.points if point.counts.errors(metric) > 0]
    if not points:
        return
    rates = [point.rate(metric) for point in points]
    bounds = [point.interval(metric) for point in points]
    hollow = [point.is_unsure(metric) for point in points]
    symbol = plotly_symbol(style)
    figure.add_trace(
        go.Scatter(
            x=[point.snr_db for point in points],
            y=rates,
            name=plotly_text(curve.label),
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
    elif point.is_unsure(metric):
        few = point.effective_clusters(metric)
        lines.append(f"errors worth those of {few:.1f} equally bad channels: unsure")
    if counts.incomplete:
        lines.append(f"{counts.incomplete:,} searches hit their node limit")
    if counts.nonfinite:
        lines.append(f"{counts.nonfinite:,} vectors without a finite output, counted as wrong")
    return "<br>".join(lines)


def finish_plot(figure: go.Figure, height: int) -> go.Figure:
    """The line_styles that all plots share."""
    figure.update_layout(
        template="plotly_white",
        # On paper a plot may be wider than its frame, which it must not paint over.
        paper_bgcolor="rgba(255,255,255,0)",
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
