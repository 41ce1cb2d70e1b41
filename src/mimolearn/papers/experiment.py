"""A published figure or table as data: what it shows, what is run, what is claimed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mimolearn.papers.files.quantities import Claim
from mimolearn.papers.findings import Findings
from mimolearn.papers.panels import AccuracyPanel, Panel
from mimolearn.papers.verdict import Measured, NotMeasuredError, Outcome, Verdict, judge

Check = Callable[[Findings], Verdict]
Quantity = Callable[[Findings], Measured]


@dataclass(frozen=True)
class Paper:
    """A publication.

    Attributes:
        key: the first half of its experiments' names.
        title: in full.
        authors: as they are cited.
        year: of publication.
        link: its address; "" for none.
    """

    key: str
    title: str
    authors: str
    year: int
    link: str = ""


@dataclass(frozen=True)
class Statement:
    """Something that is claimed, and how it is checked.

    Attributes:
        claim: in our words.
        source: the section, figure or table that says it.
        check: judges the claim by the findings.
        of: "paper", or "library" for a target that this library has set itself.
        id: unique in the figure, for links; "" for none.
        data: the claim of a paper's file, which is judged in place of check.
    """

    claim: str
    source: str
    check: Check | None = None
    of: Literal["paper", "library"] = "paper"
    id: str = ""
    data: Claim | None = None


@dataclass(frozen=True)
class Reference:
    """A point that the paper gives in its text: value at x of a panel's curve.

    Attributes:
        panel: its name.
        label: of the curve.
        x: on the axis of the panel.
        value: in the unit of the panel.
        tolerance: how far off, in the axis' unit, still counts as the same.
        source: the section, figure or table that says it.
    """

    panel: str
    label: str
    x: float
    value: float
    tolerance: float
    source: str


@dataclass(frozen=True)
class Experiment:
    """One figure or table.

    Attributes:
        name: as "lcgnet/fig10".
        paper: that it is from.
        title: in a few words.
        panels: what is run.
        statements: what is claimed.
        references: points that the text of the paper gives.
        shows: what the paper shows, in our words.
        notes: what a reader has to know of conventions and differences.
        points: points of the paper that have claims of their own, for plots.
        seeds: by panel, the labels of all training seeds by that of the first.
    """

    name: str
    paper: Paper
    title: str
    shows: str
    panels: tuple[Panel, ...]
    statements: tuple[Statement, ...]
    references: tuple[Reference, ...] = ()
    notes: tuple[str, ...] = ()
    points: tuple[Reference, ...] = ()
    seeds: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def all_statements(self) -> tuple[Statement, ...]:
        """Those of the text, then one for each reference point."""
        return self.statements + tuple(_of_reference(self, point) for point in self.references)


def _of_reference(experiment: Experiment, point: Reference) -> Statement:
    panel = next(panel for panel in experiment.panels if panel.name == point.panel)
    assert isinstance(panel, AccuracyPanel), point.panel
    unit = panel.unit()
    claim = f"{panel.title}: {point.label} is at {point.value:g} {unit} at {point.x:g}"

    def check(findings: Findings) -> Verdict:
        level = findings.level(point.panel, point.label, point.x)
        low, high = point.value - point.tolerance, point.value + point.tolerance
        return judge(level, at_least=low, at_most=high)

    return Statement(claim, point.source, check)


def within(
    quantity: Quantity,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    words: str = "",
) -> Check:
    """The claim holds when the quantity's whole interval lies within the bounds.

    Args:
        quantity: what is measured, from the findings.
        at_least: lower bound; None for none.
        at_most: upper bound; None for none.
        words: what stands before the number.
    """
    return lambda findings: judge(quantity(findings), at_least, at_most, words)


def contradicted(check: Check, reason: str) -> Check:
    """The claim is wrong, for this reason, when the check holds; it stands when the check fails."""

    def invert(findings: Findings) -> Verdict:
        verdict = check(findings)
        if verdict.outcome is Outcome.REPRODUCED:
            return Verdict(Outcome.PAPER_IS_WRONG, verdict.measured, reason)
        if verdict.outcome is Outcome.NOT_REPRODUCED:
            words = "the objection to it was not confirmed by this run"
            return Verdict(Outcome.REPRODUCED, verdict.measured, words)
        return verdict

    return invert


# Which part of a statement decides it, first to last.
_DECISIVE = (
    Outcome.PAPER_IS_WRONG,
    Outcome.NOT_REPRODUCED,
    Outcome.OPEN,
    Outcome.REPRODUCED,
)


def both(*checks: Check) -> Check:
    """Holds when all do, and fails when one does, whatever the others cannot tell."""

    def check(findings: Findings) -> Verdict:
        verdicts = [part(findings) for part in checks]
        measured = "; ".join(verdict.measured for verdict in verdicts)
        decisive = min(verdicts, key=lambda verdict: _DECISIVE.index(verdict.outcome))
        return Verdict(decisive.outcome, measured, decisive.reason)

    return check


def check_statement(statement: Statement, findings: Findings) -> Verdict:
    """The verdict; what a statement needs and is not there leaves it open."""
    assert statement.check is not None
    try:
        return statement.check(findings)
    except NotMeasuredError as reason:
        return Verdict(Outcome.OPEN, "", str(reason))
