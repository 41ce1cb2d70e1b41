"""SNRs around the target: a coarse search for where curves cross it, then points there."""

from __future__ import annotations

import math

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.plans.plan import AnyScenario, RunPlan, adjust_plan
from mimolearn.results.point import Point
from mimolearn.studies.engine import ReceiverSession, curves
from mimolearn.studies.execution.choice import ExecutorChoice
from mimolearn.studies.schedule import Schedule
from mimolearn.studies.session import Session
from mimolearn.studies.stopping import StopRule

_START_DB, _STEP_DB = 10.0, 5.0
_LEAST_DB, _MOST_DB = -30.0, 60.0
_PILOT_ERRORS, _PILOT_VECTORS = 30, 50_000
_MOST_POINTS = 9
# A curve that falls by less over a step does not fall: it has an error floor.
_FALLS = 0.8


def snr_around_target(scenario: AnyScenario, plan: RunPlan) -> tuple[float, ...]:
    """SNRs at which the plan's contenders cross its target, with some before and behind.

    Whole decibels, at most 9 of them where the crossings lie within 8 dB. They follow from counts
    alone, so the same call gives the same SNRs everywhere. A contender whose rate stops falling
    above the target has no say.

    Args:
        scenario: the link.
        plan: contenders, metric and target; its SNRs are not used.

    Returns:
        SNRs in dB, ascending.

    Raises:
        InvalidInputError: no contender crosses the target between -30 and 60 dB.
    """
    pilot = _Pilot(scenario, plan)
    crossings = [c for c in map(pilot.crossing, range(len(plan.contenders))) if c is not None]
    if not crossings:
        raise InvalidInputError(
            f"snr_db: got 'auto', but no contender crosses {plan.metric} {plan.target:g} "
            f"between {_LEAST_DB:g} and {_MOST_DB:g} dB; give SNRs, or another target"
        )
    first, last = math.floor(min(crossings)) - 3, math.ceil(max(crossings)) + 1
    step = max(1, math.ceil((last - first) / (_MOST_POINTS - 1)))
    count = math.ceil((last - first) / step) + 1
    return tuple(float(first + i * step) for i in range(count))


class _Pilot:
    """A few errors of each contender at SNRs five decibels apart; each is simulated once."""

    def __init__(self, scenario: AnyScenario, plan: RunPlan) -> None:
        few = min(plan.min_errors, _PILOT_ERRORS)
        self._plan = adjust_plan(plan, snr_db=[_START_DB], min_errors=few, floor=0)
        vectors = min(plan.max_vectors, _PILOT_VECTORS)
        self._rule = StopRule.of(self._plan)._replace(max_vectors=vectors)
        self._kind = ReceiverSession(scenario, self._plan).kind
        self._known: dict[float, list[Point]] = {}

    def crossing(self, contender: int) -> float | None:
        """Where a contender crosses the target, between two SNRs; None where it does not."""
        snr_db, target = _START_DB, self._plan.target
        while self._rate(contender, snr_db) < target:
            snr_db -= _STEP_DB
            if snr_db < _LEAST_DB:
                return None
        while True:
            above = self._rate(contender, snr_db)
            below = self._rate(contender, snr_db + _STEP_DB)
            if below < target:
                break
            snr_db += _STEP_DB
            # At low SNRs curves are flat too.
            floored = below > _FALLS * above and below < self._plan.target * 10
            if floored or snr_db + _STEP_DB > _MOST_DB:
                return None
        share = math.log(above / target) / math.log(above / below)
        return snr_db + _STEP_DB * share

    def _rate(self, contender: int, snr_db: float) -> float:
        """Its rate, above 0: half an error where none was seen."""
        if snr_db not in self._known:
            session = Session(Schedule(self._kind, [snr_db], self._rule), self._plan.to_dict())
            session.run(None, ExecutorChoice(), None, costs={})
            drawn = curves(session.schedule, self._plan.contenders)
            self._known[snr_db] = [curve.points[0] for curve in drawn]
        point, metric = self._known[snr_db][contender], self._plan.metric
        return max(point.counts.errors(metric), 0.5) / point.counts.trials(metric)
