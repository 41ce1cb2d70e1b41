"""Beamforming results: tables for the terminal, plots, and one self-contained HTML page."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import user_path
from mimolearn.report.answers import UNSURE_MARK
from mimolearn.report.fitted import Column, FittedTable
from mimolearn.report.style import Style, plotly_symbol, styles
from mimolearn.results.beam_comparison import FLOOR, BeamComparison, BeamCurve
from mimolearn.results.statistics import ENOUGH_CLUSTERS

REPORT_NAME = "report.html"


def beam_table(result: BeamComparison) -> FittedTable:
    """Mean and geometric mean of the error rate by SNR, time and parameters."""
    table = FittedTable(
        Column("beamformer", "name"),
        *(Column(f"{snr:g} dB") for snr in result.snr_db),
        Column("ms a channel"),
        Column("parameters", rank=1),
    )
    for curve in result.curves:
        cells = [
            f"{p.mean:.2e}{UNSURE_MARK if p.is_unsure() else ''} ({p.geometric_mean:.0e})"
            for p in curve.points
        ]
        spent = "–" if curve.design_ms is None else f"{curve.design_ms:.2f}"
        table.add_row(curve.label, *cells, spent, f"{curve.parameters:,}")
    return table


def beam_notes(result: BeamComparison) -> list[str]:
    """How to read the table, and which designs no other beats in time and error rate."""
    lines = [
        f"Exact symbol-error rates, mean over {result.channels} channels, in brackets "
        "the geometric mean; the same channels for all. Means have heavy tails: a few channels "
        "own them."
    ]
    worst = [
        f"{c.label} at {p.snr_db:g} dB [{p.interval().low:.1e}, {p.interval().high:.1e}]"
        for c in result.curves[-1:]
        for p in c.points[-1:]
    ]
    lines.append("Width of a 95 % interval, for one: " + worst[0] + ".")
    if any(p.is_unsure() for c in result.curves for p in c.points):
        lines.append(
            f"{UNSURE_MARK}, and hollow markers: the mean is worth that of fewer than "
            f"{ENOUGH_CLUSTERS} equally bad channels, its interval may be too narrow."
        )
    middle = result.snr_db[len(result.snr_db) // 2]
    front = result.frontier(middle)
    if front:
        lines.append(f"Best at their speed, at {middle:g} dB: {', '.join(front)}.")
    return lines


def write_beam_report(result: BeamComparison, folder: str | Path) -> Path:
    """Write ``report.html`` and the figures (PNG, SVG, PDF) into a folder; returns the page."""
    from mimolearn.report.page import plot_html, render

    folder = user_path(folder)
    line_styles = styles([(curve.label, curve.contender.name) for curve in result.curves])
    save_beam_figures(result, line_styles, folder)
    path = folder / REPORT_NAME
    frontier = beam_frontier_plot(result, line_styles)
    page = render(
        "beams.html",
        title=_title(result),
        result=result,
        line_styles=line_styles,
        notes=beam_notes(result),
        mean=plot_html(beam_plot(result, line_styles, geometric=False)),
        geometric=plot_html(beam_plot(result, line_styles, geometric=True)),
        frontier=plot_html(frontier) if frontier is not None else None,
        floor=FLOOR,
    )
    write_atomically(path, page)
    return path


def beam_plot(result: BeamComparison, line_styles: dict[str, Style], *, geometric: bool) -> Any:
    """Error rate over SNR, mean or geometric mean, with 95 % intervals over channels."""
    import plotly.graph_objects as go

    from mimolearn.report.drawing import plotly_text
    from mimolearn.report.page import finish_plot

    figure = go.Figure()
    for curve in result.curves:
        style, points = line_styles[curve.label], curve.points
        values = [p.geometric_mean if geometric else p.mean for p in points]
        bounds = [p.geometric_interval() if geometric else p.interval() for p in points]
        figure.add_trace(
            go.Scatter(
                x=[p.snr_db for p in points],
                y=values,
                name=plotly_text(curve.label),
                mode="lines+markers",
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={
                    "symbol": [
                        f"{plotly_symbol(style)}-open" if hollow else plotly_symbol(style)
                        for hollow in (not geometric and p.is_unsure() for p in points)
                    ],
                    "size": 9,
                },
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [b.high - v for b, v in zip(bounds, values, strict=True)],
                    "arrayminus": [v - b.low for b, v in zip(bounds, values, strict=True)],
                    "thickness": 1,
                },
            )
        )
    kind = "geometric mean" if geometric else "mean"
    figure.update_xaxes(title=result.snr_label)
    figure.update_yaxes(
        title=f"Symbol error rate, {kind} over channels", type="log", exponentformat="power"
    )
    return finish_plot(figure, 520)


def beam_frontier_plot(result: BeamComparison, line_styles: dict[str, Style]) -> Any:
    """Mean error rate at the middle SNR over the time of a design; None without times."""
    import plotly.graph_objects as go

    from mimolearn.report.drawing import plotly_text
    from mimolearn.report.page import finish_plot

    middle = result.snr_db[len(result.snr_db) // 2]
    timed = [curve for curve in result.curves if curve.design_ms is not None]
    if not timed:
        return None
    figure = go.Figure()
    front = [result.curve(label) for label in result.frontier(middle)]
    times = [_design_ms(curve) for curve in timed]
    halfway = math.sqrt(min(times) * max(times))
    figure.add_trace(
        go.Scatter(
            x=[curve.design_ms for curve in front],
            y=[curve.at(middle).mean for curve in front],
            mode="lines",
            line={"color": "#444B55", "width": 1.5, "dash": "dash", "shape": "hv"},
            hoverinfo="skip",
        )
    )
    for curve in timed:
        style, label = line_styles[curve.label], plotly_text(curve.label)
        figure.add_trace(
            go.Scatter(
                x=[curve.design_ms],
                y=[curve.at(middle).mean],
                name=label,
                # Where a page is narrow, only names on the frontier are written: see page.js.
                meta="frontier" if curve in front else "named",
                mode="markers+text",
                text=[label],
                textposition="top left" if _design_ms(curve) > halfway else "top right",
                hovertemplate=(
                    f"<b>{label}</b><br>%{{y:.3g}} at %{{x:.3g}} ms a channel<extra></extra>"
                ),
                marker={"symbol": plotly_symbol(style), "size": 12, "color": style.colour},
            )
        )
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title="Time of a design [ms a channel]", type="log", dtick="D2")
    figure.update_yaxes(title=f"Mean symbol error rate at {middle:g} dB", type="log")
    return finish_plot(figure, 520)


def _design_ms(curve: BeamCurve) -> float:
    """The time of a design, of a curve that was timed."""
    assert curve.design_ms is not None
    return curve.design_ms


def save_beam_figures(
    result: BeamComparison, line_styles: dict[str, Style], folder: Path
) -> list[Path]:
    """Write ``error-rate.*``: the mean over SNR, for a paper or a slide."""
    from mimolearn.report.drawing import save_figure

    figure = beam_figure(result, line_styles)
    return save_figure(figure, folder, "error-rate", ("png", "svg", "pdf"), dpi=200)


def beam_figure(result: BeamComparison, line_styles: dict[str, Style]) -> Any:
    """Mean error rate over SNR with 95 % intervals, as a matplotlib figure."""
    import matplotlib

    from mimolearn.report.drawing import FONT, add_legend, new_figure
    from mimolearn.report.figures import DASHES

    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.8)
        drawn = {}
        for curve in result.curves:
            style, values = line_styles[curve.label], [p.mean for p in curve.points]
            bounds = [p.interval() for p in curve.points]
            low = [v - b.low for v, b in zip(values, bounds, strict=True)]
            high = [b.high - v for v, b in zip(values, bounds, strict=True)]
            drawn[curve.label] = axes.errorbar(
                result.snr_db,
                values,
                yerr=[low, high],
                color=style.colour,
                ls=DASHES[style.dash],
                marker=style.marker,
                ms=4.5,
                lw=1.3,
                capsize=1.5,
                elinewidth=0.8,
            )
            unsure = [(p.snr_db, p.mean) for p in curve.points if p.is_unsure()]
            axes.plot(
                [snr_db for snr_db, _ in unsure],
                [mean for _, mean in unsure],
                style.marker,
                ms=4.5,
                mec=style.colour,
                mfc="white",
                zorder=3,
            )
        axes.set_yscale("log")
        axes.set_xlabel(result.snr_label)
        axes.set_ylabel("Symbol error rate, mean over channels")
        axes.grid(which="major", color="#E2E5EA", lw=0.7)
        add_legend(axes, drawn, loc="lower left")
        axes.set_title(_title(result), fontsize=9.5, loc="left")
    return figure


def _title(result: BeamComparison) -> str:
    s, a = result.scenario, result.scenario.array
    size = f"{a.num_tx_ant} antennas and {a.num_tx_chains} chains to {a.num_users} users"
    return f"{size}, {s.constellation.upper()} over {s.channel.model}"
