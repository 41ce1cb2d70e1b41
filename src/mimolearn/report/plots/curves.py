"""Error rates over SNR as an interactive plot."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from mimolearn.report.answers import Answers, Rate
from mimolearn.report.plots.interactive import error_bars, finish_plot, plotly_text, symbols
from mimolearn.report.style import Style
from mimolearn.studies import METRIC_LABELS


def error_rate_plot(answers: Answers) -> go.Figure:
    """Error rate over SNR; hover shows counts and intervals, the legend toggles a receiver."""
    figure = go.Figure()
    for label, rates in answers.rates.items():
        _add_curve(figure, label, rates, answers.metric, answers.look[label])
    target = answers.target
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
    figure.update_xaxes(title=answers.comparison.snr_label)
    figure.update_yaxes(
        title=METRIC_LABELS[answers.metric], type="log", exponentformat="power", dtick=1
    )
    return finish_plot(figure, 560)


def _add_curve(
    figure: go.Figure, label: str, rates: Sequence[Rate], metric: str, style: Style
) -> None:
    seen = [rate for rate in rates if rate.errors > 0]
    if not seen:
        return
    values = [rate.value for rate in seen]
    bars = error_bars(values, [rate.low for rate in seen], [rate.high for rate in seen], width=3)
    figure.add_trace(
        go.Scatter(
            x=[rate.snr_db for rate in seen],
            y=values,
            name=plotly_text(label),
            mode="lines+markers",
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"symbol": symbols(style, [rate.is_unsure for rate in seen]), "size": 9},
            error_y=bars,
            customdata=[_hover(rate, metric) for rate in seen],
            hovertemplate="<b>%{fullData.name}</b> at %{x:g} dB<br>%{customdata}<extra></extra>",
        )
    )


def _hover(rate: Rate, metric: str) -> str:
    point, counts = rate.point, rate.point.counts
    lines = [
        f"{metric.upper()} {rate.value:.3g}, 95 % interval {rate.low:.3g} to {rate.high:.3g}",
        f"{rate.errors:,} errors in {counts.trials(metric):,} ({counts.vectors:,} vectors)",
    ]
    if point.is_upper_limit(metric):
        lines.append("fewer than 100 errors: read it as an upper limit")
    elif rate.is_unsure:
        few = point.effective_clusters(metric)
        lines.append(f"errors worth those of {few:.1f} equally bad channels: unsure")
    if counts.incomplete:
        lines.append(f"{counts.incomplete:,} searches hit their node limit")
    if counts.nonfinite:
        lines.append(f"{counts.nonfinite:,} vectors without a finite output, counted as wrong")
    return "<br>".join(lines)
