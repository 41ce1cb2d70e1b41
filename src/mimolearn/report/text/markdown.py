"""What became of a paper's claims as a Markdown page, from the results that a folder holds."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import ResultsFileError, user_path
from mimolearn.papers import Experiment, Outcome, file_stem
from mimolearn.report.text.verdicts import outcome_words

PAGE = "reproduction-{}.md"
_SCORE = re.compile(r"^Claims of the paper: (.*)\.  $", re.MULTILINE)
_COUNT = re.compile(r"(\d+) ([a-z ]+)")


def write_reproduction_pages(
    experiments: Sequence[Experiment], folder: str | Path, path: str | Path, command: str
) -> list[Path]:
    """Write one page, or into a folder one page for each paper; nothing is run.

    Args:
        experiments: in the order of the page; one without a result is named as not run.
        folder: of the results of earlier runs.
        path: of the Markdown file, or of a folder that exists.
        command: what gathers the results, for the reader.

    Returns:
        the paths of the files.

    Raises:
        ResultsFileError: a result that is damaged or of another version.
        OSError: a file cannot be written.
    """
    results_of = [(experiment, _read(user_path(folder), experiment)) for experiment in experiments]
    path = user_path(path)
    if not path.is_dir():
        write_atomically(path, _page(results_of, command))
        return [path]
    paths = []
    for key in dict.fromkeys(experiment.paper.key for experiment in experiments):
        of_paper = [(e, result) for e, result in results_of if e.paper.key == key]
        paths.append(path / PAGE.format(key))
        write_atomically(paths[-1], _page(of_paper, command))
    return paths


def scoreboard(pages: Path, papers: Sequence[tuple[str, str]]) -> str:
    """A Markdown table of all papers: how many of their claims came to each end, with links.

    Args:
        pages: folder of the pages that ``write_reproduction_pages`` writes.
        papers: key and what a row calls it.
    """
    heads = [outcome.value for outcome in Outcome]
    lines = [f"| paper | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    for key, title in papers:
        page = PAGE.format(key)
        path = pages / page
        text = path.read_text("utf-8") if path.is_file() else ""
        score = _SCORE.search(text)
        counts = {end: count for count, end in _COUNT.findall(score[1])} if score else {}
        cells = [
            f"[{counts[end]}]({page}#{end.replace(' ', '-')})" if end in counts else "–"
            for end in heads
        ]
        named = f"[{title}]({page})" if score else title
        lines.append(f"| {named} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _read(folder: Path, experiment: Experiment) -> dict[str, Any] | None:
    path = folder / f"{file_stem(experiment)}.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        sound = bool(content["statements"]) and all(
            Outcome(s["outcome"]) and isinstance(s["remarks"], list) and isinstance(s["id"], str)
            for s in content["statements"]
        )
        finished = isinstance(content["finished"], str)
        if content["experiment"] == experiment.name and finished and sound:
            return content
    except (ValueError, KeyError, TypeError):
        pass
    raise ResultsFileError(f"{path}: result is damaged or of another version; run it again")


Results = Sequence[tuple[Experiment, dict[str, Any] | None]]


def _page(results_of: Results, command: str) -> str:
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
        "the effort that stands with it. Together, all looks at a claim miss the truth with a "
        "chance of at most 5 %.",
        "",
        f"Claims of the paper: {_counts(results, 'paper')}.  ",
        f"Targets and checks of this library: {_counts(results, 'library')}.",
        "",
        *_by_end(results_of),
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


def _anchored(experiment: Experiment, result: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Claims with their anchors."""
    figure = experiment.name.partition("/")[2]
    for number, statement in enumerate(result["statements"], start=1):
        yield f"{figure}-{statement['id'] or number}", statement


def _by_end(results_of: Results) -> list[str]:
    """A heading for each end that a claim of the paper came to, with links to the claims."""
    lines: list[str] = []
    for outcome in Outcome:
        links = [
            f'- {experiment.name.partition("/")[2]}: <a href="#{anchor}">{statement["claim"]}</a>'
            for experiment, result in results_of
            if result is not None
            for anchor, statement in _anchored(experiment, result)
            if statement["of"] == "paper" and statement["outcome"] == outcome.value
        ]
        if links:
            lines += [f"## {outcome.value.capitalize()}", "", *links, ""]
    return lines


def _section(experiment: Experiment, result: dict[str, Any] | None) -> list[str]:
    lines = [f"## {experiment.name}: {experiment.title}", ""]
    if experiment.shows:
        lines += [f"The paper: {experiment.shows}", ""]
    if result is None:
        return [*lines, "Not run.", ""]
    lines += [
        f"Effort: {result['budget']}, {result['finished']}.{_grown(result)}",
        "",
        "| claim | source | end | measured | the paper |",
        "|---|---|---|---|---|",
    ]
    remarks = []
    for anchor, statement in _anchored(experiment, result):
        outcome = outcome_words(Outcome(statement["outcome"]), statement["of"])
        claim = f'<a id="{anchor}"></a>{_cell(statement["claim"])}'
        cells = statement["source"], outcome, statement["measured"], statement["published"]
        lines.append(f"| {claim} | {' | '.join(_cell(cell) or '–' for cell in cells)} |")
        said = ". ".join(filter(None, (statement["reason"], *statement["remarks"])))
        if said:
            remarks.append(f"- {statement['claim']}: {said}")
    lines.append("")
    if remarks:
        lines += [*dict.fromkeys(remarks), ""]
    missing = {label: why for panel in result["missing"].values() for label, why in panel.items()}
    if missing:
        lines += ["Missing: " + "; ".join(f"{k} ({why})" for k, why in missing.items()) + ".", ""]
    return lines + [f"> {note}\n" for note in experiment.notes]


def _grown(result: dict[str, Any]) -> str:
    """Which panels got more draws than the effort has."""
    grown = [f"{name} up to {times:g} times" for name, times in result.get("draws", {}).items()]
    return f" Draws that claims needed beyond that: {', '.join(grown)}." if grown else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
