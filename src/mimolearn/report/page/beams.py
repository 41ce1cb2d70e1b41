"""The page of a comparison of beamformers."""

from __future__ import annotations

from pathlib import Path

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.report.beam_answers import BeamAnswers
from mimolearn.report.page.render import plot_html, render
from mimolearn.report.plots.beams import beam_frontier_plot, beam_plot
from mimolearn.report.text.sentences import beam_notes
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
    page = render(
        "beams.html",
        answers=answers,
        result=answers.comparison,
        notes=beam_notes(answers),
        mean=plot_html(beam_plot(answers, geometric=False)),
        geometric=plot_html(beam_plot(answers, geometric=True)),
        frontier=None if frontier is None else plot_html(frontier),
        floor=FLOOR,
    )
    write_atomically(path, page)
    return path
