"""Tests of claims: whether a quantity keeps its bounds, and how parts make a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mimolearn.papers.files.quantities import Test
from mimolearn.papers.judging.measuring import Measuring
from mimolearn.papers.verdict import FewDrawsError, Measured, NotMeasuredError, Outcome, digits

_HOLDS = Outcome.REPRODUCED, Outcome.BETTER
# Twice the draws are asked for where the interval itself is in doubt.
_IN_DOUBT = 2.0
# The square of this: so many times the draws are never spent.
_NEVER = 1e4


@dataclass(frozen=True)
class Part:
    """What became of a test.

    Attributes:
        outcome: REPRODUCED where it holds, BETTER where the paper's number is beaten,
            NOT_REPRODUCED where it fails, OPEN where that is not settled.
        measured: numbers and intervals in words.
        reason: why it is open.
        published: the paper's number in words.
        more: how many times the draws would settle it; None where draws do not help.
    """

    outcome: Outcome
    measured: str
    reason: str = ""
    published: str = ""
    more: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the test holds."""
        return self.outcome in _HOLDS


def judge_test(test: Test, measuring: Measuring) -> Part:
    """What becomes of a test by what was measured.

    Args:
        test: of a claim, an objection or a remark.
        measuring: gives its numbers.
    """
    if test.combination:
        parts = [judge_test(part, measuring) for part in test.tests()]
        joined = _any(parts) if test.any else _all(parts)
        return replace(joined, measured=f"{test.words}{joined.measured}")
    try:
        if test.in_every_seed:
            return _in_every_seed(test, measuring)
        return judge_number(test, measuring.over_seeds(test))
    except NotMeasuredError as reason:
        more = _IN_DOUBT if isinstance(reason, FewDrawsError) else None
        return Part(Outcome.OPEN, "", str(reason), _published(test, ""), more)


def judge_number(test: Test, measured: Measured) -> Part:
    """What becomes of a test by its number.

    Args:
        test: of one quantity.
        measured: that quantity.
    """
    low, high = test.bounds()
    text, published = f"{test.words}{measured.text()}", _published(test, measured.unit)
    if measured.lacking:
        return Part(Outcome.OPEN, text, measured.lacking, published)
    side = _side(test, measured)
    if side and side != _side(test, measured.stretched()):
        return Part(Outcome.OPEN, text, measured.doubt, published, _IN_DOUBT)
    if side < 0:
        return Part(Outcome.NOT_REPRODUCED, text, "", published)
    if side > 0:
        beaten = (test.better == "lower" and measured.value < low) or (
            test.better == "higher" and measured.value > high
        )
        return Part(Outcome.BETTER if beaten else Outcome.REPRODUCED, text, "", published)
    more = _draws(test, measured, low, high)
    reason = f"the interval crosses a bound; {_times(more)} the draws would settle it"
    reason = "; ".join(filter(None, (reason, measured.doubt)))
    return Part(Outcome.OPEN, text, reason, published, more)


def _side(test: Test, measured: Measured) -> int:
    """1 where the whole interval keeps the bounds, -1 where all of it breaks one, else 0."""
    low, high = test.bounds()
    if test.better == "lower":
        low = -math.inf
    if test.better == "higher":
        high = math.inf
    if low <= measured.low and measured.high <= high:
        return 1
    return -1 if measured.low > high or measured.high < low else 0


def _draws(test: Test, measured: Measured, low: float, high: float) -> float:
    """How many times the draws bring the interval to one side of every bound that it crosses."""
    needed = 1.0
    bounds = (low if test.better != "lower" else -math.inf, high)
    if test.better == "higher":
        bounds = (low, math.inf)
    for bound in bounds:
        if not measured.low < bound < measured.high:
            continue
        distance = abs(measured.value - bound)
        inner = measured.value > bound
        half = measured.value - measured.low if inner else measured.high - measured.value
        needed = max(
            needed,
            min(half, _NEVER * distance) ** 2 / distance**2 if distance > 1e-100 else _NEVER**2,
        )
    return needed


def _times(more: float) -> str:
    if more > 1000:
        return "more than 1000 times"
    return f"about {max(more, 1.1):.2g} times"


def _published(test: Test, unit: str) -> str:
    if test.published is None:
        return ""
    return f"{digits(test.published)} {test.unit or unit}".strip()


def _in_every_seed(test: Test, measuring: Measuring) -> Part:
    values = measuring.each_seed(test)
    total = measuring.num_seeds(test)
    joined = _all([judge_number(test, value) for value in values])
    if joined.holds and len(values) < total:
        reason = f"{len(values)} of {total} training seeds are there"
        return Part(Outcome.OPEN, joined.measured, reason, joined.published)
    return joined


def _all(parts: Sequence[Part]) -> Part:
    """Fails when one does, holds when all do."""
    text, published = _words(parts)
    failed = [part for part in parts if part.outcome is Outcome.NOT_REPRODUCED]
    if failed:
        return Part(Outcome.NOT_REPRODUCED, text, "", published)
    waiting = [part for part in parts if part.outcome is Outcome.OPEN]
    if waiting:
        return _open(waiting, text, published, most=True)
    better = any(part.outcome is Outcome.BETTER for part in parts)
    return Part(Outcome.BETTER if better else Outcome.REPRODUCED, text, "", published)


def _any(parts: Sequence[Part]) -> Part:
    """Holds when one does, fails when all do."""
    text, published = _words(parts)
    for outcome in _HOLDS:
        if any(part.outcome is outcome for part in parts):
            return Part(outcome, text, "", published)
    waiting = [part for part in parts if part.outcome is Outcome.OPEN]
    if waiting:
        return _open(waiting, text, published, most=False)
    return Part(Outcome.NOT_REPRODUCED, text, "", published)


def _open(waiting: Sequence[Part], text: str, published: str, *, most: bool) -> Part:
    reason = "; ".join(dict.fromkeys(part.reason for part in waiting if part.reason))
    known = [part.more for part in waiting if part.more is not None]
    # All have to be settled, or one; a part that draws do not help keeps all of them open.
    if not known or (most and len(known) < len(waiting)):
        return Part(Outcome.OPEN, text, reason, published)
    return Part(Outcome.OPEN, text, reason, published, max(known) if most else min(known))


def _words(parts: Sequence[Part]) -> tuple[str, str]:
    text = "; ".join(part.measured for part in parts if part.measured)
    published = "; ".join(dict.fromkeys(part.published for part in parts if part.published))
    return text, published
