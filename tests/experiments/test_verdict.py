"""Verdicts from made-up numbers: what settles a number, and what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from mimolearn.papers import Findings, Measured, NotMeasuredError, Outcome, Table
from mimolearn.papers.files.quantities import Test
from mimolearn.papers.judging.measuring import Measuring
from mimolearn.papers.judging.parts import judge_number, judge_test


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
def test_the_whole_interval_settles_it(low, high, bounds, outcome):
    test = Test(value="x", panel="p", **bounds)
    part = judge_number(test, Measured((low + high) / 2, low, high, "dB"))
    assert part.outcome is outcome
    assert "dB" in part.measured


YES, NO, UNKNOWN = 2.0, 0.0, 1.0


@pytest.mark.parametrize(
    ("join", "values", "outcome"),
    [
        ("all", (YES, YES), Outcome.REPRODUCED),
        ("all", (YES, NO), Outcome.NOT_REPRODUCED),
        ("all", (YES, UNKNOWN), Outcome.OPEN),
        ("all", (UNKNOWN, NO), Outcome.NOT_REPRODUCED),
        ("any", (YES, UNKNOWN), Outcome.REPRODUCED),
        ("any", (NO, UNKNOWN), Outcome.OPEN),
        ("any", (NO, NO), Outcome.NOT_REPRODUCED),
    ],
)
def test_parts_that_are_joined(join, values, outcome):
    numbers = {name: Measured(v, v - 0.1, v + 0.1) for name, v in zip("ab", values, strict=True)}
    measuring = Measuring(Findings({"p": Table((), (), numbers)}, {}), {})
    fields: dict[str, Any] = {
        join: [{"value": name, "panel": "p", "at_least": 1.0} for name in "ab"]
    }
    part = judge_test(Test(**fields), measuring)
    assert part.outcome is outcome
    assert part.measured.count("[") == 2


def test_what_is_missing_leaves_a_test_open():
    table = Table(("a",), (), {}, missing={"net": "weight net-8x8 is missing"})
    findings = Findings({"table": table}, {})
    test = Test(value="net", panel="table", at_least=0.0)
    part = judge_test(test, Measuring(findings, {}))
    assert part.outcome is Outcome.OPEN
    assert part.reason == "weight net-8x8 is missing"
    with pytest.raises(NotMeasuredError, match="was not computed"):
        findings.value("table", "other")


def test_a_difference_of_independent_numbers_adds_their_squares():
    found = Measured(5.0, 4.7, 5.3).minus(Measured(1.0, 0.6, 1.4))
    assert found.value == 4.0
    assert found.low == pytest.approx(3.5)
    assert found.high == pytest.approx(4.5)
