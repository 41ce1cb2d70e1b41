"""Tables, plots and the HTML page, from stored results only."""

from __future__ import annotations

from pathlib import Path

from mimolearn.foundation.errors import user_path
from mimolearn.report.answers import Row, frontier_labels, rows, verdict
from mimolearn.report.beams import beam_notes, beam_table, write_beam_report
from mimolearn.report.costs import Costs, DetectorCost, cost_table, detector_costs
from mimolearn.report.inventory import inventory, inventory_tables
from mimolearn.report.live import format_duration, format_left, live_progress
from mimolearn.report.reproduction import (
    experiment_table,
    outcome_counts,
    verdict_table,
    write_reproduction,
)
from mimolearn.report.reproduction_text import write_reproduction_text
from mimolearn.report.table import answer_table, gmi_table, notes, rate_notes, rate_table
from mimolearn.studies import Comparison

REPORT_NAME = "report.html"


def write_report(comparison: Comparison, folder: str | Path) -> Path:
    """Write ``report.html`` and the figures (PNG, SVG, PDF) into a folder; returns the page's path.

    The folder must exist. Raises OSError when it cannot be written.
    """
    # Plotting libraries are slow to import; a simulation does not wait for them.
    from mimolearn.report.figures import save_figures
    from mimolearn.report.page import write_page

    folder = user_path(folder)
    save_figures(comparison, folder)
    return write_page(comparison, folder / REPORT_NAME)


__all__ = [
    "Costs",
    "DetectorCost",
    "Row",
    "answer_table",
    "beam_notes",
    "beam_table",
    "cost_table",
    "detector_costs",
    "experiment_table",
    "format_duration",
    "format_left",
    "frontier_labels",
    "gmi_table",
    "inventory",
    "inventory_tables",
    "live_progress",
    "notes",
    "outcome_counts",
    "rate_notes",
    "rate_table",
    "rows",
    "verdict",
    "verdict_table",
    "write_beam_report",
    "write_report",
    "write_reproduction",
    "write_reproduction_text",
]
