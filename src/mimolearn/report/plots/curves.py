"""Error rates over SNR as an interactive plot."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from mimolearn.report.answers import Answers, Loss, Rate
from mimolearn.report.overlay import Published
from mimolearn.report.plots.interactive import error_bars, finish_plot, plotly_text, symbols
from mimolearn.report.style import Style, plotly_symbol
from mimolearn.studies import METRIC_LABELS


def error_rate_plot(answers: Answers) -> go.Figure:
    """Error rate over SNR; hover shows counts and intervals, the legend toggles a receiver.

    Published curves are dashed, with hollow markers.
    """
    figure = go.Figure()
    for label, rates in answers.rates.items():
        _add_curve(figure, label, rates, answers.metric, answers.look[label])
    for curve in answers.published:
        figure.add_trace(_published(curve, answers.look[curve.name]))
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
            legendgroup=label,
            mode="lines+markers",
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"symbol": symbols(style, [rate.is_unsure for rate in seen]), "size": 9},
            error_y=bars,
            customdata=[_hover(rate, metric) for rate in seen],
            hovertemplate="<b>%{fullData.name}</b> at %{x:g} dB<br>%{customdata}<extra></extra>",
        )
    )


def behind_plot(answers: Answers) -> go.Figure | None:
    """How many dB each receiver is behind the best at equal error rates; None without a best.

    It tells curves apart that coincide over SNR. Bars are paired intervals at the target.
    """
    behind = {label: line for label, line in answers.behind.items() if line}
    if not behind:
        return None
    figure = go.Figure()
    for label, line in behind.items():
        style = answers.look[label]
        figure.add_trace(
            go.Scatter(
                x=[rate for rate, _ in line],
                y=[value for _, value in line],
                name=plotly_text(label),
                legendgroup=label,
                mode="lines",
                line={"color": style.colour, "dash": style.dash, "width": 2},
                hovertemplate=(
                    f"<b>%{{fullData.name}}</b> at {answers.metric.upper()} %{{x:.2g}}"
                    "<br>%{y:.2f} dB behind the best<extra></extra>"
                ),
            )
        )
    for row in answers.rows:
        if row.loss is not None and row.label in behind:
            figure.add_trace(_loss(answers, row.label, row.loss))
    figure.add_vline(x=answers.target, line={"color": "#8A93A0", "width": 1, "dash": "dash"})
    rates = [rate for line in behind.values() for rate, _ in line]
    figure.update_xaxes(
        title=METRIC_LABELS[answers.metric],
        type="log",
        exponentformat="power",
        dtick=1,
        range=[math.log10(max(rates)) + 0.05, math.log10(min(rates)) - 0.05],
    )
    figure.update_yaxes(title="dB behind the best", range=behind_range(answers))
    return finish_plot(figure, 300)


def behind_range(answers: Answers) -> tuple[float, float]:
    """Ends of the axis of dB: those far behind must not press the others together."""
    losses = sorted(row.loss.value_db for row in answers.rows if row.loss is not None)
    values = [value for line in answers.behind.values() for _, value in line]
    typical = losses[len(losses) // 2] if losses else 0.0
    high = min(max(values), max(3 * typical, 0.5))
    low = max(min(values), -0.5 * high)
    # Where all are equally good the axis still has a height.
    edge = 0.06 * max(high - low, 0.5)
    return low - edge, high + edge


def _loss(answers: Answers, label: str, loss: Loss) -> go.Scatter:
    """The mark of a receiver at the target."""
    style = answers.look[label]
    bars = error_bars([loss.value_db], [loss.low_db], [loss.high_db], width=3)
    words = f"{loss.value_db:.2f} dB [{loss.low_db:.2f}, {loss.high_db:.2f}] behind the best"
    return go.Scatter(
        x=[answers.target],
        y=[loss.value_db],
        name=plotly_text(label),
        legendgroup=label,
        showlegend=False,
        mode="markers",
        marker={"symbol": plotly_symbol(style), "size": 9, "color": style.colour},
        error_y=bars,
        hovertemplate=f"<b>%{{fullData.name}}</b> at {answers.goal}<br>{words}<extra></extra>",
    )


def _published(curve: Published, style: Style) -> go.Scatter:
    return go.Scatter(
        x=[snr_db for snr_db, _ in curve.points],
        y=[rate for _, rate in curve.points],
        name=plotly_text(curve.name),
        legendgroup=curve.name,
        mode="lines+markers",
        line={"color": style.colour, "dash": "dash", "width": 1.5},
        marker={"symbol": f"{plotly_symbol(style)}-open", "size": 10},
        hovertemplate="<b>%{fullData.name}</b> at %{x:g} dB: %{y:.3g}<extra></extra>",
    )


def _hover(rate: Rate, metric: str) -> str:
    point, counts = rate.point, rate.point.counts
    lines = [
        f"{metric.upper()} {rate.value:.3g}, 95 % interval {rate.low:.3g} to {rate.high:.3g}",
        f"{rate.errors:,} errors in {counts.trials(metric):,} ({counts.vectors:,} vectors)",
    ]
    if rate.is_unsure:
        few = point.effective_clusters(metric)
        lines.append(f"errors worth those of {few:.1f} equally bad channels: unsure")
    if counts.incomplete:
        lines.append(f"{counts.incomplete:,} searches hit their node limit")
    if counts.nonfinite:
        lines.append(f"{counts.nonfinite:,} vectors without a finite output, counted as wrong")
    return "<br>".join(lines)
