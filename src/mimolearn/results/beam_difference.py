"""Two comparisons of beamformers against each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mimolearn.foundation.errors import check_one_of
from mimolearn.results import crossings, statistics
from mimolearn.results.beam_comparison import FLOOR, BeamComparison, BeamCurve, BeamPoint
from mimolearn.results.crossings import Sample
from mimolearn.results.difference import (
    CurveDifference,
    Difference,
    PointDifference,
    chosen_pairs,
    common_points,
    difference_of,
    verdict_of,
)

# Rates that differ by less, relatively, differ by rounding: another machine, another version.
_ROUNDING = 1e-6
_NONE_WRONG = np.empty(0, np.int64)


def diff_beams(
    a: BeamComparison,
    b: BeamComparison,
    pairs: Mapping[str, str] | None = None,
    *,
    metric: str = "ser",
    target: float = 1e-3,
) -> Difference:
    """Compare the results of beamformers in two runs, point by point.

    Runs of the same link have the same channels, whose exact error rates are compared one by one;
    of links that differ, the intervals of both are joined, as in ``diff``.

    Args:
        a: the first.
        b: the second.
        pairs: labels of b by labels of a; default None, those that both have.
        metric: "ser", the error rate of beamformers.
        target: the mean error rate of gaps in dB; default 1e-3.

    Returns:
        the difference; it has every SNR that both ran.

    Raises:
        InvalidInputError: for labels that do not exist, and where nothing is common.
    """
    check_one_of("metric", metric, ("ser",))
    paired = a.scenario.key() == b.scenario.key()
    curves = tuple(
        _curve(a.curve(label_a), b.curve(label_b), target, paired)
        for label_a, label_b in chosen_pairs(a, b, pairs).items()
    )
    return difference_of(a, b, metric, target, curves)


def _curve(a: BeamCurve, b: BeamCurve, target: float, paired: bool) -> CurveDifference:
    compared = _common if paired else _apart
    return CurveDifference(
        a.label,
        b.label,
        tuple(compared(*points) for points in common_points(a.points, b.points)),
        crossings.snr_gap(_samples(a), _samples(b), target, common_draws=paired),
        _time_us(a),
        _time_us(b),
    )


def _samples(curve: BeamCurve) -> list[Sample]:
    return [Sample(point.snr_db, point.rates, 1) for point in curve.points]


def _time_us(curve: BeamCurve) -> float | None:
    return None if curve.design_ms is None else curve.design_ms * 1e3


def _common(a: BeamPoint, b: BeamPoint) -> PointDifference:
    """Over the channels that both had, one by one."""
    channels = min(len(a.rates), len(b.rates))
    rates = a.rates[:channels], b.rates[:channels]
    measured = statistics.paired_difference(*rates, 1, wrong_a=_NONE_WRONG, wrong_b=_NONE_WRONG)
    verdict = verdict_of(measured.low, measured.high)
    if np.allclose(*rates, rtol=_ROUNDING, atol=FLOOR):
        verdict = "identical" if np.array_equal(a.rates, b.rates) else "same"
    return PointDifference(
        a.snr_db,
        a.mean,
        b.mean,
        measured.difference,
        measured.low,
        measured.high,
        len(a.rates),
        len(b.rates),
        measured.p_value,
        verdict,
    )


def _apart(a: BeamPoint, b: BeamPoint) -> PointDifference:
    low, high = statistics.independent_difference(a.mean, b.mean, a.interval(), b.interval())
    return PointDifference(
        a.snr_db,
        a.mean,
        b.mean,
        a.mean - b.mean,
        low,
        high,
        len(a.rates),
        len(b.rates),
        None,
        verdict_of(low, high),
    )
