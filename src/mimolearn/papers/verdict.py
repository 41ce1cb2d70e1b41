"""Whether a published statement holds: the outcome, with the numbers that decided it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import fmean, stdev
from typing import NamedTuple

from scipy.special import stdtrit

from mimolearn.foundation.errors import MimolearnError


class Outcome(StrEnum):
    """What became of a statement.

    REPRODUCED: within the tolerance of the paper's number, or within the bounds.
    BETTER: the paper's number is beaten; both numbers are shown.
    NOT_REPRODUCED: outside of them.
    PAPER_IS_WRONG: an objection, which has a check of its own, holds.
    UNDECIDABLE: the paper leaves out what it would take.
    OPEN: something is missing here, or more draws are needed.
    """

    REPRODUCED = "reproduced"
    BETTER = "better than published"
    NOT_REPRODUCED = "not reproduced"
    PAPER_IS_WRONG = "the paper is wrong"
    UNDECIDABLE = "undecidable"
    OPEN = "open"


class Verdict(NamedTuple):
    """How a statement was judged.

    Attributes:
        outcome: what became of it.
        measured: numbers and intervals in words.
        reason: why, unless that is plain.
        published: the paper's number in words, where it has one.
        remarks: what the paper leaves out, with the numbers that show it.
        more: how many times the draws it would need, where more draws would settle it; else None.
        confidence: of the intervals that settled it, or did not.
    """

    outcome: Outcome
    measured: str
    reason: str = ""
    published: str = ""
    remarks: tuple[str, ...] = ()
    more: float | None = None
    confidence: float = 0.95


class NotMeasuredError(MimolearnError):
    """A number that a statement needs is not there; the text says why."""


class FewDrawsError(NotMeasuredError):
    """The same, where more draws would give it."""


class Measured(NamedTuple):
    """A number with its interval; for an exact one both ends are the number itself.

    Attributes:
        value: the number.
        low: lower end of its interval.
        high: upper end of it.
        unit: of all three.
        doubt: why the interval may be too narrow; "" for none.
        stretch: how many times as wide an interval, about the number, settles a claim in spite of
            the doubt.
        lacking: what is missing, so that the number settles nothing; "" for nothing.

    >>> Measured(-30.02, -30.1, -29.94, "dB").text()
    '-30.02 dB [-30.1, -29.94]'
    """

    value: float
    low: float
    high: float
    unit: str = ""
    doubt: str = ""
    stretch: float = 1.0
    lacking: str = ""

    @classmethod
    def exact(cls, value: float, unit: str = "") -> Measured:
        """A number without an error, such as a count."""
        return cls(value, value, value, unit)

    @classmethod
    def mean_of(cls, values: Sequence[float], unit: str = "") -> Measured:
        """The mean of two or more independent numbers, with Student's interval of 95 %.

        >>> Measured.mean_of([1.0, 2.0, 3.0]).text()
        '2 [-0.4841, 4.484]'
        """
        value, count = fmean(values), len(values)
        half = float(stdtrit(count - 1, 0.975)) * stdev(values) / math.sqrt(count)
        return cls(value, value - half, value + half, unit)

    def minus(self, other: Measured) -> Measured:
        """The difference of two independent numbers."""
        value = self.value - other.value
        down = ((self.value - self.low) ** 2 + (other.high - other.value) ** 2) ** 0.5
        up = ((self.high - self.value) ** 2 + (other.value - other.low) ** 2) ** 0.5
        return Measured(value, value - down, value + up, self.unit).doubting(self, other)

    def doubting(self, *others: Measured) -> Measured:
        """The same number with the doubts of those that it is made of."""
        doubt = "; ".join(dict.fromkeys(filter(None, (one.doubt for one in others))))
        return self._replace(doubt=doubt, stretch=max(one.stretch for one in others))

    def stretched(self) -> Measured:
        """With the interval that settles a claim in spite of the doubt.

        It is stretched on the logarithm for positive numbers without a unit, as rates and ratios
        are, else as it is.
        """
        if not self.unit and 0 < self.low < self.value < self.high < float("inf"):
            low = self.value * (self.low / self.value) ** self.stretch
            return self._replace(
                low=low, high=self.value * (self.high / self.value) ** self.stretch
            )
        low = self.value - self.stretch * (self.value - self.low)
        return self._replace(low=low, high=self.value + self.stretch * (self.high - self.value))

    def text(self) -> str:
        """The number in four digits, its unit and its interval."""
        unit = f" {self.unit}" if self.unit else ""
        if self.low == self.high:
            return f"{digits(self.value)}{unit}"
        return f"{digits(self.value)}{unit} [{digits(self.low)}, {digits(self.high)}]"


def digits(value: float) -> str:
    """Four digits, as a reader wants them."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
