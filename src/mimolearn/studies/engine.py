"""The Monte Carlo itself: run chunks, keep them, stop when every point is known well enough."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mimolearn.foundation.pace import Pace
from mimolearn.link.scenario import Scenario
from mimolearn.plans.contender import Contender
from mimolearn.plans.plan import RunPlan, adjust_plan, check_metric, load_comparison
from mimolearn.results.comparison import Comparison, CostReport, Provenance, Timing
from mimolearn.studies.execution.choice import Where
from mimolearn.studies.execution.executors import Executor, Task
from mimolearn.studies.kinds.draws import check_draws
from mimolearn.studies.progress import Progress, ProgressEvent
from mimolearn.studies.schedule import Schedule
from mimolearn.studies.storage.store import Store, StoredScenario
from mimolearn.studies.timing import cost_report, measure_timing

_LIBRARIES = ("torch", "numpy", "scipy", "sionna-no-rt")


def simulate(
    scenario: Scenario | str | Path,
    contenders: Any = None,
    snr_db: Any = None,
    *,
    plan: RunPlan | None = None,
    metric: str | None = None,
    target: float | None = None,
    min_errors: int | None = None,
    min_channels: int | None = None,
    max_vectors: int | None = None,
    floor: float | None = None,
    store: str | Path | None = None,
    workers: int = 1,
    executor: str = "auto",
    ray_address: str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Count the errors of every contender on the same draws, until each point is known well enough.

    scenario: a Scenario, or a comparison file whose ``[run]`` table is the plan.
    contenders: names such as "lmmse" or "k-best:k=16", tables, Contenders, detector objects.
    snr_db: SNRs in dB, a list or "0:20:2". plan: a RunPlan; what is given besides it replaces its
    fields (see RunPlan for them). store: a results file, which is taken up where it was left, or
    None for memory. workers: 1 runs here; more run in as many processes (a script then needs the
    usual ``if __name__ == "__main__":``). executor: "serial" or "processes" in place of that
    choice, or "ray": the cluster at ray_address, or one of ``workers`` processors that is started
    for the run. progress: called after every chunk.
    The counts do not depend on workers, on interruptions, or on who else competes.
    Ctrl-C leaves the file consistent: ``load_results`` reads what there is, a second call goes on.
    Raises InvalidInputError for bad arguments, ResultsFileError for a bad file.

    >>> s = Scenario(num_tx_ant=1, num_rx_ant=2, constellation="bpsk")
    >>> simulate(s, ["lmmse"], [0], min_errors=50).curve("lmmse").points[0].finished
    True
    """
    scenario, plan = _found(scenario, plan)
    plan = adjust_plan(
        plan,
        contenders=contenders,
        snr_db=snr_db,
        metric=metric,
        target=target,
        min_errors=min_errors,
        min_channels=min_channels,
        max_vectors=max_vectors,
        floor=floor,
    )
    where = Where(executor, workers, ray_address)
    return _simulate(scenario, plan, store, where, progress, measure=False)


def compare(
    scenario: Scenario | str | Path,
    contenders: Any = None,
    snr_db: Any = None,
    *,
    plan: RunPlan | None = None,
    metric: str | None = None,
    target: float | None = None,
    min_errors: int | None = None,
    min_channels: int | None = None,
    max_vectors: int | None = None,
    floor: float | None = None,
    store: str | Path | None = None,
    workers: int = 1,
    executor: str = "auto",
    ray_address: str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """``simulate``, and measure how long each contender takes on this machine.

    All arguments are those of ``simulate``. Times are taken at the plan's middle SNR, one contender
    after the other, when nothing else of this run is under way.

    >>> s = Scenario(num_tx_ant=1, num_rx_ant=2, constellation="bpsk")
    >>> compare(s, ["lmmse"], [0], min_errors=50).timings["lmmse"].threads
    1
    """
    scenario, plan = _found(scenario, plan)
    plan = adjust_plan(
        plan,
        contenders=contenders,
        snr_db=snr_db,
        metric=metric,
        target=target,
        min_errors=min_errors,
        min_channels=min_channels,
        max_vectors=max_vectors,
        floor=floor,
    )
    where = Where(executor, workers, ray_address)
    return _simulate(scenario, plan, store, where, progress, measure=True)


def load_results(
    path: str | Path, scenario: Scenario | None = None, plan: RunPlan | None = None
) -> Comparison:
    """A comparison from a results file alone; nothing is simulated, points may be unfinished.

    scenario: which one; needed when the file holds several. plan: by which rule and target to
    read it; otherwise the last run's, with every contender and SNR that the file has.
    """
    with closing(Store(path, read_only=True)) as store:
        stored = store.find(scenario)
        saved = store.load_run(stored.scenario.key())
        if plan is None:
            plan = _full_plan(RunPlan.from_dict(saved["plan"]) if saved else None, stored)
        schedule = Schedule(stored.scenario, plan)
        _restore(schedule, store)
        comparison = Comparison(stored.scenario, plan, schedule.curves(), _provenance(saved))
        return _with_measurements(comparison, saved)


def list_results(path: str | Path) -> list[StoredScenario]:
    """The scenarios that a results file holds, with their contenders and SNRs."""
    with closing(Store(path, read_only=True)) as store:
        return store.scenarios()


def _found(
    scenario: Scenario | str | Path, plan: RunPlan | None
) -> tuple[Scenario, RunPlan | None]:
    """A scenario as it is, or that of a file, whose plan counts where none is given."""
    if isinstance(scenario, Scenario):
        return scenario, plan
    found, from_file = load_comparison(scenario)
    return found, from_file if plan is None else plan


def _simulate(
    scenario: Scenario,
    plan: RunPlan,
    path: str | Path | None,
    where: Where,
    progress: Progress | None,
    *,
    measure: bool,
) -> Comparison:
    where.check()
    for contender in plan.contenders:
        contender.check_unchanged()
    check_draws(scenario, [(c.label, c.build(scenario.constellation)) for c in plan.contenders])
    check_metric(plan.metric, scenario)
    with closing(Store(path)) as store:
        key = scenario.key()
        store.register(scenario, plan.contenders)
        costs, plain_plan = _costs(scenario, plan), plan.to_dict()
        store.update_run(key, lambda saved: {**_merged(saved, "costs", costs), "plan": plain_plan})
        schedule = Schedule(scenario, plan)
        _restore(schedule, store)
        if not schedule.done:
            executor = where.start(scenario, plan.contenders)
            run_schedule(
                executor, schedule, store, progress, lambda: store.update_run(key, _simulated_here)
            )
        if measure:
            timings = _timings(scenario, plan)
            store.update_run(key, lambda saved: _merged(saved, "timings", timings))
        saved = store.load_run(key)
        comparison = Comparison(scenario, plan, schedule.curves(), _provenance(saved))
        return _with_measurements(comparison, saved)


def run_schedule(
    executor: Executor,
    schedule: Schedule,
    store: Store,
    progress: Progress | None = None,
    begun: Callable[[], object] | None = None,
) -> None:
    """Hand out chunks until the schedule is done, keeping each before it is counted.

    begun: called once, when the first chunk has been simulated. The executor is shut down at the
    end, however that comes.
    """
    start, vectors, pace = time.monotonic(), 0, Pace(executor.capacity)
    try:
        while not schedule.done:
            while schedule.num_running < executor.capacity and (task := schedule.next_task()):
                executor.submit(task)
            for task, results in executor.wait():
                if begun is not None and not vectors:
                    begun()
                keys = [schedule.contender_keys[i] for i in task.contenders]
                by_key = dict(zip(keys, results, strict=True))
                store.add(schedule.scenario_key, task.snr, task.chunk, by_key)
                schedule.complete(task, results)
                vectors += results[0].counts.vectors
                elapsed_s = time.monotonic() - start
                pace.add(elapsed_s)
                if progress is not None:
                    progress(_event(schedule, task, elapsed_s, vectors, pace))
    finally:
        executor.shutdown()


def _event(
    schedule: Schedule, task: Task, elapsed_s: float, vectors: int, pace: Pace
) -> ProgressEvent:
    done, expected = schedule.num_chunks()
    return ProgressEvent(
        snr_db=float(task.snr),
        contenders=schedule.progress(task.snr),
        done_chunks=done,
        total_chunks=expected,
        vectors_per_s=vectors / elapsed_s,
        elapsed_s=elapsed_s,
        eta_s=pace.seconds_for(expected - done),
    )


def _restore(schedule: Schedule, store: Store) -> None:
    for i, snr in schedule.points():
        chunks = store.chunks(schedule.scenario_key, schedule.contender_keys[i], snr)
        for chunk, result in chunks.items():
            schedule.add(i, snr, chunk, result)


def _merged(saved: dict[str, Any], name: str, items: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of a run, with more items (by contender) in one of its tables."""
    return {**saved, name: {**saved.get(name, {}), **items}}


def _costs(scenario: Scenario, plan: RunPlan) -> dict[str, Any]:
    return {
        contender.key(): cost_report(scenario, contender.build(scenario.constellation))._asdict()
        for contender in plan.contenders
    }


def _timings(scenario: Scenario, plan: RunPlan) -> dict[str, Any]:
    snr_db = plan.snr_db[len(plan.snr_db) // 2]
    return {
        contender.key(): measure_timing(scenario, contender.build(scenario.constellation), snr_db)
        ._replace(machine=_machine())
        ._asdict()
        for contender in plan.contenders
    }


def _with_measurements(comparison: Comparison, saved: dict[str, Any]) -> Comparison:
    timings, costs = saved.get("timings", {}), saved.get("costs", {})
    keys = {contender.key(): contender.label for contender in comparison.plan.contenders}
    return replace(
        comparison,
        timings={keys[key]: Timing(**item) for key, item in timings.items() if key in keys},
        costs={keys[key]: CostReport(**item) for key, item in costs.items() if key in keys},
    )


def _full_plan(plan: RunPlan | None, stored: StoredScenario) -> RunPlan:
    """The last run's plan, and everything that other runs have left in the file."""
    contenders = _distinct(plan.contenders if plan else (), stored.contenders)
    snr_db = (*(plan.snr_db if plan else ()), *stored.snr_db)
    return adjust_plan(plan, contenders=contenders or None, snr_db=snr_db or None)


def _distinct(first: tuple[Contender, ...], more: tuple[Contender, ...]) -> tuple[Contender, ...]:
    """Both lists without twins; a label used twice gets the contender's key."""
    contenders = list(first)
    for contender in more:
        if contender.key() in {other.key() for other in contenders}:
            continue
        if contender.label in {other.label for other in contenders}:
            label = f"{contender.label} [{contender.key()[:6]}]"
            contender = replace(contender, label=label)
        contenders.append(contender)
    return tuple(contenders)


def _provenance(saved: dict[str, Any]) -> Provenance:
    if "provenance" in saved:
        stored = saved["provenance"]
        return Provenance(**{**stored, "earlier": tuple(stored.get("earlier", ()))})
    versions = {"python": platform.python_version()}
    versions |= {library: version(library) for library in ("mimolearn", *_LIBRARIES)}
    return Provenance(versions, _machine(), datetime.now(UTC).isoformat(timespec="seconds"))


def _simulated_here(saved: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of a run, once this machine has added a chunk."""
    now, earlier = _provenance({}), ()
    if "provenance" in saved:
        before = _provenance(saved)
        machines = dict.fromkeys((*before.earlier, before.machine))
        earlier = tuple(machine for machine in machines if machine != now.machine)
    return {**saved, "provenance": asdict(replace(now, earlier=earlier))}


def _machine() -> str:
    return f"{_processor()}, {platform.system()} {platform.machine()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
