"""The page of a comparison of beamformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.report.beam_answers import BeamAnswers
from mimolearn.report.page.downloads import downloads
from mimolearn.report.page.legend import legend
from mimolearn.report.page.render import plot_html, render
from mimolearn.report.plots.beams import beam_frontier_plot, beam_plot
from mimolearn.report.plots.interactive import finish_plot
from mimolearn.report.text.sentences import beam_verdict
from mimolearn.results.beam_comparison import FLOOR


def write_beam_page(answers: BeamAnswers, path: Path) -> Path:
    """Write the report; it opens offline, in any browser, and prints.

    Args:
        answers: what it shows.
        path: of the file.

    Returns:
        the path.

    Raises:
        OSError: the file cannot be written.
    """
    frontier = beam_frontier_plot(answers)
    result = answers.comparison
    link, contenders = result.scenario, [curve.contender for curve in result.curves]
    run = {"snr_db": result.snr_db, "channels": result.channels}
    page = render(
        "beams.html",
        answers=answers,
        result=result,
        verdict=beam_verdict(answers),
        downloads=downloads(link, run, contenders),
        legend=legend(answers.look),
        mean=_plot(beam_plot(answers, geometric=False)),
        geometric=_plot(beam_plot(answers, geometric=True)),
        frontier=None if frontier is None else _plot(frontier),
        floor=FLOOR,
    )
    write_atomically(path, page)
    return path


def _plot(figure: go.Figure) -> Any:
    """A plot of the page, whose legend is that of all."""
    return plot_html(finish_plot(figure, 440).update_layout(showlegend=False))
