"""The figure of a check of LLRs: reliability, and what few bits lose."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mimolearn.report.plots.drawing import FONT, save_figure
from mimolearn.results.llrs.check import LlrCheck

_COLOUR, _LINE = "#2176C7", "#9AA5B1"


def save_llr_figure(check: LlrCheck, folder: Path) -> list[Path]:
    """Write llr-check.png and llr-check.svg.

    Args:
        check: what is drawn.
        folder: must exist.
    """
    with matplotlib.rc_context(FONT):
        figure = Figure(figsize=(8.4, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        _draw_reliability(check, left)
        _draw_storage(check, right)
    return save_figure(figure, folder, "llr-check", ("png", "svg"), 160)


def _draw_reliability(check: LlrCheck, axes: Axes) -> None:
    least = max(min(one.claimed for one in check.bins), 1e-6)
    axes.plot([least, 0.5], [least, 0.5], color=_LINE, label="true LLRs")
    for one in check.bins:
        if one.counted is None or one.errors is None:
            continue
        # No error at all: an arrow from the upper end of the interval.
        rate, high = one.errors / one.bits, one.counted.high
        claimed = max(one.claimed, least)
        if rate:
            ends = [[rate - one.counted.low], [high - rate]]
            axes.errorbar([claimed], [rate], yerr=ends, color=_COLOUR, marker="o", ms=4, lw=1)
        else:
            axes.plot([claimed], [high], color=_COLOUR, marker="v", ms=5, ls="")
    if not check.has_bits:
        for one in check.bins:
            axes.plot([max(one.claimed, least)], [one.bits / check.num_llrs], "o", color=_COLOUR)
    axes.set(xscale="log", yscale="log", xlabel="claimed error probability")
    axes.set_ylabel("counted error probability [95 %]" if check.has_bits else "share of LLRs")
    axes.set_title("Reliability" if check.has_bits else "What the LLRs claim", fontsize=9)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=7.5)


def _draw_storage(check: LlrCheck, axes: Axes) -> None:
    drawn = [one for one in check.stored if math.isfinite(one.lost_db)]
    axes.plot([s.bits for s in drawn], [s.lost_db for s in drawn], color=_COLOUR, marker="o")
    axes.set(xlabel="bits an LLR, best step", ylabel="lost [dB]", title="")
    axes.set_title("Stored in few bits", fontsize=9)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
