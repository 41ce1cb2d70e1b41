"""Error-rate panels, run by the simulation engine into one results file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mimolearn.papers.panels import ErrorRatePanel
from mimolearn.studies import Comparison, Contender, Curve, ProgressEvent, RunPlan, simulate

Times = Mapping[tuple[str, float], int]
"""By label and SNR in dB, how many times the draws of a budget."""


class _Group(NamedTuple):
    """Contenders that are run together."""

    contenders: list[Contender]
    snr_db: tuple[float, ...]
    times: int


def run_error_rates(
    panel: ErrorRatePanel,
    contenders: tuple[Contender, ...],
    budget: str,
    store: Path,
    workers: int,
    progress: Callable[[ProgressEvent], None],
    times: Times | None = None,
) -> Comparison:
    """Simulate a panel; receivers that are too slow below an SNR are run above it alone.

    Detector objects run in this process, all others in the workers: draws depend on neither.

    Args:
        panel: what is drawn.
        contenders: what competes.
        budget: "quick", "default" or "full".
        store: path of the results file.
        workers: processes.
        progress: called after every chunk.
        times: by label and SNR in dB, how many times the draws of the budget; 1 by default.
    """
    snrs = panel.snrs(budget)
    plan = RunPlan(
        snr_db=snrs,
        contenders=contenders,
        metric=panel.metric,
        target=panel.target,
        min_errors=panel.min_errors.of(budget),
        min_channels=panel.min_channels,
        max_vectors=panel.vectors.of(budget),
        floor=panel.target / 4,
    )
    parts = []
    for group in _groups(panel, contenders, snrs, times or {}):
        enlarged = plan.with_(
            min_errors=group.times * plan.min_errors, max_vectors=group.times * plan.max_vectors
        )
        parts.append(
            simulate(
                panel.scenario,
                group.contenders,
                group.snr_db,
                plan=enlarged,
                store=store,
                # An object cannot be sent to another process.
                workers=1 if group.contenders[0].is_object else workers,
                progress=progress,
                timing=panel.timed and group.times == 1,
            )
        )
    curves = _joined(parts)
    costs = {label: cost for comparison in parts for label, cost in comparison.costs.items()}
    timings = {label: time for part in parts for label, time in part.timings.items()}
    ordered = tuple(curves[c.label] for c in contenders if c.label in curves)
    return replace(parts[0], plan=plan, curves=ordered, costs=costs, timings=timings)


def _joined(parts: Sequence[Comparison]) -> dict[str, Curve]:
    """Curves by label, with the points of all parts."""
    curves: dict[str, Curve] = {}
    for curve in (curve for comparison in parts for curve in comparison.curves):
        before = curves.get(curve.label, Curve(curve.contender, ()))
        points = sorted((*before.points, *curve.points), key=lambda point: point.snr_db)
        skipped = tuple(sorted({*before.skipped_db, *curve.skipped_db}))
        curves[curve.label] = Curve(curve.contender, tuple(points), skipped)
    return curves


def _groups(
    panel: ErrorRatePanel,
    contenders: tuple[Contender, ...],
    snrs: tuple[float, ...],
    times: Times,
) -> list[_Group]:
    """Contenders that run at the same SNRs as long, objects apart; nobody who runs nowhere."""
    groups: dict[tuple[tuple[float, ...], bool, int], list[Contender]] = {}
    for contender in contenders:
        lowest = panel.from_snr_db.get(contender.label)
        allowed = [snr for snr in snrs if lowest is None or snr >= lowest]
        for factor in sorted({times.get((contender.label, snr), 1) for snr in allowed}):
            part = tuple(s for s in allowed if times.get((contender.label, s), 1) == factor)
            groups.setdefault((part, contender.is_object, factor), []).append(contender)
    return [_Group(who, part, factor) for (part, _, factor), who in groups.items()]
