"""Mean squares of estimates as curves, measured by the study engine into its results file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mimolearn.link.scenario import Scenario
from mimolearn.papers.panels import AccuracyCurve, AccuracyPanel, CurvePoint
from mimolearn.studies import Contender
from mimolearn.studies.execution.choice import ExecutorChoice
from mimolearn.studies.kinds.accuracy import EstimateAccuracy, Estimator, SquareSums, Sums
from mimolearn.studies.progress import Progress
from mimolearn.studies.schedule import Schedule
from mimolearn.studies.session import Session
from mimolearn.studies.stopping import FixedChannels

_Z95 = 1.959963984540054


class Measured(NamedTuple):
    """Sums of one contender at one SNR, and whether its detector has no iterates."""

    sums: SquareSums
    flat: bool


def accuracy_sessions(
    scenario: Scenario, estimators: Sequence[Estimator], snr_db: Sequence[float], num_channels: int
) -> list[Session]:
    """Sessions that measure a scenario; detector objects, which no worker can run, get one apart.

    num_channels: rounded up to whole chunks.
    """
    by_key = {estimator.key(): estimator for estimator in estimators}.values()
    groups = ([e for e in by_key if e.is_object == is_object] for is_object in (False, True))
    sessions = []
    for group in filter(None, groups):
        kind = EstimateAccuracy(scenario, group)
        schedule = Schedule(kind, snr_db, FixedChannels(num_channels, kind.chunk_channels))
        sessions.append(Session(schedule, {"snr_db": list(snr_db), "channels": num_channels}))
    return sessions


def run_accuracy(
    session: Session, store: Path, workers: int, progress: Progress
) -> dict[tuple[str, str, float], Measured]:
    """Measure what the file does not have; returns all, by scenario key, contender key and SNR."""
    kind, schedule = session.kind, session.schedule
    assert isinstance(kind, EstimateAccuracy)
    here = any(contender.is_object for contender in kind.contenders)
    session.run(store, ExecutorChoice(workers=1 if here else workers), progress, costs={})
    return {
        (kind.scenario.key(), key, known.snr_db): Measured(known.result, not kind.has_iterates(i))
        for i, key in enumerate(kind.keys)
        for known in schedule.known(i)
    }


class Place(NamedTuple):
    """Where on the axis a measurement stands: x, the sums, and whether there are no iterates."""

    x: float
    sums: SquareSums
    flat: bool


def accuracy_curve(panel: AccuracyPanel, label: str, places: Sequence[Place]) -> AccuracyCurve:
    """The curve of one receiver; x of a place counts except on a layer axis."""
    points = []
    for place in places:
        num_layers = len(place.sums.of(panel.metric).n)
        if panel.axis == "layer":
            points += [_point(panel, i + 1, place.sums, i) for i in range(num_layers)]
        else:
            points.append(_point(panel, place.x, place.sums, num_layers - 1))
    flat = panel.axis == "layer" and all(place.flat for place in places)
    return AccuracyCurve(label, tuple(points), flat)


def add_curve(
    curves: dict[str, AccuracyCurve],
    panel: AccuracyPanel,
    contender: Contender,
    places: Sequence[Place],
) -> None:
    """Add a receiver's curve, or, on an option axis, its point to the curve of its name."""
    if panel.axis != "option":
        curves[contender.label] = accuracy_curve(panel, contender.label, places)
    elif panel.option not in contender.options:
        curve = accuracy_curve(panel, contender.label, places)
        curves[contender.label] = replace(curve, flat=True)
    else:
        before = curves.get(contender.name, AccuracyCurve(contender.name, ()))
        added = accuracy_curve(panel, contender.name, places)
        curves[contender.name] = replace(before, points=before.points + added.points)


def ratio_interval(sums: Sums, layer: int) -> tuple[float, float, float]:
    """n/d with its 95 % interval over channels, by the delta method on its logarithm."""
    n, d = sums.n[layer], sums.d
    if n == 0:
        return 0.0, 0.0, 0.0
    ratio = n / d
    variance = sums.nn[layer] - 2 * ratio * sums.nd[layer] + ratio**2 * sums.dd
    spread = math.exp(_Z95 * math.sqrt(max(variance, 0.0)) / n)
    return ratio, ratio / spread, ratio * spread


def _point(panel: AccuracyPanel, x: float, sums: SquareSums, layer: int) -> CurvePoint:
    ratio, low, high = ratio_interval(sums.of(panel.metric), layer)
    parts = (part.of(panel.metric) for part in sums.parts)
    batches = tuple(_in_unit(panel, part.n[layer] / part.d) for part in parts)
    return CurvePoint(
        x, _in_unit(panel, ratio), _in_unit(panel, low), _in_unit(panel, high), batches
    )


def _in_unit(panel: AccuracyPanel, ratio: float) -> float:
    if panel.metric == "evm":
        return 100 * math.sqrt(ratio)
    # A residual of exactly 0 has no logarithm: float32 keeps none below -150 dB.
    return 10 * math.log10(max(ratio, 1e-15))
