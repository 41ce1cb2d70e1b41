"""Error-rate panels, run by the simulation engine into one results file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mimolearn.papers.panels import ErrorRatePanel
from mimolearn.studies import Comparison, Contender, ProgressEvent, RunPlan, simulate


def run_error_rates(
    panel: ErrorRatePanel,
    contenders: tuple[Contender, ...],
    budget: str,
    store: Path,
    workers: int,
    progress: Callable[[ProgressEvent], None],
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
    """
    snrs = panel.snrs(budget)
    plan = RunPlan(
        snr_db=snrs,
        contenders=contenders,
        metric=panel.metric,
        target=panel.target,
        min_errors=panel.min_errors.of(budget),
        min_channels=100,
        max_vectors=panel.vectors.of(budget),
        floor=panel.target / 4,
    )
    parts = []
    for group in _groups(panel, contenders, snrs):
        first = group[0].label
        allowed = [snr for snr in snrs if snr >= panel.from_snr_db.get(first, snr)]
        parts.append(
            simulate(
                panel.scenario,
                group,
                allowed,
                plan=plan,
                store=store,
                # An object cannot be sent to another process.
                workers=1 if group[0].is_object else workers,
                progress=progress,
            )
        )
    curves = {curve.label: curve for comparison in parts for curve in comparison.curves}
    costs = {label: cost for comparison in parts for label, cost in comparison.costs.items()}
    ordered = tuple(curves[c.label] for c in contenders if c.label in curves)
    return replace(parts[0], plan=plan, curves=ordered, costs=costs)


def _groups(
    panel: ErrorRatePanel, contenders: tuple[Contender, ...], snrs: tuple[float, ...]
) -> list[list[Contender]]:
    """Contenders that run at the same SNRs, objects apart; what runs nowhere is left out."""
    groups: dict[tuple[tuple[float, ...], bool], list[Contender]] = {}
    for contender in contenders:
        lowest = panel.from_snr_db.get(contender.label)
        allowed = tuple(snr for snr in snrs if lowest is None or snr >= lowest)
        if allowed:
            groups.setdefault((allowed, contender.is_object), []).append(contender)
    return list(groups.values())
