"""Verdicts from made-up numbers: every outcome, and what decides it."""

from __future__ import annotations

import pytest

from mimolearn.papers import Findings, Measured, NotMeasuredError, Outcome, Statement, Table
from mimolearn.papers.experiment import both, check_statement, contradicted, within
from mimolearn.papers.verdict import judge

NOTHING = Findings({}, {})


@pytest.mark.parametrize(
    ("low", "high", "bounds", "outcome"),
    [
        (-31.0, -30.5, {"at_most": -30.0}, Outcome.REPRODUCED),
        (-29.9, -29.5, {"at_most": -30.0}, Outcome.NOT_REPRODUCED),
        (-30.1, -29.9, {"at_most": -30.0}, Outcome.OPEN),
        (0.4, 0.5, {"at_least": 0.3, "at_most": 0.6}, Outcome.REPRODUCED),
        (0.7, 0.8, {"at_least": 0.3, "at_most": 0.6}, Outcome.NOT_REPRODUCED),
        (0.1, 0.2, {"at_least": 0.3, "at_most": 0.6}, Outcome.NOT_REPRODUCED),
        (0.2, 0.8, {"at_least": 0.3, "at_most": 0.6}, Outcome.OPEN),
        (3.0, 3.0, {"at_least": 3.0}, Outcome.REPRODUCED),
    ],
)
def test_the_whole_interval_decides(low, high, bounds, outcome):
    found = judge(Measured((low + high) / 2, low, high, "dB"), **bounds)
    assert found.outcome is outcome
    assert "dB" in found.measured


def at(value: float, half: float = 0.1):
    return lambda _: Measured(value, value - half, value + half)


def test_a_contradicted_statement_is_wrong_and_one_that_is_not_stands():
    wrong = contradicted(within(at(5.0), at_least=1.0), "the reason")(NOTHING)
    assert wrong.outcome is Outcome.PAPER_IS_WRONG
    assert wrong.reason == "the reason"
    assert contradicted(within(at(0.0), at_least=1.0), "r")(NOTHING).outcome is Outcome.REPRODUCED
    assert contradicted(within(at(1.0), at_least=1.0), "r")(NOTHING).outcome is Outcome.OPEN


def test_both_needs_all():
    yes, no, unknown = (within(at(value), at_least=1.0) for value in (2.0, 0.0, 1.0))
    assert both(yes, yes)(NOTHING).outcome is Outcome.REPRODUCED
    assert both(yes, no)(NOTHING).outcome is Outcome.NOT_REPRODUCED
    assert both(yes, unknown)(NOTHING).outcome is Outcome.OPEN
    assert both(unknown, no)(NOTHING).outcome is Outcome.NOT_REPRODUCED
    assert both(yes, no)(NOTHING).measured.count("[") == 2


def test_what_is_missing_leaves_a_statement_open():
    table = Table(("a",), (), {}, missing={"net": "weight net-8x8 is missing"})
    findings = Findings({"table": table}, {})
    statement = Statement("claim", "here", within(lambda f: f.value("table", "net"), at_most=1))
    found = check_statement(statement, findings)
    assert found.outcome is Outcome.OPEN
    assert found.reason == "weight net-8x8 is missing"
    with pytest.raises(NotMeasuredError, match="was not computed"):
        findings.value("table", "other")


def test_a_difference_of_independent_numbers_adds_their_squares():
    found = Measured(5.0, 4.7, 5.3).minus(Measured(1.0, 0.6, 1.4))
    assert found.value == 4.0
    assert found.low == pytest.approx(3.5)
    assert found.high == pytest.approx(4.5)
