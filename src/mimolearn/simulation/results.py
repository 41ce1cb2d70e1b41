"""What a simulation found: error rates with honest intervals, and answers drawn from them.

Only counts are stored; rates, intervals, gaps and tests are derived when asked for.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from mimolearn.errors import InvalidInputError, check_one_of
from mimolearn.scenario import Scenario
from mimolearn.simulation import crossing, statistics
from mimolearn.simulation.contender import Contender, find_contender
from mimolearn.simulation.counts import Counts, ErrorPositions
from mimolearn.simulation.crossing import SnrEstimate, SnrGap
from mimolearn.simulation.run import RunPlan, canonical_snr, metrics
from mimolearn.simulation.statistics import Interval, PairedDifference
from mimolearn.snr import snr_label

UPPER_LIMIT_ERRORS = 100


@dataclass(frozen=True, eq=False)
class Point:
    """One contender at one SNR.

    snr_db: in dB, of the scenario's definition. counts: integers, over the prefix of chunks that
    the stop rule picked. positions: where the errors lay. channel_reuse: vectors per channel.
    finished: the stop rule was met; False for a run that was interrupted.
    A point that was never simulated does not exist.
    """

    snr_db: float
    counts: Counts
    positions: ErrorPositions
    channel_reuse: int
    finished: bool

    def rate(self, metric: str = "ber") -> float:
        """Errors over trials; 0.0 means no error was seen, read the interval then."""
        return self.counts.errors(metric) / self.counts.trials(metric)

    def interval(self, metric: str = "ber", confidence: float = 0.95) -> Interval:
        """(low, high): confidence interval that knows errors within one channel to be dependent."""
        per_channel = self.channel_errors(metric)
        trials = self.counts.trials(metric) // self.counts.channels
        return statistics.clustered_interval(per_channel, trials, confidence)

    def is_upper_limit(self, metric: str = "ber") -> bool:
        """True when fewer than 100 errors were seen, so that the rate is a bound and no more."""
        return self.counts.errors(metric) < UPPER_LIMIT_ERRORS

    def channel_errors(self, metric: str = "ber", num_channels: int | None = None) -> np.ndarray:
        """(channels) int64 errors of each simulated channel, or of the first num_channels."""
        count = self.counts.channels if num_channels is None else num_channels
        return self.positions.per_channel(metric, count, self.channel_reuse)

    def work_per_vector(self) -> float | None:
        """Real multiplications per vector that a data-dependent search spent, else None."""
        work = self.counts.work
        return None if work is None else work / self.counts.vectors


@dataclass(frozen=True, eq=False)
class Curve:
    """The points of one contender, ascending in SNR.

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
        """The point at an SNR, None when it was never simulated."""
        wanted = canonical_snr(snr_db)
        return next((p for p in self.points if canonical_snr(p.snr_db) == wanted), None)


class Timing(NamedTuple):
    """Measured on the machine named in the provenance, single process.

    threads: torch threads. batch: channels per call. channel_reuse: vectors per channel. snr_db:
    where it was taken, which matters to data-dependent searches.
    prepare_us: microseconds of ``prepare`` per channel. detect_us: of ``detect`` and the bit
    decisions per vector. vector_us: both, per vector, at this channel_reuse. latency_us: from
    y and h to bits for one channel alone with one vector. repeats: how many times were taken; all
    are medians.
    """

    threads: int
    batch: int
    channel_reuse: int
    snr_db: float
    prepare_us: float
    detect_us: float
    vector_us: float
    latency_us: float
    repeats: int


class CostReport(NamedTuple):
    """Work and storage of one contender in this scenario.

    per_channel, per_vector: real multiplications; per_vector is None when it depends on the data,
    then ``Point.work_per_vector`` has what was spent. parameters: stored numbers of a learned
    detector; parameter_bytes: their size.
    """

    per_channel: int
    per_vector: int | None
    parameters: int
    parameter_bytes: int


@dataclass(frozen=True)
class Provenance:
    """Where and when: versions of the libraries, the machine, and the date (UTC, ISO 8601)."""

    versions: dict[str, str]
    machine: str
    date: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """Everything that one run found, and answers to the questions people ask of it.

    curves: one per contender, in the plan's order. timings, costs: by label; empty where not
    measured. ``target`` and ``metric`` default to the plan's everywhere.
    """

    scenario: Scenario
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

    def curve(self, contender: str | Contender) -> Curve:
        """The curve of a contender, given by label."""
        return self.curves[find_contender(tuple(c.contender for c in self.curves), contender)]

    def required_snr(
        self,
        contender: str | Contender,
        target: float | None = None,
        metric: str | None = None,
    ) -> SnrEstimate:
        """SNR in dB at which a contender reaches the target rate; never extrapolated."""
        samples = self._samples(self.curve(contender), self._metric(metric))
        return crossing.required_snr(samples, self._target(target))

    def gap(
        self,
        a: str | Contender,
        b: str | Contender,
        target: float | None = None,
        metric: str | None = None,
    ) -> SnrGap:
        """How many dB more SNR b needs than a at the target rate: positive when a is better.

        The interval uses that both saw the same draws.
        """
        metric = self._metric(metric)
        first = self._samples(self.curve(a), metric)
        second = self._samples(self.curve(b), metric)
        return crossing.snr_gap(first, second, self._target(target))

    def paired(
        self,
        a: str | Contender,
        b: str | Contender,
        snr_db: float,
        metric: str | None = None,
    ) -> PairedDifference:
        """Rate of a minus rate of b at one SNR, over the channels that both were run on.

        Raises InvalidInputError when one of them was not simulated there.
        """
        metric = self._metric(metric)
        first, second = (self._point(contender, snr_db) for contender in (a, b))
        channels = min(first.counts.channels, second.counts.channels)
        vectors = channels * first.channel_reuse
        return statistics.paired_difference(
            first.channel_errors(metric, channels),
            second.channel_errors(metric, channels),
            first.counts.trials(metric) // first.counts.channels,
            wrong_a=first.positions.vector[first.positions.vector < vectors],
            wrong_b=second.positions.vector[second.positions.vector < vectors],
        )

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
                point.counts.trials(metric) // point.counts.channels,
            )
            for point in curve.points
        ]

    def _point(self, contender: str | Contender, snr_db: float) -> Point:
        curve = self.curve(contender)
        point = curve.at(snr_db)
        if point is None:
            raise InvalidInputError(f"snr_db: {curve.label!r} was not simulated at {snr_db:g} dB")
        return point

    def _metric(self, metric: str | None) -> str:
        return self.plan.metric if metric is None else check_one_of("metric", metric, metrics())

    def _target(self, target: float | None) -> float:
        return self.plan.target if target is None else target


def _point_dict(point: Point) -> dict[str, Any]:
    rates = {
        metric: {
            "rate": point.rate(metric),
            "interval": list(point.interval(metric)),
            "is_upper_limit": point.is_upper_limit(metric),
        }
        for metric in metrics()
    }
    return {
        "snr_db": point.snr_db,
        "finished": point.finished,
        "counts": asdict(point.counts),
        "rates": rates,
        "work_per_vector": point.work_per_vector(),
    }
