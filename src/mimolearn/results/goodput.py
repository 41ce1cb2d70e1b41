"""Goodput over a resource grid, the best MCS for it, and the receiver that serves in time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from mimolearn.foundation.errors import check_positive_int, check_real, invalid
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.plan import adjust_plan
from mimolearn.results.comparison import Comparison
from mimolearn.results.point import Point
from mimolearn.results.shown import Row, Tabular
from mimolearn.results.statistics import Interval


class Goodput(NamedTuple):
    """Information bits of right blocks.

    Attributes:
        label: the receiver.
        snr_db: dB.
        mcs: index of the MCS; None without.
        bler: block error rate, after all transmissions.
        bits_per_slot: of all users.
        interval: 95 % interval of bits_per_slot.
        bits_per_s_hz: the same over the duration of a slot and the bandwidth of all subcarriers.
        parts_us: microseconds a slot of estimation, detection and decoding; 0 where times were not
            measured. That of decoding is scaled to the decoder iterations at this SNR.
    """

    label: str
    snr_db: float
    mcs: int | None
    bler: float
    bits_per_slot: float
    interval: Interval
    bits_per_s_hz: float
    parts_us: tuple[float, float, float]

    @property
    def slot_us(self) -> float:
        """Microseconds of the whole receiver for a slot; 0 where times were not measured."""
        return sum(self.parts_us)


class Budget(NamedTuple):
    """A time within which a receiver should serve.

    Attributes:
        budget_us: microseconds a slot.
        cores: cores that share a slot; default 1.
    """

    budget_us: float
    cores: int = 1


class Served(NamedTuple):
    """Who serves within a budget of time.

    Attributes:
        best: the most goodput within the budget; None where nobody keeps it.
        nearest: the fastest of all, which is told where nobody keeps the budget.
        budget_us: microseconds a slot on one core.
        cores: cores that share the elements and blocks of a slot.
    """

    best: Goodput | None
    nearest: Goodput
    budget_us: float
    cores: int

    def words(self) -> str:
        """One sentence."""
        cores = "one core" if self.cores == 1 else f"{self.cores} cores"
        limit = f"{self.budget_us:g} us a slot on {cores}"
        if self.best is None:
            nearest = f"{self.nearest.label}{_scheme(self.nearest)}"
            time_us = self.nearest.slot_us / self.cores
            return f"No receiver keeps {limit}: the nearest, {nearest}, takes {time_us:.0f} us."
        return (
            f"Within {limit}, {self.best.label} serves most at {self.best.snr_db:g} dB: "
            f"{self.best.bits_per_slot:.0f} bits a slot{_scheme(self.best)} "
            f"({self.best.bits_per_s_hz:.2f} bit/s/Hz, BLER {self.best.bler:.2g}), "
            f"in {self.best.slot_us / self.cores:.0f} us."
        )


@dataclass(frozen=True, eq=False)
class GoodputStudy(Tabular):
    """Comparisons of the same receivers on the same channels, one for each MCS.

    Attributes:
        comparisons: of scenarios over a resource grid with coded bits, ascending in MCS.

    Raises:
        InvalidInputError: for a scenario without a grid or without blocks.
    """

    comparisons: tuple[Comparison, ...]

    def __post_init__(self) -> None:
        if not self.comparisons:
            raise invalid("comparisons", (), "at least one")
        for comparison in self.comparisons:
            _grid_of(comparison)

    def read_by(self, **fields: Any) -> GoodputStudy:
        """The same counts, read by another metric or target.

        Args:
            **fields: of the plan, as for ``adjust_plan``.
        """
        comparisons = (replace(c, plan=adjust_plan(c.plan, **fields)) for c in self.comparisons)
        return GoodputStudy(tuple(comparisons))

    @property
    def scenarios(self) -> tuple[GridScenario, ...]:
        """The link with each MCS."""
        return tuple(_grid_of(comparison) for comparison in self.comparisons)

    @property
    def middle_db(self) -> float:
        """The middle one of the SNRs, dB."""
        snrs = self.snr_db
        return snrs[len(snrs) // 2]

    def to_rows(self) -> list[Row]:
        """Return the rows of all comparisons, each with its MCS and its goodput."""
        rows: list[Row] = []
        for comparison in self.comparisons:
            points = [(c.label, point) for c in comparison.curves for point in c.points]
            for row, (label, point) in zip(comparison.to_rows(), points, strict=True):
                one = _goodput(comparison, label, point, point.snr_db)
                served = {
                    "bits_per_slot": one.bits_per_slot,
                    "bits_per_slot_low": one.interval.low,
                    "bits_per_slot_high": one.interval.high,
                    "bits_per_s_hz": one.bits_per_s_hz,
                }
                rows.append({"mcs": one.mcs, **row, **served})
        return rows

    @property
    def labels(self) -> tuple[str, ...]:
        """Receivers, in the plan's order."""
        return tuple(curve.label for curve in self.comparisons[0].curves)

    @property
    def receivers(self) -> tuple[str, ...]:
        """Labels without those that are told what no receiver knows; all where nothing is left."""
        bounds = self.comparisons[0].bounds
        return tuple(label for label in self.labels if label not in bounds) or self.labels

    @property
    def snr_db(self) -> tuple[float, ...]:
        """All SNRs that were simulated, dB."""
        points = (p for c in self.comparisons for curve in c.curves for p in curve.points)
        return tuple(sorted({point.snr_db for point in points}))

    def goodputs(self, label: str, snr_db: float) -> list[Goodput]:
        """Goodput of every MCS at an SNR, ascending in MCS; none where nothing was simulated.

        An MCS that was left out at this SNR, because it has hardly errors below, counts as at the
        highest SNR below.

        Args:
            label: the receiver.
            snr_db: dB.
        """
        known = []
        for comparison in self.comparisons:
            curve = comparison.curve(label)
            point = curve.at(snr_db)
            if point is None and snr_db in curve.skipped_db and curve.points:
                point = curve.points[-1]
            if point is not None:
                known.append(_goodput(comparison, label, point, snr_db))
        return known

    def best(self, label: str, snr_db: float) -> Goodput | None:
        """The MCS with the most goodput at an SNR; None where nothing was simulated.

        Args:
            label: the receiver.
            snr_db: dB.
        """
        known = self.goodputs(label, snr_db)
        return max(known, key=lambda one: one.bits_per_slot, default=None)

    def envelope(self, label: str) -> list[Goodput]:
        """The best MCS at every SNR.

        Args:
            label: of the receiver.
        """
        every = (self.best(label, snr) for snr in self.snr_db)
        return [one for one in every if one is not None]

    def within(self, budget_us: float, snr_db: float | None = None, cores: int = 1) -> Served:
        """Which receiver serves most within a time for a slot; one that is told nothing.

        Args:
            budget_us: microseconds a slot.
            snr_db: dB; default the middle one of those simulated.
            cores: that share a slot; default 1. Elements and blocks are independent.

        Raises:
            InvalidInputError: for a budget not above 0, or where no time was measured.
        """
        budget_us = check_real("budget_us", budget_us, above=0.0)
        check_positive_int("cores", cores, 4096)
        at = self.middle_db if snr_db is None else snr_db
        every = [one for label in self.receivers for one in self.goodputs(label, at)]
        every = [one for one in every if one.slot_us > 0]
        if not every:
            raise invalid("snr_db", at, "an SNR that was simulated, with times measured")
        inside = [one for one in every if one.slot_us <= budget_us * cores]
        best = max(inside, key=lambda one: one.bits_per_slot, default=None)
        return Served(best, min(every, key=lambda one: one.slot_us), budget_us, cores)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: every comparison, and the best MCS of every receiver at every SNR."""
        envelopes = {label: self.envelope(label) for label in self.labels}
        return {
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
            "goodput": {
                label: [{**one._asdict(), "slot_us": one.slot_us} for one in line]
                for label, line in envelopes.items()
            },
        }

    def to_json(self) -> str:
        """``to_dict`` as indented JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)


def _grid_of(comparison: Comparison) -> GridScenario:
    scenario = comparison.scenario
    if not isinstance(scenario, GridScenario) or not scenario.has_blocks:
        raise invalid("scenario", scenario.name or scenario.key(), "one of coded slots on a grid")
    return scenario


def _goodput(comparison: Comparison, label: str, point: Point, snr_db: float) -> Goodput:
    scenario = _grid_of(comparison)
    info, rate = scenario.slot_code.info_bits, point.rate("bler")
    low, high = point.interval("bler")
    # Of a block's transmissions each takes its place in a slot.
    info /= point.mean_transmissions()
    bits = info * (1 - rate)
    scheme = scenario.mcs
    return Goodput(
        label,
        snr_db,
        None if scheme is None else scheme.index,
        rate,
        bits,
        Interval(info * (1 - high), info * (1 - low)),
        bits / (scenario.slot_duration_s * scenario.bandwidth_hz),
        _parts_us(comparison, label, point),
    )


def _scheme(one: Goodput) -> str:
    return "" if one.mcs is None else f" with MCS {one.mcs}"


def _parts_us(comparison: Comparison, label: str, point: Point) -> tuple[float, float, float]:
    timing = comparison.timings.get(label)
    if timing is None:
        return 0.0, 0.0, 0.0
    measured = comparison.curve(label).at(timing.snr_db)
    per_slot = [_iterations(p) for p in (point, measured) if p is not None]
    share = per_slot[0] / per_slot[-1] if all(per_slot) else 1.0
    return timing.estimate_us, timing.soft_us, timing.decode_us * share


def _iterations(point: Point) -> float:
    """Decoder iterations a slot."""
    return point.counts.decoder_iterations / point.counts.channels


def goodput_study(comparisons: Sequence[Comparison]) -> GoodputStudy:
    """Put comparisons of several MCS in order."""

    def index(comparison: Comparison) -> int:
        scheme = _grid_of(comparison).mcs
        return -1 if scheme is None else scheme.index

    return GoodputStudy(tuple(sorted(comparisons, key=index)))
