"""The page of a comparison over several MCS: goodput, error rates, and the time of a slot."""

from __future__ import annotations

from pathlib import Path

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.report.goodput_answers import GoodputAnswers
from mimolearn.report.links import link_facts
from mimolearn.report.numbers import format_us
from mimolearn.report.page.render import plot_html, render
from mimolearn.report.plots.goodput import (
    block_plot,
    goodput_frontier_plot,
    goodput_plot,
    time_plot,
)
from mimolearn.report.text.slots import goodput_verdict


def write_goodput_page(answers: GoodputAnswers, path: Path) -> Path:
    """Write the report; it opens offline, in any browser, and prints.

    Args:
        answers: what it shows.
        path: of the file.

    Returns:
        the path.

    Raises:
        OSError: the file cannot be written.
    """
    frontier = goodput_frontier_plot(answers)
    times = list(answers.times.values())
    first = answers.study.comparisons[0]
    page = render(
        "goodput.html",
        answers=answers,
        comparison=first,
        finished=all(comparison.finished for comparison in answers.study.comparisons),
        facts=link_facts(answers.link, answers.mcs),
        keys=[link.key() for link in answers.study.scenarios],
        verdict=goodput_verdict(answers),
        timing=next(iter(first.timings.values()), None),
        format_us=format_us,
        goodput=plot_html(goodput_plot(answers)),
        blocks=plot_html(block_plot(answers)),
        frontier=None if frontier is None else plot_html(frontier),
        times=plot_html(time_plot(times)) if times else None,
    )
    write_atomically(path, page)
    return path
