"""Plots of the panels of published figures: for the page, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import plotly.graph_objects as go
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from mimolearn.papers import Accuracy, ExperimentResult, Reference, Table, file_stem
from mimolearn.papers.panels import AccuracyCurve
from mimolearn.report.answers import Answers
from mimolearn.report.beam_answers import BeamAnswers
from mimolearn.report.overlay import Published
from mimolearn.report.plots.beams import beam_figure, beam_plot
from mimolearn.report.plots.curves import error_rate_plot
from mimolearn.report.plots.drawing import DASHES, FONT, add_legend, new_figure, save_figure
from mimolearn.report.plots.figures import error_rate_figure
from mimolearn.report.plots.interactive import finish_plot, plotly_text
from mimolearn.report.plots.rate_time import rate_time_figure, rate_time_plot
from mimolearn.report.style import Style, plotly_symbol, styles
from mimolearn.studies import BeamComparison, Comparison

_METRICS = {"nmse": "NMSE [dB]", "evm": "RMS EVM [%]", "residual": "Residual, relative [dB]"}


def panel_plot(result: ExperimentResult, panel: str) -> go.Figure | None:
    """The interactive plot of one panel; None for a table.

    Args:
        result: of the experiment.
        panel: its name.
    """
    content = result.findings.panels[panel]
    if isinstance(content, Comparison):
        answers = Answers(content, published_curves(result, panel))
        at = _only_snr(content)
        timed = None if at is None else rate_time_plot(answers, at)
        return timed or error_rate_plot(answers)
    if isinstance(content, BeamComparison):
        return beam_plot(BeamAnswers(content), geometric=False)
    return (
        None if isinstance(content, Table) else _accuracy_plot(content, _references(result, panel))
    )


def save_panels(
    result: ExperimentResult, folder: Path, formats: Sequence[str] = ("png", "svg")
) -> list[Path]:
    """Write the plots of all panels as EXPERIMENT-PANEL.*.

    Args:
        result: of the experiment.
        folder: for the files.
        formats: suffixes of files that matplotlib writes.

    Returns:
        the paths.

    Raises:
        OSError: a file cannot be written.
    """
    paths: list[Path] = []
    for panel, content in result.findings.panels.items():
        if isinstance(content, Table):
            continue
        if isinstance(content, Comparison):
            answers = Answers(content, published_curves(result, panel))
            at = _only_snr(content)
            timed = None if at is None else rate_time_figure(answers, at)
            figure = timed or error_rate_figure(answers)
        elif isinstance(content, BeamComparison):
            figure = beam_figure(BeamAnswers(content))
        else:
            figure = _accuracy_figure(content, _references(result, panel))
        name = f"{file_stem(result.experiment)}-{panel}"
        paths += save_figure(figure, folder, name, formats, dpi=160)
    return paths


def _only_snr(content: Comparison) -> float | None:
    """The SNR in dB of a comparison at one; error rates at one SNR are drawn over time."""
    snrs = {point.snr_db for curve in content.curves for point in curve.points}
    return snrs.pop() if len(snrs) == 1 else None


def published_curves(result: ExperimentResult, panel: str) -> tuple[Published, ...]:
    """The paper's points of a panel of error rates, as curves over SNR.

    Args:
        result: of the experiment.
        panel: its name.
    """
    curves: dict[str, dict[float, float]] = {}
    for point in _references(result, panel):
        # A logarithmic axis has no place for a rate of 0.
        if point.value > 0:
            curves.setdefault(point.label, {})[point.x] = point.value
    return tuple(Published(label, tuple(sorted(at.items()))) for label, at in curves.items())


def _references(result: ExperimentResult, panel: str) -> list[Reference]:
    return [point for point in result.experiment.points if point.panel == panel]


def _accuracy_plot(content: Accuracy, references: list[Reference]) -> go.Figure:
    figure = go.Figure()
    line_styles, span = _line_styles(content), _span(content)
    for curve in content.curves:
        figure.add_trace(_trace(curve, line_styles[curve.label], span))
    if references:
        figure.add_trace(
            go.Scatter(
                x=[point.x for point in references],
                y=[point.value for point in references],
                name="the paper",
                mode="markers",
                marker={"symbol": "x-thin", "size": 14, "line": {"width": 3, "color": "#A3260F"}},
                text=[plotly_text(f"{point.label}: {point.source}") for point in references],
                hovertemplate="%{text}<br>%{y:g} at %{x:g}<extra></extra>",
            )
        )
    figure.update_xaxes(title=content.panel.axis_label())
    figure.update_yaxes(title=_METRICS[content.panel.metric])
    if content.panel.metric == "evm":
        figure.update_yaxes(type="log", dtick="D2")
    if content.panel.axis == "option":
        figure.update_xaxes(type="log")
    return finish_plot(figure, 480)


def _trace(curve: AccuracyCurve, style: Style, span: tuple[float, float]) -> go.Scatter:
    x, y, up, down = _line(curve, span)
    return go.Scatter(
        x=x,
        y=y,
        name=plotly_text(curve.label),
        mode="lines" if curve.flat else "lines+markers",
        line={"color": style.colour, "dash": style.dash, "width": 2},
        marker={"symbol": plotly_symbol(style), "size": 7},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": up,
            "arrayminus": down,
            "thickness": 1,
            "width": 2,
            "visible": not curve.flat,
        },
        hovertemplate="<b>%{fullData.name}</b> at %{x:g}: %{y:.4g}<extra></extra>",
    )


def _accuracy_figure(content: Accuracy, references: list[Reference]) -> Figure:
    line_styles, span = _line_styles(content), _span(content)
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.4)
        drawn = {}
        for curve in content.curves:
            x, y, up, down = _line(curve, span)
            style = line_styles[curve.label]
            drawn[curve.label] = axes.errorbar(
                x,
                y,
                yerr=None if curve.flat else [down, up],
                color=style.colour,
                ls=DASHES[style.dash],
                marker="" if curve.flat else style.marker,
                ms=4,
                lw=1.4,
                elinewidth=0.8,
            )
        for point in references:
            axes.plot(point.x, point.value, "x", color="#A3260F", ms=9, mew=2)
        if content.panel.metric == "evm":
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        if content.panel.axis == "layer":
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if content.panel.axis == "option":
            axes.set_xscale("log")
        axes.set_xlabel(content.panel.axis_label())
        axes.set_ylabel(_METRICS[content.panel.metric])
        axes.set_title(content.panel.title, fontsize=9.5, loc="left")
        axes.grid(which="major", color="#E2E5EA", lw=0.7)
        if drawn:
            add_legend(axes, drawn, frameon=True)
    return figure


def _line_styles(content: Accuracy) -> dict[str, Style]:
    return styles([(curve.label, curve.label.partition("(")[0]) for curve in content.curves])


def _span(content: Accuracy) -> tuple[float, float]:
    """First and last x of the curves that are not flat."""
    positions = [p.x for curve in content.curves if not curve.flat for p in curve.points]
    return (min(positions), max(positions)) if positions else (0.0, 1.0)


def _line(
    curve: AccuracyCurve, span: tuple[float, float]
) -> tuple[list[float], list[float], list[float], list[float]]:
    """x, y, and how far the interval goes up and down; a flat curve spans the axis."""
    if curve.flat:
        value = curve.points[-1].value
        return list(span), [value, value], [0.0, 0.0], [0.0, 0.0]
    points = sorted(curve.points, key=lambda point: point.x)
    return (
        [point.x for point in points],
        [point.value for point in points],
        [point.high - point.value for point in points],
        [point.value - point.low for point in points],
    )
