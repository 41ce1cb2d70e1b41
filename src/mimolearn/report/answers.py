"""What a comparison answers; terminal, plots and page are drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from mimolearn.report.links import link_title, unit_of
from mimolearn.report.style import Style, styles
from mimolearn.results.comparison import Comparison, Curve
from mimolearn.results.crossings import SnrEstimate, SnrGap
from mimolearn.results.point import Point

COSTS = ("vector_us", "latency_us", "multiplications")
# Over a resource grid a time is that of a slot: estimation, detection and decoding.
SLOT_COSTS = ("slot_us", "multiplications")


class Rate(NamedTuple):
    """An error rate that is drawn.

    Attributes:
        snr_db: in dB.
        value: errors over trials; 0 means that no error was seen.
        low: lower end of the 95 % interval.
        high: upper end of it.
        errors: of the metric's unit.
        is_unsure: the interval may be too narrow (``Point.is_unsure``).
        point: the counts behind it.
    """

    snr_db: float
    value: float
    low: float
    high: float
    errors: int
    is_unsure: bool
    point: Point


class Loss(NamedTuple):
    """How much more SNR a receiver needs than the best, with a paired 95 % interval, in dB."""

    value_db: float
    low_db: float
    high_db: float


class CostPoint(NamedTuple):
    """A receiver that reaches the target, by its cost and by the SNR that it needs.

    Attributes:
        label: the receiver's.
        cost: per vector, or per slot.
        snr_db: the SNR needed, in dB.
        low_db: lower end of its interval; the SNR itself where it has none.
        high_db: upper end of its interval; the SNR itself where it has none.
        on_frontier: no cheaper receiver is as good.
    """

    label: str
    cost: float
    snr_db: float
    low_db: float
    high_db: float
    on_frontier: bool


@dataclass(frozen=True)
class Row:
    """What is known of one receiver at the target error rate.

    Attributes:
        label: the receiver's.
        required: the SNR needed.
        loss: to the best receiver; None where one of the two does not reach the target.
        time_us: measured microseconds per vector in a batch, or per slot over a resource grid; None
            where not measured.
        latency_us: measured microseconds of one vector alone; None where not measured.
        multiplications: real ones per vector, the channel's share included; None where unknown.
        estimated_at_db: the SNR at which a data-dependent search's work was counted, else None.
        parameters: stored numbers.
        parameter_bytes: their size.
        nonfinite: vectors without a finite output, over all SNRs.
        incomplete: searches that hit their limit, over all SNRs.
        vectors: over all SNRs.
        on_frontier: no faster receiver is as good; None where it cannot be said.
        outdone_by: the fastest receiver that this slower one does not beat; None where there is
            none such.
    """

    label: str
    required: SnrEstimate
    loss: Loss | None
    time_us: float | None
    latency_us: float | None
    multiplications: float | None
    estimated_at_db: float | None
    parameters: int
    parameter_bytes: int
    nonfinite: int
    incomplete: int
    vectors: int
    on_frontier: bool | None
    outdone_by: str | None


class Answers:
    """The answers of a comparison at its plan's metric and target. Each is derived once.

    Args:
        comparison: stored results.

    Attributes:
        comparison: as given.
        metric: of the plan.
        target: error rate of the plan.
        goal: both, as "BER 0.001".
        title: the link in a few words.
        unit: what a time is given for, "vector" or "slot".
        costs: the kinds of cost that there are, time first.
        look: how each receiver is drawn, by label.
        gap: ``Comparison.gap`` of two labels, each pair computed once.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.metric, self.target = comparison.plan.metric, comparison.plan.target
        self.goal = f"{self.metric.upper()} {self.target:g}"
        self.title = link_title(comparison.scenario)
        self.unit = unit_of(comparison.scenario)
        self.costs = SLOT_COSTS if self.unit == "slot" else COSTS
        self.look: dict[str, Style] = styles(
            [(curve.label, curve.contender.name) for curve in comparison.curves]
        )
        self.gap = cache(comparison.gap)

    @cached_property
    def rates(self) -> dict[str, tuple[Rate, ...]]:
        """Error rates by label, ascending in SNR."""
        return {
            curve.label: tuple(_rate(point, self.metric) for point in curve.points)
            for curve in self.comparison.curves
        }

    @cached_property
    def has_unsure(self) -> bool:
        """Whether a point with errors is drawn as unsure."""
        return any(rate.errors and rate.is_unsure for line in self.rates.values() for rate in line)

    @cached_property
    def required(self) -> dict[str, SnrEstimate]:
        """The SNR that each receiver needs for the target, by label."""
        return {
            curve.label: self.comparison.required_snr(curve.label)
            for curve in self.comparison.curves
        }

    @cached_property
    def receivers(self) -> tuple[str, ...]:
        """Labels without those that are told what no receiver knows; all where nothing is left."""
        labels = tuple(curve.label for curve in self.comparison.curves)
        bounds = self.comparison.bounds
        return tuple(label for label in labels if label not in bounds) or labels

    @cached_property
    def best(self) -> str | None:
        """The receiver that needs the least SNR for the target; None when none reaches it."""
        needed = {label: estimate.value_db for label, estimate in self.required.items()}
        known = ((label, needed[label]) for label in self.receivers)
        reached = {label: value for label, value in known if value is not None}
        return min(reached, key=lambda label: reached[label]) if reached else None

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """One row per receiver: those below the target throughout, then by the SNR they need."""
        rows = [self._row(curve) for curve in self.comparison.curves]
        return tuple(
            sorted(
                rows,
                key=lambda row: (
                    not row.required.is_below,
                    row.required.value_db is None,
                    row.required.value_db or 0.0,
                    row.time_us or 0.0,
                ),
            )
        )

    def cost(self, label: str, cost: str) -> float | None:
        """A receiver's cost per vector; None where it is not known.

        Args:
            label: the receiver's.
            cost: one of ``costs``: measured time in a batch, of a slot, or of one vector alone (all
                in microseconds), or real multiplications.
        """
        if cost == "multiplications":
            return self._multiplications[label][0]
        timing = self.comparison.timings.get(label)
        if timing is None:
            return None
        return float(getattr(timing, cost))

    @property
    def time(self) -> str:
        """The cost that receivers are ranked by: "vector_us" or "slot_us"."""
        return self.costs[0]

    def frontier(self, cost: str) -> tuple[str, ...]:
        """Receivers that no cheaper one equals, cheapest first.

        A receiver falls behind when a cheaper one exists that it does not beat significantly: the
        paired 95 % interval of the gap reaches zero.

        Args:
            cost: one of ``costs``.
        """
        return self._frontiers[cost]

    def cost_points(self, cost: str) -> tuple[CostPoint, ...]:
        """Every receiver that has such a cost and reaches the target, in the plan's order.

        Args:
            cost: one of ``costs``.
        """
        points = []
        for label, estimate in self.required.items():
            value = self.cost(label, cost)
            if value is None or estimate.value_db is None:
                continue
            low = estimate.value_db if estimate.low_db is None else estimate.low_db
            high = estimate.value_db if estimate.high_db is None else estimate.high_db
            on_frontier = label in self.frontier(cost)
            points.append(CostPoint(label, value, estimate.value_db, low, high, on_frontier))
        return tuple(points)

    @cached_property
    def _frontiers(self) -> dict[str, tuple[str, ...]]:
        return {cost: self._frontier(cost) for cost in self.costs}

    def _frontier(self, cost: str) -> tuple[str, ...]:
        costs = [
            (label, value)
            for label in self.receivers
            if self.required[label].value_db is not None
            and (value := self.cost(label, cost)) is not None
        ]
        costs.sort(key=lambda item: item[1])
        frontier: list[str] = []
        for label, _ in costs:
            if all(self._beats(label, cheaper) for cheaper in frontier):
                frontier.append(label)
        return tuple(frontier)

    def _beats(self, label: str, other: str) -> bool:
        """Whether a receiver needs significantly less SNR than another."""
        gap: SnrGap = self.gap(label, other)
        return gap.value_db is not None and gap.low_db is not None and gap.low_db > 0

    def _row(self, curve: Curve) -> Row:
        label = curve.label
        required = self.required[label]
        multiplications, at_db = self._multiplications[label]
        timing = self.comparison.timings.get(label)
        cost = self.comparison.costs.get(label)
        on_frontier = None
        if required.value_db is not None and timing is not None:
            on_frontier = label in self.frontier(self.time)
        return Row(
            label=label,
            required=required,
            loss=self._loss(label),
            time_us=self.cost(label, self.time),
            latency_us=timing.latency_us if timing else None,
            multiplications=multiplications,
            estimated_at_db=at_db,
            parameters=cost.parameters if cost else 0,
            parameter_bytes=cost.parameter_bytes if cost else 0,
            nonfinite=sum(point.counts.nonfinite for point in curve.points),
            incomplete=sum(point.counts.incomplete for point in curve.points),
            vectors=sum(point.counts.vectors for point in curve.points),
            on_frontier=on_frontier,
            outdone_by=self._outdone_by(label) if on_frontier is False else None,
        )

    def _loss(self, label: str) -> Loss | None:
        if self.best is None or self.required[label].value_db is None:
            return None
        if self.best == label:
            return Loss(0.0, 0.0, 0.0)
        gap: SnrGap = self.gap(self.best, label)
        if gap.value_db is None or gap.low_db is None or gap.high_db is None:
            return None
        return Loss(gap.value_db, gap.low_db, gap.high_db)

    def _outdone_by(self, label: str) -> str | None:
        time = self.cost(label, self.time)
        for other in self.frontier(self.time):
            other_time = self.cost(other, self.time)
            faster = time is not None and other_time is not None and other_time < time
            if faster and not self._beats(label, other):
                return other
        return None

    @cached_property
    def _multiplications(self) -> dict[str, tuple[float | None, float | None]]:
        """Real multiplications per vector, and the SNR at which a search's work was taken."""
        return {curve.label: self._work(curve) for curve in self.comparison.curves}

    def _work(self, curve: Curve) -> tuple[float | None, float | None]:
        cost = self.comparison.costs.get(curve.label)
        if cost is None:
            return None, None
        share = cost.per_channel / self.comparison.scenario.channel_reuse
        if cost.per_vector is not None:
            return share + cost.per_vector, None
        searched = [point for point in curve.points if point.work_per_vector() is not None]
        if not searched:
            return None, None
        wanted = self.required[curve.label].value_db
        centre = wanted if wanted is not None else searched[len(searched) // 2].snr_db
        nearest = min(searched, key=lambda point: abs(point.snr_db - centre))
        return share + (nearest.work_per_vector() or 0.0), nearest.snr_db


def _rate(point: Point, metric: str) -> Rate:
    bounds = point.interval(metric)
    return Rate(
        point.snr_db,
        point.rate(metric),
        bounds.low,
        bounds.high,
        point.counts.errors(metric),
        point.is_unsure(metric),
        point,
    )
