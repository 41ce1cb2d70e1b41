"""Quantities of claims, from what the panels have given, for one training seed or over all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit

from mimolearn.papers.files.quantities import Quantity
from mimolearn.papers.findings import Findings
from mimolearn.papers.verdict import Measured, NotMeasuredError
from mimolearn.studies import BeamComparison

ENOUGH_SEEDS = 3
Seeds = Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Measuring:
    """Numbers as claims ask for them.

    Attributes:
        findings: what was measured, with the confidence of its intervals.
        seeds: by panel, the labels of all training seeds by that of the first.
        seed: which of them is read, from 0.
    """

    findings: Findings
    seeds: Seeds
    seed: int = 0

    def num_seeds(self, quantity: Quantity) -> int:
        """Training seeds of the receivers that a quantity is of."""
        return max(
            (
                len(self.seeds.get(leaf.panel, {}).get(label, (label,)))
                for leaf in quantity.leaves()
                for label in leaf.labels()
            ),
            default=1,
        )

    def each_seed(self, quantity: Quantity) -> list[Measured]:
        """The quantity for every seed that was measured.

        Raises:
            NotMeasuredError: none was.
        """
        values: list[Measured] = []
        problem: NotMeasuredError | None = None
        for seed in range(self.num_seeds(quantity)):
            try:
                values.append(Measuring(self.findings, self.seeds, seed).one(quantity))
            except NotMeasuredError as error:
                problem = problem or error
        if not values:
            assert problem is not None
            raise problem
        return values

    def over_seeds(self, quantity: Quantity) -> Measured:
        """Mean over the seeds, whose spread is part of the interval.

        The interval adds, square and add, that of Student's t over the seeds and the mean one of a
        seed: draws are common to all, so that more seeds do not make the latter smaller.
        """
        values = self.each_seed(quantity)
        total = self.num_seeds(quantity)
        if total == 1:
            return values[0]
        mean, count = fmean(value.value for value in values), len(values)
        spread = 0.0
        if count > 1:
            quantile = float(stdtrit(count - 1, (1 + self.findings.confidence) / 2))
            spread = quantile * stdev(value.value for value in values) / math.sqrt(count)
        down = math.hypot(spread, fmean(value.value - value.low for value in values))
        up = math.hypot(spread, fmean(value.high - value.value for value in values))
        lacking = ""
        if count < min(total, ENOUGH_SEEDS):
            lacking = f"{count} of {total} training seeds are there"
        measured = Measured(mean, mean - down, mean + up, values[0].unit).doubting(*values)
        return measured._replace(lacking=lacking)

    def one(self, quantity: Quantity) -> Measured:
        """The quantity for this seed.

        Raises:
            NotMeasuredError: it is not there; the text says why.
        """
        value = self._one(quantity)
        return value._replace(unit=quantity.unit) if quantity.unit else value

    def _one(self, q: Quantity) -> Measured:
        match q.verb:
            case "difference":
                return self._difference(*q.parts())
            case "ratio":
                return self._ratio(*q.parts())
            case "product":
                values = [self.one(part) for part in q.parts()]
                return _product(values)
            case "number":
                assert q.number is not None
                return Measured.exact(q.number)
        return self._leaf(q)

    def _leaf(self, q: Quantity) -> Measured:
        labels = self._labels(q)
        if q.verb == "value":
            assert q.value is not None
            return self.findings.value(q.panel, q.value)
        return self._pair(q, *labels) if len(labels) == 2 else self._single(q, labels[0])

    def _pair(self, q: Quantity, first: str, second: str) -> Measured:
        if q.verb == "gap":
            return self.findings.gap(q.panel, first, second, q.target, q.metric or None)
        assert q.at is not None
        return self.findings.unlike(q.panel, first, second, q.at)

    def _single(self, q: Quantity, label: str) -> Measured:
        findings, metric = self.findings, q.metric or None
        match q.verb:
            case "snr":
                return findings.snr(q.panel, label, q.target, metric)
            case "level":
                return findings.level(q.panel, label, q.at)
            case "time":
                return findings.time(q.panel, label)
            case "work":
                return findings.work(q.panel, label, q.at)
        assert q.at is not None
        if q.verb == "gmi":
            return findings.gmi(q.panel, label, q.at)
        if self._is_beams(q):
            return findings.beam_rate(q.panel, label, q.at, geometric=q.geometric)
        return findings.rate(q.panel, label, q.at, metric)

    def _difference(self, a: Quantity, b: Quantity) -> Measured:
        """Paired where both are of common draws, else as of independent numbers."""
        first, second = self._name(a), self._name(b)
        metric = a.metric or None
        if _same(a, b, "level"):
            return self.findings.difference(a.panel, (first, a.at), (second, b.at))
        if _same(a, b, "snr", "target", "metric"):
            return self.findings.gap(a.panel, first, second, a.target, metric)
        if _same(a, b, "rate", "at", "metric") and not a.geometric and not b.geometric:
            assert a.at is not None
            if self._is_beams(a):
                return self.findings.beam_difference(a.panel, first, second, a.at)
            return self.findings.rate_difference(a.panel, first, second, a.at, metric)
        return self.one(a).minus(self.one(b))

    def _ratio(self, a: Quantity, b: Quantity) -> Measured:
        first, second = self._name(a), self._name(b)
        if _same(a, b, "rate", "at", "metric") and not a.geometric and not b.geometric:
            assert a.at is not None
            if self._is_beams(a):
                return self.findings.beam_rate_ratio(a.panel, first, second, a.at)
            metric = a.metric or None
            return self.findings.rate_ratio(a.panel, first, second, a.at, metric)
        return _quotient(self.one(a), self.one(b))

    def _name(self, q: Quantity) -> str:
        """The label of a verb that names one; else ""."""
        labels = self._labels(q)
        return labels[0] if len(labels) == 1 else ""

    def _labels(self, q: Quantity) -> tuple[str, ...]:
        """The labels of this seed."""
        of_panel = self.seeds.get(q.panel, {})
        every = (of_panel.get(label, (label,)) for label in q.labels())
        return tuple(labels[self.seed % len(labels)] for labels in every)

    def _is_beams(self, q: Quantity) -> bool:
        return isinstance(self.findings.panels.get(q.panel), BeamComparison)


def _same(a: Quantity, b: Quantity, verb: str, *fields: str) -> bool:
    """Whether two quantities are one verb of one panel, with equal fields."""
    if not a.verb == b.verb == verb or a.unit or b.unit:
        return False
    return a.panel == b.panel and all(getattr(a, name) == getattr(b, name) for name in fields)


def _quotient(a: Measured, b: Measured) -> Measured:
    """The ratio of two independent positive numbers; intervals add on the logarithm."""
    if a.value <= 0 or b.value <= 0:
        raise NotMeasuredError(f"a ratio of {a.text()} and {b.text()}: both have to be positive")
    inverse = Measured(
        1 / b.value,
        1 / b.high if b.high > 0 else math.inf,
        1 / b.low if b.low > 0 else math.inf,
    ).doubting(b)
    return _product([a, inverse])


def _product(values: list[Measured]) -> Measured:
    """The product of independent numbers; intervals add on the logarithm."""
    exact = math.prod(value.value for value in values if value.low == value.high)
    uncertain = [value for value in values if value.low != value.high]
    if len(uncertain) <= 1:
        one = uncertain[0] if uncertain else Measured.exact(1.0)
        low, high = sorted((exact * one.low, exact * one.high))
        return Measured(exact * one.value, low, high).doubting(*values)
    if exact <= 0 or any(value.value <= 0 for value in uncertain):
        raise NotMeasuredError("a product of numbers with intervals: all have to be positive")
    value = exact * math.prod(part.value for part in uncertain)
    down = math.sqrt(sum(_log(part.value, part.low) ** 2 for part in uncertain))
    up = math.sqrt(sum(_log(part.high, part.value) ** 2 for part in uncertain))
    ends = value * math.exp(-down), value * math.exp(min(up, 700.0))
    return Measured(value, *ends).doubting(*values)


def _log(above: float, below: float) -> float:
    return math.log(above / below) if below > 0 and math.isfinite(above) else math.inf
