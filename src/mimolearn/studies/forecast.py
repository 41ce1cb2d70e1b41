"""What a curve will need: a short pilot, continued towards the target in two ways."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mimolearn.foundation.errors import check_positive_int, check_real
from mimolearn.plans.plan import AnyScenario, RunPlan, canonical_snr, load_comparison
from mimolearn.results.point import Point
from mimolearn.studies.engine import ReceiverSession
from mimolearn.studies.engine import curves as curves_of
from mimolearn.studies.execution.choice import ExecutorChoice
from mimolearn.studies.kinds.base import Task
from mimolearn.studies.progress import Progress
from mimolearn.studies.schedule import Schedule
from mimolearn.studies.session import Session
from mimolearn.studies.stopping import StopRule

# Points with fewer errors than this bend the continuation more than they support it.
_FEW_ERRORS = 20
_FIT_POINTS = 3
_LAST_SNR_DB = 100.0


class Range(NamedTuple):
    """A value under the two continuations, the smaller first."""

    low: float
    high: float


class CurveForecast(NamedTuple):
    """What one contender needs.

    Attributes:
        label: the contender's.
        measured_snr_db: the SNR of measured_rate, in dB.
        measured_rate: the lowest error rate that the pilot knows from 20 errors or more.
        required_snr_db: the SNR at which the curve reaches the target, in dB.
        vectors: over all points.
        cpu_s: seconds of one processor, drawing included as if it ran alone.
        note: why nothing is known, else "".
    """

    label: str
    measured_snr_db: float
    measured_rate: float
    required_snr_db: Range
    vectors: Range
    cpu_s: Range
    note: str = ""


class Forecast(NamedTuple):
    """What a comparison down to target_error needs.

    Attributes:
        metric: of target_error.
        target_error: the error rate that the curves should reach.
        min_errors: errors at each point.
        curves: one for each contender.
        cpu_s: seconds of one processor for all contenders on common draws.
        max_vectors: vectors at which a point may be given up.
        snr_db: SNRs worth simulating, in dB.
        unknown: labels of contenders that no number could be given for; they are not in the sums.
    """

    metric: str
    target_error: float
    min_errors: int
    curves: tuple[CurveForecast, ...]
    cpu_s: Range
    max_vectors: int
    snr_db: tuple[float, ...]
    unknown: tuple[str, ...]

    def machines(self, hours: float, processors: int) -> int:
        """How many machines are needed, by the larger figure of processor time.

        Args:
            hours: within which they should finish.
            processors: of each machine.

        Raises:
            InvalidInputError: a number that is not positive.
        """
        hours = check_real("hours", hours, above=0)
        processors = check_positive_int("processors", processors)
        return max(math.ceil(self.cpu_s.high / 3600 / hours / processors), 1)


def forecast(
    scenario: AnyScenario | str | Path,
    contenders: Any = None,
    snr_db: Any = None,
    *,
    target_error: float = 1e-6,
    plan: RunPlan | None = None,
    metric: str | None = None,
    min_errors: int | None = None,
    pilot_s: float = 20.0,
    progress: Progress | None = None,
) -> Forecast:
    """Estimate vectors and processor time for curves down to target_error, from a short pilot.

    Below what the pilot has seen, the curve is continued once as a straight line of log rate over
    dB (a fading channel at high SNR: no curve is flatter for long) and once as Gaussian noise
    around a fixed distance would (none is steeper); figures are given for both. What a point costs
    follows from its rate alone, so a long way down to the target adds uncertainty in SNR, little
    in time. Points take at most the vectors that the stop rule needs at the target
    (``max_vectors``): those of min_errors, and more where few channels make the errors.
    Pilot times are of this machine, one thread.

    Args:
        scenario: as for ``simulate``.
        contenders: as for ``simulate``.
        snr_db: SNRs in dB; the grid is continued at its last step.
        target_error: the error rate that the curves should reach; it takes the place of the
            plan's target.
        plan: as for ``simulate``.
        metric: as for ``simulate``.
        min_errors: as for ``simulate``.
        pilot_s: seconds, about, for each contender.
        progress: called after every chunk of the pilot.

    Returns:
        the forecast.

    Raises:
        InvalidInputError: a bad argument.
    """
    check_real("target_error", target_error, above=0, at_most=0.5)
    check_real("pilot_s", pilot_s, above=0, at_most=86_400)
    link, plan = load_comparison(
        scenario,
        plan,
        contenders=contenders,
        snr_db=snr_db,
        metric=metric,
        min_errors=min_errors,
        target=target_error,
    )
    session = ReceiverSession(link, plan)
    draw_s = _seconds_per_vector(session, ())
    positions = range(len(plan.contenders))
    detect_s = [_seconds_per_vector(session, (i,)) - draw_s for i in positions]
    curves, per_point, most = [], [], 0
    for i, contender in enumerate(plan.contenders):
        vector_s = draw_s + max(detect_s[i], 0.0)
        pilot = _pilot(session, i, pilot_s / vector_s, progress)
        counts, errors = pilot[0].counts, _errors_wanted(plan, pilot)
        limit = math.ceil(errors * counts.vectors / (target_error * counts.trials(plan.metric)))
        most = max(most, limit)
        curve, vectors = _continue(link, plan, contender.label, pilot, limit, vector_s)
        curves.append(curve)
        per_point.append(vectors)
    known = [i for i, curve in enumerate(curves) if not curve.note]
    sums = [
        _common_seconds([per_point[i][end] for i in known], [detect_s[i] for i in known], draw_s)
        for end in (0, 1)
    ]
    return Forecast(
        plan.metric,
        target_error,
        plan.min_errors,
        tuple(curves),
        Range(min(sums), max(sums)),
        most,
        tuple(sorted({snr for i in known for ends in per_point[i] for snr in ends})),
        tuple(curve.label for curve in curves if curve.note),
    )


def _seconds_per_vector(session: ReceiverSession, contenders: tuple[int, ...]) -> float:
    """Processor seconds of drawing, detecting and counting; of drawing alone without contenders."""
    snr_db, kind = session.plan.snr_db, session.kind
    snr = canonical_snr(snr_db[len(snr_db) // 2])
    kind.measure(Task(snr, 0, contenders))
    begin = time.thread_time()
    kind.measure(Task(snr, 1, contenders))
    seconds = time.thread_time() - begin
    return max(seconds, 1e-9) / kind.chunk_vectors


def _pilot(
    session: ReceiverSession, contender: int, vectors: float, progress: Progress | None
) -> list[Point]:
    """The curve from its lowest SNR up, as far as so many vectors in all can see."""
    plan, kind = session.plan, session.kind.alone(contender)
    points: list[Point] = []
    for snr_db in plan.snr_db:
        rule = StopRule.of(plan)._replace(
            min_errors=min(plan.min_errors, 100), max_vectors=max(round(vectors), 1)
        )
        pilot = Session(Schedule(kind, [snr_db], rule), plan.to_dict())
        pilot.run(None, ExecutorChoice(), progress, costs={})
        (curve,) = curves_of(pilot.schedule, [plan.contenders[contender]])
        points += curve.points
        vectors -= points[-1].counts.vectors
        if vectors <= 0 or points[-1].rate(plan.metric) < plan.target:
            break
    return points


def _continue(
    scenario: AnyScenario,
    plan: RunPlan,
    label: str,
    points: list[Point],
    most: int,
    vector_s: float,
) -> tuple[CurveForecast, tuple[dict[float, float], dict[float, float]]]:
    """The forecast of one curve, and vectors at each SNR under either continuation."""
    metric = plan.metric
    seen = [p for p in points if p.counts.errors(metric) >= _FEW_ERRORS and p.rate(metric) < 1]
    nothing = Range(math.nan, math.nan)
    if len(seen) < 2 or seen[-1].rate(metric) >= seen[0].rate(metric):
        last = seen[-1] if seen else points[-1]
        note = "no falling curve in the pilot: give other SNRs, or a longer pilot"
        return (
            CurveForecast(label, last.snr_db, last.rate(metric), nothing, nothing, nothing, note),
            ({}, {}),
        )
    snr = np.array([point.snr_db for point in seen])
    rate = np.array([point.rate(metric) for point in seen])
    units = seen[-1].counts.trials(metric) / seen[-1].counts.vectors
    errors = _errors_wanted(plan, points)
    grid = _grid(plan.snr_db)
    ends, crossings = [], []
    for predict in (_straight(snr, rate), _gaussian(snr, rate)):
        vectors: dict[float, float] = {}
        crossing = math.nan
        for value in grid:
            inside = value <= snr[-1]
            p = 10 ** float(np.interp(value, snr, np.log10(rate))) if inside else predict(value)
            wanted = min(errors / (p * units), most)
            vectors[value] = max(wanted, plan.min_channels * scenario.vectors_per_cluster)
            if p <= plan.target:
                crossing = value if inside else _solve(predict, snr[-1], value, plan.target)
                break
        ends.append(vectors)
        crossings.append(crossing)
    sums = [sum(vectors.values()) for vectors in ends]
    note = "" if all(map(math.isfinite, crossings)) else "the target lies beyond 100 dB"
    curve = CurveForecast(
        label,
        float(snr[-1]),
        float(rate[-1]),
        Range(min(crossings), max(crossings)),
        Range(min(sums), max(sums)),
        Range(min(sums) * vector_s, max(sums) * vector_s),
        note,
    )
    return curve, (ends[0], ends[1])


def _errors_wanted(plan: RunPlan, points: list[Point]) -> float:
    """Errors until the stop rule holds: more than min_errors where few channels make them."""
    seen = [point for point in points if point.counts.errors(plan.metric) >= _FEW_ERRORS]
    if not seen:
        return plan.min_errors
    clusters = seen[-1].effective_clusters(plan.metric)
    per_cluster = seen[-1].counts.errors(plan.metric) / clusters
    return max(plan.min_errors, StopRule.of(plan).min_clusters * per_cluster)


def _grid(snr_db: Sequence[float]) -> list[float]:
    """The plan's SNRs, continued at their last step."""
    step = snr_db[-1] - snr_db[-2] if len(snr_db) > 1 else 1.0
    more = np.arange(1, max((_LAST_SNR_DB - snr_db[-1]) / step, 0) + 1)
    return [*snr_db, *(round(snr_db[-1] + step * float(k), 6) for k in more)]


def _straight(snr: np.ndarray, rate: np.ndarray) -> Any:
    """log10 rate linear in dB, through the last points."""
    slope, _ = np.polyfit(snr[-_FIT_POINTS:], np.log10(rate[-_FIT_POINTS:]), 1)
    return lambda value: float(rate[-1] * 10 ** (slope * (value - snr[-1])))


def _gaussian(snr: np.ndarray, rate: np.ndarray) -> Any:
    """Q(a distance that grows as the amplitude), through the last point."""
    from scipy.special import ndtr, ndtri  # here, because it would slow down `import mimolearn`

    distance = -float(ndtri(min(rate[-1], 0.49)))
    return lambda value: float(ndtr(-distance * 10 ** ((value - snr[-1]) / 20)))


def _solve(predict: Any, low: float, high: float, target: float) -> float:
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if predict(middle) > target else (low, middle)
    return float(low + high) / 2


def _common_seconds(
    vectors: list[dict[float, float]], detect_s: list[float], draw_s: float
) -> float:
    """Contenders share their draws: each SNR is drawn as often as its neediest contender asks."""
    snrs = {snr for each in vectors for snr in each}
    drawing = sum(max(each.get(snr, 0.0) for each in vectors) for snr in snrs) * draw_s
    detecting = (
        sum(each.values()) * max(seconds, 0.0)
        for each, seconds in zip(vectors, detect_s, strict=True)
    )
    return drawing + sum(detecting)
