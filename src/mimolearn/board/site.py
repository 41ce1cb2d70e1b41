"""The board as a page for a browser, which needs no network, with its submissions beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mimolearn.board.forms import Submission
from mimolearn.board.links import CSI_WORDS, Board, BoardLink, Csi
from mimolearn.board.standing import Line, Standing, standings
from mimolearn.board.submission import write_submission
from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import InvalidInputError, user_path
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.report.links import link_facts, link_title
from mimolearn.report.numbers import format_count, format_required, format_us
from mimolearn.report.page.render import plot_html, render
from mimolearn.report.plots.curves import error_rate_plot
from mimolearn.report.plots.frontier import frontier_plot
from mimolearn.report.plots.interactive import finish_plot
from mimolearn.results.shown import Row

PAGE_NAME, CSV_NAME = "index.html", "standings.csv"


class _Section(NamedTuple):
    """A link on the page."""

    standing: Standing
    title: str
    facts: list[tuple[str, str]]
    frontier: Any
    curves: Any
    refused: list[tuple[str, str]]


class _Overview(NamedTuple):
    """All links of a class of CSI: receivers down, links across."""

    csi: Csi
    words: str
    standings: list[Standing]
    rows: list[tuple[str, list[Line | None]]]


def build_site(board: Board, submissions: Sequence[Submission], folder: str | Path) -> Path:
    """Write ``index.html``, ``standings.csv`` and the submissions into a folder.

    Args:
        board: the set of links.
        submissions: as ``read_submission`` returns them.
        folder: is made where there is none.

    Returns:
        the path of the page.

    Raises:
        InvalidInputError: without submissions, or where two of one contender differ.
        OSError: the folder cannot be written.
    """
    if not submissions:
        raise InvalidInputError("submissions: got none, expected at least one")
    stands = standings(board, submissions)
    folder = user_path(folder)
    files = folder / "submissions"
    files.mkdir(parents=True, exist_ok=True)
    names = {}
    for submission in submissions:
        path = files / f"{submission.sha256[:16]}.json"
        names[submission.sha256] = write_submission(submission, path).relative_to(folder)
    page = render(
        "board.html",
        board=board,
        overviews=[o for csi in CSI_WORDS if (o := _overview(csi, stands)).standings],
        sections=[_section(board, standing, submissions) for standing in stands],
        files={sha256: path.as_posix() for sha256, path in names.items()},
        submissions=submissions,
        csi_words=CSI_WORDS,
        format_us=format_us,
        format_count=format_count,
        format_required=format_required,
    )
    write_atomically(folder / CSV_NAME, _csv(stands))
    write_atomically(folder / PAGE_NAME, page)
    return folder / PAGE_NAME


def standing_rows(stands: Sequence[Standing]) -> list[Row]:
    """One row of plain values for each contender on each link.

    Args:
        stands: of a board.
    """
    rows: list[Row] = []
    for standing in stands:
        for line in standing.lines:
            row, gap = line.row, line.gap
            rows.append(
                {
                    "link": standing.link.name,
                    "csi": standing.csi,
                    "contender": line.label,
                    "rank": line.rank,
                    "metric": standing.link.metric,
                    "target": standing.link.target,
                    "required_snr_db": row.required.value_db,
                    "required_low_db": row.required.low_db,
                    "required_high_db": row.required.high_db,
                    "reference": standing.link.reference.label,
                    "gap_db": None if gap is None else gap.value_db,
                    "gap_low_db": None if gap is None else gap.low_db,
                    "gap_high_db": None if gap is None else gap.high_db,
                    f"{standing.answers.unit}_us": row.time_us,
                    "latency_us": row.latency_us,
                    "over_yardstick": line.times_yardstick,
                    "multiplications": row.multiplications,
                    "parameters": row.parameters,
                    "submission": line.submission.sha256,
                    "command": line.submission.command(standing.link.name),
                }
            )
    return rows


def _csv(stands: Sequence[Standing]) -> str:
    rows = standing_rows(stands)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _overview(csi: Csi, stands: Sequence[Standing]) -> _Overview:
    chosen = [standing for standing in stands if standing.csi == csi]
    by_label = [{line.label: line for line in standing.lines} for standing in chosen]
    labels = sorted({label for lines in by_label for label in lines})
    rows = [(label, [lines.get(label) for lines in by_label]) for label in labels]
    return _Overview(csi, CSI_WORDS[csi], chosen, rows)


def _section(board: Board, standing: Standing, submissions: Sequence[Submission]) -> _Section:
    link, answers = standing.link, standing.answers
    frontier = frontier_plot(answers)
    refused = {s.label: s.refused[link.name] for s in submissions if link.name in s.refused}
    there = {line.label for line in standing.lines}
    return _Section(
        standing,
        link_title(link.scenario),
        _facts(link, answers.comparison.snr_label),
        None if frontier is None else plot_html(finish_plot(frontier, 480)),
        plot_html(error_rate_plot(answers)),
        sorted((label, why) for label, why in refused.items() if label not in there),
    )


def _facts(link: BoardLink, snr_label: str) -> list[tuple[str, str]]:
    """A link fact by fact: (name, words)."""
    scenario = link.scenario
    if isinstance(scenario, GridScenario):
        facts = link_facts(scenario)
    else:
        channel = scenario.channel.model_dump(mode="json")
        facts = [("Channel", ", ".join(f"{name} = {value}" for name, value in channel.items()))]
        if scenario.csi.error_var:
            words = f"error variance {scenario.csi.error_var:g} of an entry's"
            facts.append(("Channel knowledge", f"{words}, noise taken as {scenario.csi.noise}"))
        if scenario.coding is not None:
            c = scenario.coding
            words = f"{c.code}, {c.num_info_bits} of {c.num_coded_bits} bits; {c.decoder_words()}"
            facts.append(("Code", words))
    snrs = ", ".join(f"{snr:g}" for snr in link.snr_db)
    return [
        *facts,
        ("SNR", f"{snr_label}: {snrs}"),
        ("Draws", f"{link.vectors:,} vectors at each SNR, key {scenario.key()}"),
    ]
