"""What became of published statements, as tables for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from mimolearn.papers import ExperimentResult, Judged, Outcome, Verdict
from mimolearn.report.text.fitted import Column, FittedTable

# A target of this library holds or not; it is not reproduced.
_LIBRARY_WORDS = {Outcome.REPRODUCED: "holds", Outcome.NOT_REPRODUCED: "does not hold"}
_COLOURS = {
    Outcome.REPRODUCED: "green",
    Outcome.BETTER: "green",
    Outcome.NOT_REPRODUCED: "red",
    Outcome.PAPER_IS_WRONG: "magenta",
    Outcome.UNDECIDABLE: "cyan",
    Outcome.OPEN: "yellow",
}


def outcome_words(outcome: Outcome, of: str) -> str:
    """An outcome in words.

    Args:
        outcome: of a statement.
        of: whose statement it is, "paper" or "library".
    """
    return _LIBRARY_WORDS.get(outcome, outcome.value) if of == "library" else outcome.value


def judged_words(item: Judged) -> str:
    """The outcome of a judged statement in words."""
    return outcome_words(item.verdict.outcome, item.statement.of)


def measured_words(verdict: Verdict) -> str:
    """What was measured, and beside it the paper's number where it has one."""
    paper = f"the paper: {verdict.published}" if verdict.published else ""
    return "; ".join(filter(None, (verdict.measured, paper)))


def outcome_counts(results: Sequence[ExperimentResult]) -> dict[str, int]:
    """How many statements of papers had each outcome, in the order of Outcome."""
    counts = Counter(
        item.verdict.outcome
        for result in results
        for item in result.judged
        if item.statement.of == "paper"
    )
    return {outcome.value: counts[outcome] for outcome in Outcome}


def verdict_table(results: Sequence[ExperimentResult]) -> FittedTable:
    """One line per statement."""
    table = FittedTable(
        Column("experiment", "name"),
        Column("statement", "words"),
        Column("outcome", "words"),
        Column("measured here", "words"),
    )
    for result in results:
        for item in result.judged:
            verdict = item.verdict
            words = measured_words(verdict)
            if verdict.reason:
                words = f"{words} ({verdict.reason})" if words else verdict.reason
            words = ". ".join((words, *verdict.remarks))
            table.add_row(
                result.experiment.name,
                item.statement.claim,
                Text(judged_words(item), style=_COLOURS[verdict.outcome]),
                words,
            )
    return table


def experiment_table(names: Sequence[tuple[str, str, str]]) -> FittedTable:
    """Experiments that there are: (name, title, what the paper shows)."""
    table = FittedTable(
        Column("experiment", "name"), Column("figure", "words"), Column("the paper shows", "words")
    )
    for row in names:
        table.add_row(*row)
    return table
