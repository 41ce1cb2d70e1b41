"""Error rates of beamformers: designs on common channels, each rated exactly."""

from __future__ import annotations

import statistics
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from mimolearn.beamformers import Beamformer
from mimolearn.foundation.errors import ResultsFileError, invalid
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.plans.beam_plan import BeamPlan
from mimolearn.plans.plan import adjust_plan
from mimolearn.results.beam_comparison import BeamComparison, BeamCurve, BeamPoint
from mimolearn.studies.execution.choice import ExecutorChoice
from mimolearn.studies.kinds.rates import BeamRates
from mimolearn.studies.kinds.seeds import chunk_generator
from mimolearn.studies.progress import Progress
from mimolearn.studies.provenance import machine, provenance_of
from mimolearn.studies.schedule import Schedule
from mimolearn.studies.session import Session, restore
from mimolearn.studies.stopping import FixedChannels
from mimolearn.studies.storage.store import Store

_TIMED_CHANNELS = 128


def compare_beams(
    scenario: BeamScenario,
    plan: BeamPlan,
    *,
    store: str | Path | None = None,
    progress: Progress | None = None,
    timing: bool = True,
    workers: int = 1,
    executor: str = "auto",
    ray_address: str | None = None,
) -> BeamComparison:
    """Design on every channel, and the exact error rate of each design.

    Ctrl-C loses nothing that was finished.

    Args:
        scenario: arrays, channels and constellation.
        plan: contenders, SNRs and the number of channels.
        store: a results file, which is taken up where it was left; None keeps all in memory.
        progress: called after every chunk.
        timing: also measure the time of a design.
        workers: as for ``simulate``; no rate depends on it.
        executor: as for ``simulate``; no rate depends on it.
        ray_address: as for ``simulate``.

    Returns:
        the comparison.

    Raises:
        InvalidInputError: a bad argument, before anything is run.
        ResultsFileError: a results file that is damaged or of another version.
    """
    if not plan.contenders:
        raise invalid("contenders", (), "at least one contender")
    choice = ExecutorChoice(executor, workers, ray_address)
    choice.check()
    kind = BeamRates(scenario, plan.contenders)
    session = Session(_schedule(kind, plan), plan.to_dict())
    costs = {
        key: {"parameters": built.num_parameters}
        for key, built in zip(kind.keys, kind.built, strict=True)
    }
    timings = (lambda: _timings(kind, plan)) if timing else None
    saved = session.run(store, choice, progress, costs=costs, timings=timings)
    return _comparison(session.schedule, plan, saved)


def load_beam_results(path: str | Path, scenario: BeamScenario | None = None) -> BeamComparison:
    """A comparison of beamformers from a results file alone: that of the last run's plan.

    Of a run that was stopped it has the channels that all contenders have at every SNR;
    contenders that lack an SNR are left out.

    Args:
        path: of the results file.
        scenario: one of those that the file holds; needed where it holds several.

    Raises:
        ResultsFileError: a file that is not there, damaged, or without such results.
    """
    with closing(Store(path, read_only=True)) as store:
        stored = store.find(scenario, (BeamRates.name,))
        saved = store.load_run(stored.scenario.key())
        if "plan" not in saved:
            raise ResultsFileError(f"{path}: its run was stopped before the first chunk")
        plan = BeamPlan.from_dict(saved["plan"])
        schedule = _schedule(BeamRates(stored.scenario, plan.contenders), plan)
        restore(schedule, store)
    for i, contender in enumerate(plan.contenders):
        if len(schedule.known(i)) == len(plan.snr_db):
            continue
        others = tuple(c for c in plan.contenders if c is not contender)
        if not others:
            raise ResultsFileError(f"{path}: no beamformer is there at every SNR; run it again")
        plan = adjust_plan(plan, contenders=others)
    return _comparison(schedule, plan, saved)


def _schedule(kind: BeamRates, plan: BeamPlan) -> Schedule:
    return Schedule(kind, plan.snr_db, FixedChannels(plan.channels, kind.chunk_channels))


def _comparison(schedule: Schedule, plan: BeamPlan, saved: dict[str, Any]) -> BeamComparison:
    """Of the plan's contenders, which have every SNR, on the channels that all have."""
    keys, positions = schedule.kind.keys, schedule.kind.contenders
    known = {keys[i]: schedule.known(i) for i in range(len(positions))}
    wanted = [known[contender.key()] for contender in plan.contenders]
    channels = min(p.result.channels for points in wanted for p in points)
    timings, costs = saved.get("timings", {}), saved.get("costs", {})
    curves = tuple(
        BeamCurve(
            contender,
            tuple(BeamPoint(p.snr_db, p.result.values[:channels]) for p in points),
            costs.get(contender.key(), {}).get("parameters", 0),
            timings.get(contender.key(), {}).get("design_ms"),
        )
        for contender, points in zip(plan.contenders, wanted, strict=True)
    )
    return BeamComparison(schedule.kind.scenario, curves, channels, provenance_of(saved))


def _timings(kind: BeamRates, plan: BeamPlan) -> dict[str, Any]:
    return {
        key: {"design_ms": _design_ms(kind.scenario, plan, built), "machine": machine()}
        for key, built in zip(kind.keys, kind.built, strict=True)
    }


@clean_torch()
def _design_ms(scenario: BeamScenario, plan: BeamPlan, beamformer: Beamformer) -> float:
    """Median processor time of a design in a batch of 128, in ms a channel."""
    generator = chunk_generator(scenario.key(), "timing", 0)
    h = scenario.draw(_TIMED_CHANNELS, generator).h_hat
    middle = scenario.noise_var(plan.snr_db[len(plan.snr_db) // 2])
    noise_var = torch.full((len(h),), middle, dtype=torch.float32)
    times: list[float] = []
    begin = time.perf_counter()
    while not times or (len(times) < 5 and time.perf_counter() - begin < 3.0):
        start = time.thread_time()
        beamformer(h, noise_var)
        times.append(time.thread_time() - start)
    return statistics.median(times) / len(h) * 1e3
