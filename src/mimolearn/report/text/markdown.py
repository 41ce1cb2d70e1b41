"""What became of a paper's statements as a Markdown page, from the results that a folder holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import ResultsFileError, user_path
from mimolearn.papers import Experiment, Outcome, file_stem
from mimolearn.report.text.verdicts import outcome_words


def write_reproduction_text(
    experiments: Sequence[Experiment], folder: str | Path, path: str | Path, command: str
) -> Path:
    """Write the page; nothing is run.

    Args:
        experiments: in the order of the page; one without a result is named as not run.
        folder: of the results of earlier runs.
        path: of the Markdown file.
        command: what gathers the results, for the reader.

    Returns:
        the path of the file.

    Raises:
        ResultsFileError: a result that is damaged or of another version.
        OSError: the file cannot be written.
    """
    results_of = [(experiment, _read(user_path(folder), experiment)) for experiment in experiments]
    path = user_path(path)
    write_atomically(path, _page(results_of, command))
    return path


def _read(folder: Path, experiment: Experiment) -> dict[str, Any] | None:
    path = folder / f"{file_stem(experiment)}.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        known = [Outcome(statement["outcome"]) for statement in content["statements"]]
        finished = isinstance(content["finished"], str)
        if content["experiment"] == experiment.name and finished and known:
            return content
    except (ValueError, KeyError, TypeError):
        pass
    raise ResultsFileError(f"{path}: result is damaged or of another version; run it again")


def _page(results_of: Sequence[tuple[Experiment, dict[str, Any] | None]], command: str) -> str:
    papers = {experiment.paper.key: experiment.paper for experiment, _ in results_of}
    titles = "; ".join(f"“{p.title}” ({p.authors}, {p.year})" for p in papers.values())
    results = [result for _, result in results_of if result is not None]
    finished = sorted(result["finished"] for result in results)
    span = "" if not finished else finished[0]
    if finished and finished[-1] != finished[0]:
        span = f"{finished[0]} to {finished[-1]}"
    lines = [
        f"# Reproduction: {', '.join(papers)}",
        "",
        f"{titles}.",
        "",
        f"Made by `{command}`, which gathers results; the runs themselves are of {span}, each at "
        "the effort that stands with it. Intervals are 95 %.",
        "",
        f"Statements of papers: {_counts(results, 'paper')}.  ",
        f"Targets and checks of this library: {_counts(results, 'library')}.",
        "",
    ]
    for experiment, result in results_of:
        lines += _section(experiment, result)
    return "\n".join(lines).rstrip() + "\n"


def _counts(results: Sequence[dict[str, Any]], of: str) -> str:
    counts = Counter(
        statement["outcome"]
        for result in results
        for statement in result["statements"]
        if statement["of"] == of
    )
    shown = [f"{counts[o.value]} {outcome_words(o, of)}" for o in Outcome if counts[o.value]]
    return ", ".join(shown) or "none"


def _section(experiment: Experiment, result: dict[str, Any] | None) -> list[str]:
    lines = [f"## {experiment.name}: {experiment.title}", "", f"The paper: {experiment.shows}", ""]
    if result is None:
        return [*lines, "Not run.", ""]
    lines += [
        f"Effort: {result['budget']}, {result['finished']}.",
        "",
        "| statement | source | outcome | measured |",
        "|---|---|---|---|",
    ]
    reasons = []
    for statement in result["statements"]:
        outcome = outcome_words(Outcome(statement["outcome"]), statement["of"])
        cells = statement["claim"], statement["source"], outcome, statement["measured"] or "–"
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
        if statement["reason"]:
            reasons.append(f"- {statement['claim']}: {statement['reason']}")
    lines.append("")
    if reasons:
        lines += [*dict.fromkeys(reasons), ""]
    missing = {label: why for panel in result["missing"].values() for label, why in panel.items()}
    if missing:
        lines += ["Missing: " + "; ".join(f"{k} ({why})" for k, why in missing.items()) + ".", ""]
    return lines + [f"> {note}\n" for note in experiment.notes]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
