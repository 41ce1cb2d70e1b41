"""The page of a comparison over several MCS: goodput, error rates, and the time of a slot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.report.goodput_answers import GoodputAnswers
from mimolearn.report.links import link_facts, link_words
from mimolearn.report.numbers import format_us
from mimolearn.report.page.card import goodput_card
from mimolearn.report.page.downloads import downloads
from mimolearn.report.page.legend import legend
from mimolearn.report.page.render import plot_html, render
from mimolearn.report.plots.goodput import (
    block_plot,
    goodput_frontier_plot,
    goodput_plot,
    time_plot,
)
from mimolearn.report.plots.interactive import finish_plot
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
    run = {name: value for name, value in first.plan.to_dict().items() if name != "contenders"}
    run["mcs"] = list(answers.mcs)
    page = render(
        "goodput.html",
        answers=answers,
        comparison=first,
        finished=all(comparison.finished for comparison in answers.study.comparisons),
        words=link_words(answers.link, answers.mcs).removeprefix("Link: "),
        facts=link_facts(answers.link, answers.mcs),
        downloads=downloads(answers.link, run, first.plan.contenders, answers.study.to_csv()),
        card=goodput_card(answers),
        legend=legend(answers.look),
        keys=[link.key() for link in answers.study.scenarios],
        # The card says who carries most.
        verdict=goodput_verdict(answers)[1:],
        timing=next(iter(first.timings.values()), None),
        format_us=format_us,
        goodput=_plot(goodput_plot(answers)),
        blocks=_plot(block_plot(answers)),
        frontier=None if frontier is None else _plot(frontier),
        times=plot_html(time_plot(times)) if times else None,
    )
    write_atomically(path, page)
    return path


def _plot(figure: go.Figure) -> Any:
    """A plot of the page, whose legend is that of all."""
    return plot_html(finish_plot(figure, 440).update_layout(showlegend=False))
