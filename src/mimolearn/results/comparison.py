"""The results of a simulation: error rates with honest intervals, and answers drawn from them.

Only counts are stored; rates, intervals, gaps and tests are derived when asked for.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.contender import Contender, find_contender
from mimolearn.plans.plan import AnyScenario, RunPlan, canonical_snr, check_metric
from mimolearn.results import crossings as crossing
from mimolearn.results import statistics
from mimolearn.results.costs import CostReport, Timing
from mimolearn.results.crossings import SnrEstimate, SnrGap
from mimolearn.results.point import Point, cluster_word
from mimolearn.results.rows import comparison_text, cost_columns, rate_columns
from mimolearn.results.shown import Row, Shown
from mimolearn.results.statistics import PairedDifference, RateRatio
from mimolearn.snr import snr_label


@dataclass(frozen=True, eq=False)
class Curve:
    """The points of one contender, ascending in SNR.

    Attributes:
        contender: what was run.
        points: those that were simulated.
        skipped_db: SNRs of the plan that were left out, being above one where the rate was already
            under the plan's floor.
    """

    contender: Contender
    points: tuple[Point, ...]
    skipped_db: tuple[float, ...] = ()

    @property
    def label(self) -> str:
        """The contender's label."""
        return self.contender.label

    def at(self, snr_db: float) -> Point | None:
        """The point at an SNR, None when it was never simulated.

        Args:
            snr_db: in dB.
        """
        wanted = canonical_snr(snr_db)
        return next((p for p in self.points if canonical_snr(p.snr_db) == wanted), None)


@dataclass(frozen=True)
class Provenance:
    """Where and when a chunk was simulated last.

    Attributes:
        versions: of the libraries, by name.
        machine: its processor and system.
        date: UTC, ISO 8601.
        earlier: other machines that simulated chunks before.
    """

    versions: dict[str, str]
    machine: str
    date: str
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """The results of one run, and answers to the questions people ask of it.

    ``target`` and ``metric`` default to the plan's everywhere.

    Attributes:
        scenario: the link.
        plan: by which it was run.
        curves: one per contender, in the plan's order.
        provenance: where and when.
        timings: by label; empty where not measured.
        costs: by label; empty where not counted.
    """

    scenario: AnyScenario
    plan: RunPlan
    curves: tuple[Curve, ...]
    provenance: Provenance
    timings: dict[str, Timing] = field(default_factory=dict)
    costs: dict[str, CostReport] = field(default_factory=dict)

    @property
    def snr_label(self) -> str:
        """Axis label of the scenario's SNR definition."""
        return snr_label(self.scenario.snr_definition)

    @property
    def finished(self) -> bool:
        """True when every point of the plan met its stop rule or was skipped by the floor."""
        expected = len(self.plan.snr_db)
        return all(
            len(curve.points) + len(curve.skipped_db) == expected
            and all(point.finished for point in curve.points)
            for curve in self.curves
        )

    @property
    def bounds(self) -> frozenset[str]:
        """Labels of contenders over a resource grid that are told what no receiver knows.

        That is the channel or the covariance of interference. They bound others and answer nothing.
        """
        link = self.scenario
        if not isinstance(link, GridScenario):
            return frozenset()
        told = (c.contender for c in self.curves if c.contender.receiver.is_bound(link.estimator))
        return frozenset(contender.label for contender in told)

    def curve(self, contender: str | Contender) -> Curve:
        """The curve of a contender, given by label.

        Args:
            contender: its label, or the contender itself.
        """
        return self.curves[find_contender(tuple(c.contender for c in self.curves), contender)]

    def required_snr(
        self,
        contender: str | Contender,
        target: float | None = None,
        metric: str | None = None,
        confidence: float = 0.95,
    ) -> SnrEstimate:
        """SNR in dB at which a contender reaches the target rate; never extrapolated.

        Args:
            contender: its label.
            target: an error rate.
            metric: as for ``RunPlan``.
            confidence: of the interval.
        """
        samples = self._samples(self.curve(contender), self._metric(metric))
        return crossing.required_snr(samples, self._target(target), confidence)

    def gap(
        self,
        a: str | Contender,
        b: str | Contender,
        target: float | None = None,
        metric: str | None = None,
        confidence: float = 0.95,
    ) -> SnrGap:
        """How many dB more SNR b needs than a at the target rate: positive when a is better.

        The interval uses that both saw the same draws.

        Args:
            a: label of a contender.
            b: label of another one.
            target: an error rate.
            metric: as for ``RunPlan``.
            confidence: of the interval.
        """
        metric = self._metric(metric)
        first = self._samples(self.curve(a), metric)
        second = self._samples(self.curve(b), metric)
        return crossing.snr_gap(first, second, self._target(target), confidence)

    def paired(
        self,
        a: str | Contender,
        b: str | Contender,
        snr_db: float,
        metric: str | None = None,
        confidence: float = 0.95,
    ) -> PairedDifference:
        """Rate of a minus rate of b at one SNR, over the channels that both were run on.

        Args:
            a: label of a contender.
            b: label of another one.
            snr_db: in dB.
            metric: as for ``RunPlan``.
            confidence: of the interval.

        Raises:
            InvalidInputError: one of them was not simulated there.
        """
        metric = self._metric(metric)
        first, second, clusters = self._common(a, b, snr_db, metric)
        return statistics.paired_difference(
            first.channel_errors(metric, clusters),
            second.channel_errors(metric, clusters),
            first.trials_each(metric),
            wrong_a=first.wrong(metric, clusters),
            wrong_b=second.wrong(metric, clusters),
            cluster=self._cluster(metric),
            confidence=confidence,
        )

    def rate_ratio(
        self,
        a: str | Contender,
        b: str | Contender,
        snr_db: float,
        metric: str | None = None,
        confidence: float = 0.95,
    ) -> RateRatio:
        """Rate of a over rate of b at one SNR, over the channels that both were run on.

        Args:
            a: label of a contender.
            b: label of another one.
            snr_db: in dB.
            metric: as for ``RunPlan``.
            confidence: of the interval.

        Raises:
            InvalidInputError: one of them was not simulated there.
        """
        metric = self._metric(metric)
        first, second, clusters = self._common(a, b, snr_db, metric)
        errors_a, errors_b = (p.channel_errors(metric, clusters) for p in (first, second))
        return statistics.rate_ratio(errors_a, errors_b, confidence)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: rates, intervals and counts of every point, and where they are from.

        What was not simulated is absent, what does not exist is null.
        """
        return {
            "scenario": self.scenario.model_dump(mode="json"),
            "scenario_key": self.scenario.key(),
            "snr_label": self.snr_label,
            "plan": self.plan.to_dict(),
            "finished": self.finished,
            "curves": [self._curve_dict(curve) for curve in self.curves],
            "provenance": asdict(self.provenance),
        }

    def to_rows(self) -> list[Row]:
        """Return a row for each contender and SNR; docs/python.md explains the columns."""
        return [
            {
                "scenario": self.scenario.name,
                "scenario_key": self.scenario.key(),
                "contender": curve.label,
                "contender_key": curve.contender.key(),
                "snr_db": point.snr_db,
                "finished": point.finished,
                **rate_columns(point),
                **cost_columns(
                    point,
                    self.timings.get(curve.label),
                    self.costs.get(curve.label),
                    self.scenario.vectors_per_cluster,
                ),
                "machine": self.provenance.machine,
                "date": self.provenance.date,
            }
            for curve in self.curves
            for point in curve.points
        ]

    def __repr__(self) -> str:
        return comparison_text(self)

    def to_json(self) -> str:
        """``to_dict`` as indented JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def _curve_dict(self, curve: Curve) -> dict[str, Any]:
        timing, cost = self.timings.get(curve.label), self.costs.get(curve.label)
        return {
            **curve.contender.to_dict(),
            "key": curve.contender.key(),
            "points": [_point_dict(point) for point in curve.points],
            "skipped_db": list(curve.skipped_db),
            "required_snr": self.required_snr(curve.contender)._asdict(),
            "timing": None if timing is None else timing._asdict(),
            "cost": None if cost is None else cost._asdict(),
        }

    def _samples(self, curve: Curve, metric: str) -> list[crossing.Sample]:
        return [
            crossing.Sample(
                point.snr_db,
                point.channel_errors(metric),
                point.trials_each(metric),
                self._cluster(metric),
            )
            for point in curve.points
        ]

    def _common(
        self, a: str | Contender, b: str | Contender, snr_db: float, metric: str
    ) -> tuple[Point, Point, int]:
        """The points of two contenders, and how many clusters both were run on."""
        first, second = (self._point(contender, snr_db) for contender in (a, b))
        return first, second, min(first.clusters(metric), second.clusters(metric))

    def _point(self, contender: str | Contender, snr_db: float) -> Point:
        curve = self.curve(contender)
        point = curve.at(snr_db)
        if point is None:
            raise InvalidInputError(f"snr_db: {curve.label!r} was not simulated at {snr_db:g} dB")
        return point

    def _cluster(self, metric: str) -> str:
        return cluster_word(metric, grid=isinstance(self.scenario, GridScenario))

    def _metric(self, metric: str | None) -> str:
        return check_metric(self.plan.metric if metric is None else metric, self.scenario)

    def _target(self, target: float | None) -> float:
        return self.plan.target if target is None else target


def _point_dict(point: Point) -> dict[str, Any]:
    rates = {
        metric: {
            "rate": point.rate(metric),
            "interval": list(point.interval(metric)),
            "is_upper_limit": point.is_upper_limit(metric),
            "effective_clusters": point.effective_clusters(metric),
            "is_unsure": point.is_unsure(metric),
        }
        for metric in point.metrics()
    }
    coded = {}
    if point.counts.blocks:
        coded = {
            "gmi": point.gmi(),
            "gmi_interval": list(point.gmi_interval()),
            "calibration_error": point.calibration_error(),
            "bler_after": list(point.rates_after()),
            "transmissions": point.mean_transmissions(),
        }
    return {
        "snr_db": point.snr_db,
        "finished": point.finished,
        "counts": asdict(point.counts),
        "rates": rates,
        "work_per_vector": point.work_per_vector(),
        **coded,
    }
