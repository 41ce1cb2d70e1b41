"""Figures for a paper or a slide: error-rate curves and the frontier, as PNG, SVG and PDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from mimolearn.report.answers import cost_of, frontier_labels
from mimolearn.report.drawing import FONT, add_legend, new_figure, save_figure
from mimolearn.report.style import Style, styles
from mimolearn.studies import METRIC_LABELS, Comparison, Curve

COST_LABELS = {
    "vector_us": "Measured time per vector [µs]",
    "latency_us": "Measured latency of a single vector [µs]",
    "multiplications": "Real multiplications per vector",
}

DASHES = {"solid": "-", "dash": "--", "dot": ":"}


def save_figures(
    comparison: Comparison, folder: Path, formats: Sequence[str] = ("png", "svg", "pdf")
) -> list[Path]:
    """Write ``error-rate.*`` and, where timings exist, ``frontier.*``; returns their paths."""
    drawn = {"error-rate": error_rate_figure(comparison)}
    if frontier_labels(comparison, "vector_us"):
        drawn["frontier"] = frontier_figure(comparison)
    paths: list[Path] = []
    for name, figure in drawn.items():
        paths += save_figure(figure, folder, name, formats, dpi=200)
    return paths


def error_rate_figure(comparison: Comparison) -> Figure:
    """Error rate over SNR with 95 % intervals; hollow markers are unsure (``Point.is_unsure``)."""
    metric = comparison.plan.metric
    line_styles = _line_styles(comparison)
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.8)
        drawn = {}
        for curve in comparison.curves:
            line = _draw_curve(axes, curve, metric, line_styles[curve.label])
            if line is not None:
                drawn[curve.label] = line
        axes.set_yscale("log")
        axes.set_xlabel(comparison.snr_label)
        axes.set_ylabel(METRIC_LABELS[metric])
        axes.axhline(comparison.plan.target, color="#555B66", lw=0.9, ls=(0, (4, 3)), zorder=1)
        axes.grid(which="major", color="#E2E5EA", lw=0.7)
        axes.grid(which="minor", color="#F1F3F6", lw=0.5)
        add_legend(axes, drawn, loc="lower left", frameon=True)
        axes.set_title(_title(comparison), fontsize=9.5, loc="left")
    return figure


def frontier_figure(comparison: Comparison, cost: str = "vector_us") -> Figure:
    """SNR needed for the target against cost per vector: lower left is better."""
    line_styles = _line_styles(comparison)
    names = frontier_labels(comparison, cost)
    with matplotlib.rc_context(FONT):
        figure, axes = new_figure(6.4, 4.6)
        placed: list[tuple[float, float, str]] = []
        bars: list[tuple[float, float]] = []
        for curve in comparison.curves:
            estimate = comparison.required_snr(curve.label)
            value = cost_of(comparison, curve.label, cost)
            if estimate.value_db is None or value is None:
                continue
            placed.append((value, estimate.value_db, curve.label))
            low = estimate.value_db if estimate.low_db is None else estimate.low_db
            high = estimate.value_db if estimate.high_db is None else estimate.high_db
            bars.append((low, high))
            style = line_styles[curve.label]
            axes.errorbar(
                value,
                estimate.value_db,
                yerr=[[estimate.value_db - low], [high - estimate.value_db]],
                fmt=style.marker,
                color=style.colour,
                ms=7 if curve.label in names else 5,
                capsize=2,
                alpha=1.0 if curve.label in names else 0.75,
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        _draw_frontier(axes, [p for p in placed if p[2] in names])
        _label_points(axes, placed, bars, set(names), line_styles)
        axes.set_xlabel(COST_LABELS[cost])
        axes.set_ylabel(
            f"SNR needed for {comparison.plan.metric.upper()} {comparison.plan.target:g} [dB]"
        )
        axes.grid(which="major", color="#E2E5EA", lw=0.7)
        axes.set_title(_title(comparison), fontsize=9.5, loc="left")
    return figure


def _line_styles(comparison: Comparison) -> dict[str, Style]:
    return styles([(curve.label, curve.contender.name) for curve in comparison.curves])


def _title(comparison: Comparison) -> str:
    s = comparison.scenario
    title = f"{s.num_tx_ant} × {s.num_rx_ant} {s.constellation.upper()}, {s.channel.model}"
    return f"{title}, {s.channel_reuse} vector{'s' if s.channel_reuse > 1 else ''} per channel"


def _draw_curve(axes: Axes, curve: Curve, metric: str, style: Style) -> Line2D | None:
    """Returns the line for the legend; None where there was no error to draw it through."""
    line = None
    seen = [point for point in curve.points if point.counts.errors(metric) > 0]
    if seen:
        snr = [point.snr_db for point in seen]
        rate = [point.rate(metric) for point in seen]
        bounds = [point.interval(metric) for point in seen]
        axes.errorbar(
            snr,
            rate,
            yerr=[
                [value - b.low for value, b in zip(rate, bounds, strict=True)],
                [b.high - value for value, b in zip(rate, bounds, strict=True)],
            ],
            fmt="none",
            ecolor=style.colour,
            elinewidth=0.8,
            capsize=1.5,
            alpha=0.6,
        )
        (line,) = axes.plot(snr, rate, color=style.colour, ls=DASHES[style.dash], lw=1.4)
        for point, value in zip(seen, rate, strict=True):
            hollow = point.is_unsure(metric)
            axes.plot(
                point.snr_db,
                value,
                style.marker,
                ms=4.5,
                mec=style.colour,
                mfc="white" if hollow else style.colour,
            )
    for point in curve.points:
        if point.counts.errors(metric) == 0:
            high = point.interval(metric).high
            axes.plot(point.snr_db, high, marker="$↓$", ms=8, color=style.colour, ls="none")
    return line


def _draw_frontier(axes: Axes, placed: list[tuple[float, float, str]]) -> None:
    placed = sorted(placed)
    if len(placed) < 2:
        return
    axes.plot(
        [p[0] for p in placed],
        [p[1] for p in placed],
        color="#444444",
        lw=1.0,
        ls=(0, (5, 2)),
        zorder=0,
        drawstyle="steps-post",
    )


def _label_points(
    axes: Axes,
    placed: list[tuple[float, float, str]],
    bars: list[tuple[float, float]],
    names: set[str],
    line_styles: dict[str, Style],
) -> None:
    """Names beside the points; each takes the first of several offsets that meets nothing else."""
    from matplotlib.transforms import Bbox

    figure = axes.figure
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # FigureCanvasAgg has it
    figure.draw_without_rendering()  # type: ignore[union-attr]  # a Figure, never a SubFigure
    offsets = [
        (7, 4),
        (7, -10),
        (-7, 5),
        (-7, -11),
        (0, 9),
        (0, -15),
        (12, 14),
        (12, -20),
        (-12, 16),
        (12, 24),
        (12, -30),
        (-12, -24),
        (0, 20),
        (0, -26),
    ]
    taken = []
    for (x, _, _), ends in zip(placed, bars, strict=True):
        corners = axes.transData.transform([(x, end) for end in ends])
        taken.append(Bbox(corners).padded(4))
    frame = axes.get_window_extent(renderer)
    for x, y, label in sorted(placed, key=lambda p: p[2] not in names):
        for dx, dy in offsets:
            text = axes.annotate(
                label,
                (x, y),
                xytext=(dx, dy),
                textcoords="offset points",
                ha="left" if dx > 0 else "right" if dx < 0 else "center",
                fontsize=8,
                fontweight="bold" if label in names else "normal",
                color=line_styles[label].colour if label in names else "#666666",
                parse_math=False,
            )
            box = text.get_window_extent(renderer).padded(1.5)
            fits = frame.x0 <= box.x0 and box.x1 <= frame.x1
            fits = fits and frame.y0 <= box.y0 and box.y1 <= frame.y1
            clear = not any(box.overlaps(other) for other in taken)
            if (fits and clear) or (dx, dy) == offsets[-1]:
                taken.append(box)
                break
            text.remove()
