"""Whether a published statement holds: the outcome, with the numbers that decided it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from mimolearn.foundation.errors import MimolearnError


class Outcome(StrEnum):
    """What became of a statement."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    PAPER_IS_WRONG = "the paper is wrong"
    NOT_YET = "not yet possible"


class Verdict(NamedTuple):
    """How a statement was judged.

    Attributes:
        outcome: what became of it.
        measured: numbers and intervals in words.
        reason: why, unless that is plain.
    """

    outcome: Outcome
    measured: str
    reason: str = ""


class NotMeasuredError(MimolearnError):
    """A number that a statement needs is not there; the text says why."""


class Measured(NamedTuple):
    """A number with its 95 % interval; for an exact one both ends are the number itself.

    >>> Measured(-30.02, -30.1, -29.94, "dB").text()
    '-30.02 dB [-30.1, -29.94]'
    """

    value: float
    low: float
    high: float
    unit: str = ""

    @classmethod
    def exact(cls, value: float, unit: str = "") -> Measured:
        """A number without an error, such as a count."""
        return cls(value, value, value, unit)

    def minus(self, other: Measured) -> Measured:
        """The difference of two independent numbers."""
        value = self.value - other.value
        down = ((self.value - self.low) ** 2 + (other.high - other.value) ** 2) ** 0.5
        up = ((self.high - self.value) ** 2 + (other.value - other.low) ** 2) ** 0.5
        return Measured(value, value - down, value + up, self.unit)

    def text(self) -> str:
        """The number in four digits, its unit and its interval."""
        unit = f" {self.unit}" if self.unit else ""
        if self.low == self.high:
            return f"{_digits(self.value)}{unit}"
        return f"{_digits(self.value)}{unit} [{_digits(self.low)}, {_digits(self.high)}]"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def judge(
    measured: Measured,
    at_least: float | None = None,
    at_most: float | None = None,
    words: str = "",
) -> Verdict:
    """REPRODUCED when the whole interval is inside the bounds, NOT_REPRODUCED when it is outside.

    Where the interval crosses a bound the run cannot tell, and the outcome is NOT_YET.

    Args:
        measured: a number with its interval.
        at_least: lower bound; None for none.
        at_most: upper bound; None for none.
        words: what stands before the number.

    >>> judge(Measured(7.0, 6.9, 7.1, "dB"), at_least=6.5).outcome.value
    'reproduced'
    """
    low = float("-inf") if at_least is None else at_least
    high = float("inf") if at_most is None else at_most
    text = f"{words}{measured.text()}"
    if low <= measured.low and measured.high <= high:
        return Verdict(Outcome.REPRODUCED, text)
    if measured.high < low or measured.low > high:
        return Verdict(Outcome.NOT_REPRODUCED, text)
    return Verdict(Outcome.NOT_YET, text, "the interval of this run is too wide to tell")
