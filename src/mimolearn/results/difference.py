"""Two comparisons against each other: two versions, two machines, ours against a stored peer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from mimolearn.foundation.errors import InvalidInputError, check_one_of
from mimolearn.link.scenario_file import ScenarioFile
from mimolearn.plans.plan import canonical_snr, check_metric
from mimolearn.results import crossings, statistics
from mimolearn.results.beam_comparison import BeamComparison, BeamPoint
from mimolearn.results.comparison import Comparison, Curve
from mimolearn.results.crossings import Sample, SnrGap
from mimolearn.results.point import Point
from mimolearn.results.shown import Row, Tabular

_PointT = TypeVar("_PointT", Point, BeamPoint)
VERDICTS = ("identical", "same", "a better", "b better", "not told apart")


class PointDifference(NamedTuple):
    """A contender of one comparison against one of the other, at one SNR.

    Attributes:
        snr_db: in dB.
        rate_a: error rate in the first.
        rate_b: error rate in the second.
        difference: rate_a - rate_b; over the common channels where draws are common.
        low: lower end of its 95 % interval.
        high: upper end of the same.
        channels_a: channels, or blocks, that the first counted.
        channels_b: the same of the second.
        p_value: exact sign test over common channels; None where draws are not common.
        verdict: one of ``VERDICTS``. "identical": the same integers throughout, or the same exact
            rates. "same": the same errors on all channels that both counted, or the same rates but
            for rounding. "a better", "b better": the interval leaves out 0. Else "not told apart".
    """

    snr_db: float
    rate_a: float
    rate_b: float
    difference: float
    low: float
    high: float
    channels_a: int
    channels_b: int
    p_value: float | None
    verdict: str


class CurveDifference(NamedTuple):
    """One contender of each comparison.

    Attributes:
        a: label in the first.
        b: label in the second.
        points: at the SNRs that both have, ascending.
        gap: dB that b needs more than a at the target.
        time_a_us: microseconds a vector, a slot over a grid, or a design of beams; None where not
            measured.
        time_b_us: the same of b.
    """

    a: str
    b: str
    points: tuple[PointDifference, ...]
    gap: SnrGap
    time_a_us: float | None
    time_b_us: float | None


@dataclass(frozen=True, eq=False)
class Difference(Tabular):
    """What differs between two comparisons.

    Attributes:
        a: the first comparison.
        b: the second comparison.
        metric: the error rate that is compared.
        target: the rate at which gaps in dB are taken.
        paired: whether both have the same draws, so that channels are compared one by one.
        curves: the pairs of contenders.
        only_a: labels of the first that nothing of the second is compared with.
        only_b: the same of the second.
    """

    a: Comparison | BeamComparison
    b: Comparison | BeamComparison
    metric: str
    target: float
    paired: bool
    curves: tuple[CurveDifference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    @property
    def of_beams(self) -> bool:
        """Whether beamformers are compared, and not receivers."""
        return isinstance(self.a, BeamComparison)

    @property
    def counts(self) -> dict[str, int]:
        """How many points got each verdict; those that none got are left out."""
        verdicts = [point.verdict for curve in self.curves for point in curve.points]
        return {word: verdicts.count(word) for word in VERDICTS if word in verdicts}

    @property
    def differs(self) -> bool:
        """Whether a point is known to differ."""
        return bool(self.counts.keys() & {"a better", "b better"})

    def link_changes(self) -> tuple[str, ...]:
        """Names of the fields in which the two links differ, besides their title."""
        return _changes(self.a.scenario, self.b.scenario)

    def to_rows(self) -> list[Row]:
        """Return a row for each pair of contenders and SNR."""
        return [
            {
                "contender_a": curve.a,
                "contender_b": curve.b,
                "metric": self.metric,
                "paired": self.paired,
                **point._asdict(),
            }
            for curve in self.curves
            for point in curve.points
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is null."""
        return {
            "scenario_keys": [self.a.scenario.key(), self.b.scenario.key()],
            "link_changes": list(self.link_changes()),
            "paired": self.paired,
            "metric": self.metric,
            "target": self.target,
            "counts": self.counts,
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
            "curves": [
                {
                    **curve._asdict(),
                    "gap": curve.gap._asdict(),
                    "points": [point._asdict() for point in curve.points],
                }
                for curve in self.curves
            ],
        }

    def __repr__(self) -> str:
        how = "common draws" if self.paired else "draws of their own"
        words = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items())
        return f"Difference({len(self.curves)} contenders, {how}: {words})"


def diff(
    a: Comparison,
    b: Comparison,
    pairs: Mapping[str, str] | None = None,
    *,
    metric: str | None = None,
    target: float | None = None,
) -> Difference:
    """Compare the results of receivers in two runs, point by point.

    Runs of the same link have the same draws, so channels are compared one by one; of links that
    differ, in ``replicate`` say, the intervals of both are joined (MOVER, Zou and Donner 2008).

    Args:
        a: the first.
        b: the second.
        pairs: labels of b by labels of a; default None, those that both have.
        metric: as for ``RunPlan``; default that of a's plan.
        target: the error rate of gaps in dB; default that of a's plan.

    Returns:
        the difference; it has every SNR that both counted.

    Raises:
        InvalidInputError: for labels that do not exist, and where nothing is common.

    >>> from mimolearn.link.scenario import Scenario
    >>> from mimolearn.studies.engine import simulate
    >>> s = Scenario(num_tx_ant=1, num_rx_ant=2, constellation="bpsk")
    >>> first, second = (simulate(s, ["lmmse"], [0], min_errors=50) for _ in range(2))
    >>> diff(first, second)
    Difference(1 contenders, common draws: 1 identical)
    """
    metric = check_metric(a.plan.metric if metric is None else metric, a.scenario)
    check_metric(metric, b.scenario)
    target = a.plan.target if target is None else target
    chosen = chosen_pairs(a, b, pairs)
    paired = a.scenario.key() == b.scenario.key()
    curves = tuple(
        _curve(a, b, label_a, label_b, metric, target, paired)
        for label_a, label_b in chosen.items()
    )
    return difference_of(a, b, metric, target, curves)


def difference_of(
    a: Comparison | BeamComparison,
    b: Comparison | BeamComparison,
    metric: str,
    target: float,
    curves: tuple[CurveDifference, ...],
) -> Difference:
    """Return the difference that compared curves make.

    Raises:
        InvalidInputError: where they have no SNR in common.
    """
    if not any(curve.points for curve in curves):
        raise InvalidInputError("snr_db: the two have no SNR in common")
    compared = {curve.a for curve in curves}, {curve.b for curve in curves}
    left = (
        tuple(curve.label for curve in comparison.curves if curve.label not in labels)
        for comparison, labels in zip((a, b), compared, strict=True)
    )
    paired = a.scenario.key() == b.scenario.key()
    return Difference(a, b, metric, target, paired, curves, *left)


def chosen_pairs(
    a: Comparison | BeamComparison,
    b: Comparison | BeamComparison,
    pairs: Mapping[str, str] | None,
) -> dict[str, str]:
    """Return labels of b by labels of a: those given, or those that both have.

    Raises:
        InvalidInputError: for labels that do not exist, and where none is common.
    """
    labels = [[curve.label for curve in comparison.curves] for comparison in (a, b)]
    if pairs is not None:
        for label_a, label_b in pairs.items():
            check_one_of("contender of the first", label_a, labels[0])
            check_one_of("contender of the second", label_b, labels[1])
        return dict(pairs)
    common = {label: label for label in labels[0] if label in labels[1]}
    if not common:
        held = " and ".join(", ".join(side) for side in labels)
        raise InvalidInputError(
            f"contenders: the two have no label in common ({held}), say which pairs to compare"
        )
    return common


def _curve(
    a: Comparison,
    b: Comparison,
    label_a: str,
    label_b: str,
    metric: str,
    target: float,
    paired: bool,
) -> CurveDifference:
    curve_a, curve_b = a.curve(label_a), b.curve(label_b)
    points = common_points(curve_a.points, curve_b.points)
    samples = _samples(curve_a, metric), _samples(curve_b, metric)
    compared = _common if paired else _apart
    return CurveDifference(
        label_a,
        label_b,
        tuple(compared(first, second, metric) for first, second in points),
        crossings.snr_gap(*samples, target, common_draws=paired),
        _time(a, label_a),
        _time(b, label_b),
    )


def common_points(a: Sequence[_PointT], b: Sequence[_PointT]) -> list[tuple[_PointT, _PointT]]:
    """Return the points at the SNRs that both have."""
    known = {canonical_snr(point.snr_db): point for point in b}
    return [
        (point, known[canonical_snr(point.snr_db)])
        for point in a
        if canonical_snr(point.snr_db) in known
    ]


def _samples(curve: Curve, metric: str) -> list[Sample]:
    return [
        Sample(point.snr_db, point.channel_errors(metric), point.trials_each(metric))
        for point in curve.points
    ]


def _time(comparison: Comparison, label: str) -> float | None:
    timing = comparison.timings.get(label)
    return None if timing is None else timing.slot_us or timing.vector_us


def _common(a: Point, b: Point, metric: str) -> PointDifference:
    """Over the channels that both counted, one by one."""
    clusters = a.clusters(metric), b.clusters(metric)
    errors_a, errors_b = (point.channel_errors(metric, min(clusters)) for point in (a, b))
    wrong_a, wrong_b = (point.wrong(metric, min(clusters)) for point in (a, b))
    measured = statistics.paired_difference(
        errors_a, errors_b, a.trials_each(metric), wrong_a=wrong_a, wrong_b=wrong_b
    )
    verdict = verdict_of(measured.low, measured.high)
    if np.array_equal(errors_a, errors_b) and np.array_equal(wrong_a, wrong_b):
        # Equal sums alone are no sameness: the same vectors must be wrong.
        verdict = "identical" if a.counts == b.counts else "same"
    return PointDifference(
        a.snr_db,
        a.rate(metric),
        b.rate(metric),
        measured.difference,
        measured.low,
        measured.high,
        *clusters,
        measured.p_value,
        verdict,
    )


def _apart(a: Point, b: Point, metric: str) -> PointDifference:
    """By the intervals of both, which know nothing of each other."""
    rates, ends = (a.rate(metric), b.rate(metric)), (a.interval(metric), b.interval(metric))
    low, high = statistics.independent_difference(*rates, *ends)
    return PointDifference(
        a.snr_db,
        *rates,
        rates[0] - rates[1],
        low,
        high,
        a.clusters(metric),
        b.clusters(metric),
        None,
        verdict_of(low, high),
    )


def verdict_of(low: float, high: float) -> str:
    """Return what an interval of rate_a - rate_b says."""
    if high < 0:
        return "a better"
    return "b better" if low > 0 else "not told apart"


def _changes(a: ScenarioFile, b: ScenarioFile) -> tuple[str, ...]:
    first, second = (_flat(link) for link in (a, b))
    names = dict.fromkeys([*first, *second])
    return tuple(name for name in names if first.get(name) != second.get(name))


def _flat(link: ScenarioFile) -> dict[str, Any]:
    content = link.model_dump(mode="json", exclude={"name"})
    flat: dict[str, Any] = {}
    for name, value in content.items():
        inner = value if isinstance(value, dict) else {"": value}
        flat |= {f"{name}.{field}".rstrip("."): item for field, item in inner.items()}
    return flat
