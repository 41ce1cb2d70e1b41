"""Tables, plots and the HTML page, from stored results only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mimolearn.foundation.errors import user_path
from mimolearn.foundation.lazy import lazy_names

if TYPE_CHECKING:
    from mimolearn.papers import ExperimentResult
    from mimolearn.report.answers import Answers, CostPoint, Loss, Rate, Row
    from mimolearn.report.beam_answers import BeamAnswers, BeamRate, BeamRow
    from mimolearn.report.facts.costs import Costs, DetectorCost, cost_table, detector_costs
    from mimolearn.report.facts.inventory import inventory, inventory_tables
    from mimolearn.report.goodput_answers import GoodputAnswers, SlotTime, within_budget
    from mimolearn.report.links import link_title, link_words
    from mimolearn.report.numbers import format_duration, format_left
    from mimolearn.report.text.live import live_progress
    from mimolearn.report.text.markdown import scoreboard, write_reproduction_pages
    from mimolearn.report.text.sentences import beam_notes, notes, rate_notes, verdict
    from mimolearn.report.text.slots import (
        block_table,
        goodput_notes,
        goodput_table,
        goodput_verdict,
        slot_table,
        time_table,
    )
    from mimolearn.report.text.tables import answer_table, beam_table, gmi_table, rate_table
    from mimolearn.report.text.verdicts import experiment_table, outcome_counts, verdict_table
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "mimolearn.papers": "ExperimentResult",
            "mimolearn.report.answers": "Answers CostPoint Loss Rate Row",
            "mimolearn.report.beam_answers": "BeamAnswers BeamRate BeamRow",
            "mimolearn.report.facts.costs": "Costs DetectorCost cost_table detector_costs",
            "mimolearn.report.facts.inventory": "inventory inventory_tables",
            "mimolearn.report.goodput_answers": "GoodputAnswers SlotTime within_budget",
            "mimolearn.report.links": "link_title link_words",
            "mimolearn.report.numbers": "format_duration format_left",
            "mimolearn.report.text.live": "live_progress",
            "mimolearn.report.text.markdown": "scoreboard write_reproduction_pages",
            "mimolearn.report.text.sentences": "beam_notes notes rate_notes verdict",
            "mimolearn.report.text.slots": (
                "block_table goodput_notes goodput_table goodput_verdict slot_table time_table"
            ),
            "mimolearn.report.text.tables": "answer_table beam_table gmi_table rate_table",
            "mimolearn.report.text.verdicts": "experiment_table outcome_counts verdict_table",
        },
    )


REPORT_NAME = "report.html"
CSV_NAME = "rates.csv"


# Plotting libraries are slow to import; what writes no page does not wait for them.


def write_report(answers: Answers, folder: str | Path, more: Sequence[str] = ()) -> Path:
    """Write ``report.html``, ``rates.csv`` and the figures (PNG, SVG, PDF) into a folder.

    Args:
        answers: what they show.
        folder: must exist.
        more: sentences that follow the verdict.

    Returns:
        the path of the page.

    Raises:
        OSError: the folder cannot be written.
    """
    from mimolearn.report.page.comparison import write_page
    from mimolearn.report.plots.figures import save_figures

    folder = user_path(folder)
    answers.comparison.to_csv(folder / CSV_NAME)
    save_figures(answers, folder)
    return write_page(answers, folder / REPORT_NAME, more)


def write_goodput_report(answers: GoodputAnswers, folder: str | Path) -> Path:
    """Write ``report.html`` and the figures (PNG, SVG, PDF) of several MCS into a folder.

    Args:
        answers: what they show.
        folder: must exist.

    Returns:
        the path of the page.

    Raises:
        OSError: the folder cannot be written.
    """
    from mimolearn.report.page.goodput import write_goodput_page
    from mimolearn.report.plots.goodput import save_goodput_figures

    folder = user_path(folder)
    save_goodput_figures(answers, folder)
    return write_goodput_page(answers, folder / REPORT_NAME)


def write_beam_report(answers: BeamAnswers, folder: str | Path) -> Path:
    """Write ``report.html`` and the figures (PNG, SVG, PDF) into a folder.

    Args:
        answers: what they show.
        folder: must exist.

    Returns:
        the path of the page.

    Raises:
        OSError: the folder cannot be written.
    """
    from mimolearn.report.page.beams import write_beam_page
    from mimolearn.report.plots.beams import save_beam_figures

    folder = user_path(folder)
    save_beam_figures(answers, folder)
    return write_beam_page(answers, folder / REPORT_NAME)


def write_reproduction(results: Sequence[ExperimentResult], folder: str | Path, name: str) -> Path:
    """Write NAME.html and the plots (PNG, SVG) into a folder, which is made if need be.

    Args:
        results: in the order of the page.
        folder: for page and plots.
        name: of the page, without its suffix.

    Returns:
        the path of the page.

    Raises:
        OSError: the folder cannot be written.
    """
    from mimolearn.report.page.reproduction import write_reproduction_page

    return write_reproduction_page(results, user_path(folder), name)


__all__ = [
    "Answers",
    "BeamAnswers",
    "BeamRate",
    "BeamRow",
    "CostPoint",
    "Costs",
    "DetectorCost",
    "GoodputAnswers",
    "Loss",
    "Rate",
    "Row",
    "SlotTime",
    "answer_table",
    "beam_notes",
    "beam_table",
    "block_table",
    "cost_table",
    "detector_costs",
    "experiment_table",
    "format_duration",
    "format_left",
    "gmi_table",
    "goodput_notes",
    "goodput_table",
    "goodput_verdict",
    "inventory",
    "inventory_tables",
    "link_title",
    "link_words",
    "live_progress",
    "notes",
    "outcome_counts",
    "rate_notes",
    "rate_table",
    "scoreboard",
    "slot_table",
    "time_table",
    "verdict",
    "verdict_table",
    "within_budget",
    "write_beam_report",
    "write_goodput_report",
    "write_report",
    "write_reproduction",
    "write_reproduction_pages",
]
