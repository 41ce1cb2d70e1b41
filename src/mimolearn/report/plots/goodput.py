"""Figures of links over a resource grid: goodput, error rates of every MCS, the time of a slot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import plotly.graph_objects as go
from matplotlib.figure import Figure

from mimolearn.report.answers import Answers
from mimolearn.report.goodput_answers import GoodputAnswers, SlotTime
from mimolearn.report.plots.drawing import DASHES, FONT, add_legend, new_figure, save_figure
from mimolearn.report.plots.interactive import (
    error_bars,
    finish_plot,
    plotly_text,
    short_ticks,
    symbols,
)
from mimolearn.report.style import COST_LABELS, Style, plotly_symbol
from mimolearn.results.goodput import Goodput
from mimolearn.studies import METRIC_LABELS

_PARTS = ("estimation", "detection", "decoding")
_PART_COLOURS = ("#9AA5B1", "#2176C7", "#E0761A")
_HOVER = "<b>%{fullData.name}</b> at %{x:g} dB<br>%{customdata}<extra></extra>"
_GRID = {"which": "major", "color": "#E2E5EA", "lw": 0.7}


def save_goodput_figures(
    answers: GoodputAnswers, folder: Path, formats: Sequence[str] = ("png", "svg", "pdf")
) -> list[Path]:
    """Write ``goodput.*``, ``error-rate.*`` and, where times exist, ``slot-time.*``.

    Args:
        answers: what is drawn.
        folder: for the files.
        formats: suffixes of files that matplotlib writes.

    Returns:
        the paths.

    Raises:
        OSError: a file cannot be written.
    """
    drawn = {"goodput": goodput_figure(answers), "error-rate": block_figure(answers)}
    if answers.times:
        drawn["slot-time"] = time_figure(list(answers.times.values()), answers.title)
    paths: list[Path] = []
    for name, figure in drawn.items():
        paths += save_figure(figure, folder, name, formats, dpi=200)
    return paths


def slot_times(answers: Answers) -> list[SlotTime]:
    """Where the time of a slot goes at one MCS, in the order of the answers."""
    timings = answers.comparison.timings
    timed = ((row.label, timings.get(row.label)) for row in answers.rows)
    return [
        SlotTime(label, timing.slot_parts_us, timing.snr_db)
        for label, timing in timed
        if timing is not None and timing.slot_us > 0
    ]


def goodput_figure(answers: GoodputAnswers) -> Figure:
    """Goodput of the best MCS over SNR with 95 % intervals, the MCS beside each point."""
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.8)
        drawn = {}
        for label, line in answers.envelopes.items():
            style = answers.look[label]
            values, low, high = _bounds(line)
            drawn[label] = axes.errorbar(
                [one.snr_db for one in line],
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
        axes.set_xlabel(answers.study.comparisons[0].snr_label)
        axes.set_ylabel("Goodput of the best MCS [bit/slot]")
        axes.grid(**_GRID)
        add_legend(axes, drawn, loc="upper left")
        axes.set_title(answers.title, fontsize=9.5, loc="left")
    return figure


def block_figure(answers: GoodputAnswers) -> Figure:
    """The plan's error rate over SNR: a colour for each receiver, a line for each MCS."""
    named: set[str] = set()
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.8)
        drawn = {}
        for label, name, snr_db, values in _lines(answers):
            style = answers.look[label]
            (line,) = axes.plot(
                snr_db, values, color=style.colour, ls=DASHES[style.dash], marker=style.marker, ms=4
            )
            # Once for each MCS: curves of several receivers lie close together.
            if name not in named:
                named.add(name)
                axes.annotate(
                    name,
                    (snr_db[0], values[0]),
                    xytext=(0, 6),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7,
                    color="#444B55",
                )
            drawn[label] = line
        first = answers.answers[0]
        axes.set_yscale("log")
        axes.set_xlabel(first.comparison.snr_label)
        axes.set_ylabel(f"{METRIC_LABELS[first.metric]}, by MCS")
        axes.grid(**_GRID)
        add_legend(axes, drawn, loc="lower left")
        axes.set_title(answers.title, fontsize=9.5, loc="left")
    return figure


def time_figure(times: Sequence[SlotTime], title: str) -> Figure:
    """Microseconds a slot of every receiver, estimation, detection and decoding stacked.

    Args:
        times: one for each receiver.
        title: above it.
    """
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 1.4 + 0.32 * len(times))
        rows = range(len(times))
        begin = [0.0] * len(times)
        drawn = {}
        for i, (part, colour) in enumerate(zip(_PARTS, _PART_COLOURS, strict=True)):
            spent = [one.parts_us[i] for one in times]
            drawn[part] = axes.barh(rows, spent, left=begin, color=colour, height=0.65)
            begin = [before + more for before, more in zip(begin, spent, strict=True)]
        axes.set_yticks(list(rows), [one.label for one in times])
        for tick in axes.get_yticklabels():
            tick.set_parse_math(False)
        axes.invert_yaxis()
        # Room for the legend behind the longest bar.
        axes.set_xlim(0, 1.45 * max(begin))
        axes.set_xlabel(COST_LABELS["slot_us"])
        axes.grid(axis="x", **_GRID)
        axes.set_axisbelow(True)
        add_legend(axes, drawn, loc="lower right", ncols=1)
        axes.set_title(title, fontsize=9.5, loc="left")
    return figure


def goodput_plot(answers: GoodputAnswers) -> go.Figure:
    """Goodput of the best MCS over SNR; hover shows the MCS and the block error rate."""
    figure = go.Figure()
    for label, line in answers.envelopes.items():
        style = answers.look[label]
        values = [one.bits_per_slot for one in line]
        lows, highs = [one.interval.low for one in line], [one.interval.high for one in line]
        figure.add_trace(
            go.Scatter(
                x=[one.snr_db for one in line],
                y=values,
                name=plotly_text(label),
                legendgroup=label,
                mode="lines+markers",
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"symbol": symbols(style, [False] * len(line)), "size": 9},
                error_y=error_bars(values, lows, highs),
                customdata=[_hover(one) for one in line],
                hovertemplate=_HOVER,
            )
        )
    figure.update_xaxes(title=answers.study.comparisons[0].snr_label)
    figure.update_yaxes(title="Goodput of the best MCS [bit/slot]", rangemode="tozero")
    return finish_plot(figure, 520)


def block_plot(answers: GoodputAnswers) -> go.Figure:
    """The plan's error rate over SNR, a curve for each receiver and MCS."""
    figure = go.Figure()
    named: set[str] = set()
    for label, name, snr_db, values in _lines(answers):
        style = answers.look[label]
        # Once for each MCS: curves of several receivers lie close together.
        words = [""] * len(snr_db)
        words[0] = "" if name in named else name
        named.add(name)
        figure.add_trace(
            go.Scatter(
                x=snr_db,
                y=values,
                name=plotly_text(f"{label}, {name}"),
                legendgroup=label,
                mode="lines+markers+text",
                text=words,
                textposition="top right",
                textfont={"size": 11, "color": "#444B55"},
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"symbol": plotly_symbol(style), "size": 7},
                hovertemplate="<b>%{fullData.name}</b> at %{x:g} dB: %{y:.3g}<extra></extra>",
            )
        )
    first = answers.answers[0]
    figure.update_xaxes(title=first.comparison.snr_label)
    figure.update_yaxes(
        title=METRIC_LABELS[first.metric], type="log", exponentformat="power", dtick=1
    )
    return finish_plot(figure, 560)


def time_plot(times: Sequence[SlotTime]) -> go.Figure:
    """Microseconds a slot of every receiver, stacked.

    Args:
        times: one for each receiver.
    """
    figure = go.Figure()
    names = [plotly_text(one.label) for one in times]
    for i, (part, colour) in enumerate(zip(_PARTS, _PART_COLOURS, strict=True)):
        figure.add_trace(
            go.Bar(
                y=names,
                x=[one.parts_us[i] for one in times],
                name=part,
                orientation="h",
                marker={"color": colour},
                hovertemplate=f"<b>%{{y}}</b><br>{part}: %{{x:.4g}} µs a slot<extra></extra>",
            )
        )
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    figure.update_xaxes(title="µs a slot", nticks=5, tickformat="~s")
    lines = [plotly_text(one.label).replace("(", "<br>(", 1) for one in times]
    figure.update_yaxes(autorange="reversed", automargin=True, tickvals=names, ticktext=lines)
    return finish_plot(figure, 160 + 32 * len(times))


def goodput_frontier_plot(answers: GoodputAnswers) -> go.Figure | None:
    """Goodput at the middle SNR over the time of a slot; None without times."""
    timed = [one for one in answers.middle.values() if one.slot_us]
    if not timed:
        return None
    figure = go.Figure()
    best = [answers.middle[label] for label in answers.frontier]
    figure.add_trace(
        go.Scatter(
            x=[one.slot_us for one in best],
            y=[one.bits_per_slot for one in best],
            mode="lines",
            line={"color": "#444B55", "width": 1.5, "dash": "dash", "shape": "hv"},
            hoverinfo="skip",
        )
    )
    halfway = (min(o.slot_us for o in timed) * max(o.slot_us for o in timed)) ** 0.5
    for one in timed:
        figure.add_trace(_frontier_point(one, answers, one.slot_us > halfway))
    figure.update_layout(showlegend=False)
    low, high = (math.log10(end(one.slot_us for one in timed)) for end in (min, max))
    edge = 0.08 * (high - low) or 0.1
    span = {"range": [low - edge, high + edge], **short_ticks(low - edge, high + edge)}
    figure.update_xaxes(title=COST_LABELS["slot_us"], type="log", **span)
    figure.update_yaxes(title=f"Goodput at {answers.middle_db:g} dB [bit/slot]")
    return finish_plot(figure, 520)


def _frontier_point(one: Goodput, answers: GoodputAnswers, to_the_left: bool) -> go.Scatter:
    style: Style = answers.look[one.label]
    label = plotly_text(one.label)
    on_frontier = one.label in answers.frontier
    return go.Scatter(
        x=[one.slot_us],
        y=[one.bits_per_slot],
        name=label,
        legendgroup=one.label,
        # Where a page is narrow, only names on the frontier are written: see page.js.
        meta="frontier" if on_frontier else "named",
        mode="markers+text",
        text=[f"<b>{label}</b>" if on_frontier else label],
        textposition="top left" if to_the_left else "top right",
        marker={"symbol": plotly_symbol(style), "size": 12, "color": style.colour},
        error_y=error_bars([one.bits_per_slot], [one.interval.low], [one.interval.high]),
        hovertemplate=f"<b>{label}</b><br>{_hover(one)}<br>%{{x:.4g}} µs a slot<extra></extra>",
    )


def _bounds(line: Sequence[Goodput]) -> tuple[list[float], list[float], list[float]]:
    """Values, and how far the intervals go down and up."""
    values = [one.bits_per_slot for one in line]
    low = [max(one.bits_per_slot - one.interval.low, 0.0) for one in line]
    high = [max(one.interval.high - one.bits_per_slot, 0.0) for one in line]
    return values, low, high


def _hover(one: Goodput) -> str:
    scheme = "" if one.mcs is None else f"MCS {one.mcs}, "
    rate = f"BLER {one.bler:.3g}, {one.bits_per_s_hz:.3g} bit/s/Hz"
    return f"{scheme}{one.bits_per_slot:.0f} bit/slot, {rate}"


def _lines(answers: GoodputAnswers) -> list[tuple[str, str, list[float], list[float]]]:
    """(receiver, MCS, SNRs in dB, rates) of every curve that has errors."""
    lines = []
    for each, link in zip(answers.answers, answers.study.scenarios, strict=True):
        name = "" if link.mcs is None else f"MCS {link.mcs.index}"
        for label, rates in each.rates.items():
            seen = [rate for rate in rates if rate.errors > 0]
            if seen:
                values = [rate.value for rate in seen]
                lines.append((label, name, [rate.snr_db for rate in seen], values))
    return lines
