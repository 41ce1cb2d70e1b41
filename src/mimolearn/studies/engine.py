"""Error rates of receivers on the same draws, until every point is known well enough."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mimolearn.detectors import Detector
from mimolearn.foundation.errors import NotCountedError
from mimolearn.foundation.signatures import takes_arguments_of
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.contender import Contender, ContenderLike
from mimolearn.plans.plan import (
    AnyScenario,
    RunPlan,
    SnrDb,
    adjust_plan,
    check_metric,
    load_comparison,
)
from mimolearn.results.comparison import Comparison, Curve
from mimolearn.results.costs import CostReport, Timing
from mimolearn.results.point import Point
from mimolearn.results.shown import view_of
from mimolearn.studies.execution.choice import ExecutorChoice
from mimolearn.studies.kinds.chunk import ChunkResult
from mimolearn.studies.kinds.counts import CodedErrorCounts, ErrorCounts, error_counts
from mimolearn.studies.kinds.slots import SlotCounts
from mimolearn.studies.progress import Progress
from mimolearn.studies.provenance import machine, provenance_of
from mimolearn.studies.schedule import Schedule
from mimolearn.studies.session import Session, restore
from mimolearn.studies.stopping import StopRule
from mimolearn.studies.storage.store import Store, StoredScenario
from mimolearn.studies.timing import cost_report, measure_slot_timing, measure_timing

COUNTING = (ErrorCounts.name, CodedErrorCounts.name, SlotCounts.name)


class ReceiverSession(Session):
    """Receivers on a scenario, by one plan.

    Args:
        scenario: the link.
        plan: contenders, SNRs and stop rule.

    Attributes:
        scenario: as given.
        plan: as given.

    Raises:
        InvalidInputError: one line, for a contender or a metric that the scenario does not serve.
    """

    kind: ErrorCounts | SlotCounts

    def __init__(self, scenario: AnyScenario, plan: RunPlan) -> None:
        self.scenario, self.plan = scenario, plan
        schedule = _schedule(_kind(scenario, plan), plan)
        super().__init__(schedule, plan.to_dict())
        check_metric(plan.metric, scenario)


def simulate(
    scenario: AnyScenario | str | Path,
    contenders: ContenderLike | Sequence[ContenderLike] | None = None,
    snr_db: SnrDb | None = None,
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
    progress: Progress | bool | None = None,
    timing: bool = False,
) -> Comparison:
    """Count the errors of every contender on the same draws, until each point is known well enough.

    The counts do not depend on workers, on interruptions, or on who else competes.
    Ctrl-C leaves the file consistent: ``load_results`` reads what there is, a second call goes on.

    Args:
        scenario: a Scenario or GridScenario; a TOML file whose ``[run]`` table is the plan; or the
            name of a scenario that ships.
        contenders: names such as "lmmse" or "k-best:k=16", tables, Contenders, detector objects,
            functions of (y, h, noise_var), or "package.module:Name" for a class or function.
        snr_db: SNRs in dB, a list, an array or "0:20:2".
        plan: a RunPlan; each argument besides it replaces its field of that name.
        metric: "ber", "ser" or "ver"; on a coded link also "bler" or "info-ber".
        target: the error rate that answers are given for.
        min_errors: errors of the metric's unit that finish a point.
        min_channels: channels that a point takes at least.
        max_vectors: vectors at which a point is given up.
        floor: the error rate under which a contender is not simulated at higher SNRs.
        store: a results file, which is taken up where it was left; None keeps all in memory.
        workers: 1 runs in this process; more run in as many processes (a script then needs the
            usual ``if __name__ == "__main__":``).
        executor: "serial" or "processes" in place of that choice; or "ray": the cluster at
            ray_address, or one of ``workers`` processors that is started for the run.
        ray_address: of a running Ray cluster, as "auto" or "host:port".
        progress: called after every chunk; True shows a live table on a terminal, a line in a
            notebook, and lines in a log.
        timing: also measure how long each contender takes on this machine, at the plan's middle
            SNR, one contender after the other, when nothing else of this run is under way.

    Returns:
        the comparison; its points are finished.

    Raises:
        InvalidInputError: a bad argument, before anything is simulated.
        ResultsFileError: a results file that is damaged or of another version.

    >>> from mimolearn.link.scenario import Scenario
    >>> s = Scenario(num_tx_ant=1, num_rx_ant=2, constellation="bpsk")
    >>> simulate(s, ["lmmse"], [0], min_errors=50).curve("lmmse").points[0].finished
    True
    """
    scenario, plan = load_comparison(
        scenario,
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
    choice = ExecutorChoice(executor, workers, ray_address)
    choice.check()
    session = ReceiverSession(scenario, plan)
    shown = view_of(Comparison, "progress")(scenario, plan) if progress is True else nullcontext()
    with shown as callback:
        saved = session.run(
            store,
            choice,
            callback if progress is True else progress or None,
            costs=_costs(session.kind),
            timings=(lambda: _timings(session.kind, session.plan)) if timing else None,
        )
    return _comparison(session.schedule, plan, saved)


@takes_arguments_of(simulate)
def compare(*arguments: Any, **options: Any) -> Comparison:
    """``simulate`` with ``timing=True``: error rates, and how long each contender takes.

    Args:
        *arguments: those of ``simulate``.
        **options: those of ``simulate``.

    Returns:
        the comparison, with times.

    Raises:
        InvalidInputError: a bad argument, before anything is simulated.
        ResultsFileError: a results file that is damaged or of another version.

    >>> from mimolearn.link.scenario import Scenario
    >>> s = Scenario(num_tx_ant=1, num_rx_ant=2, constellation="bpsk")
    >>> compare(s, ["lmmse"], [0], min_errors=50).timings["lmmse"].threads
    1
    """
    return simulate(*arguments, **{"timing": True, **options})


def load_results(
    path: str | Path, scenario: AnyScenario | None = None, plan: RunPlan | None = None
) -> Comparison:
    """A comparison from a results file alone; nothing is simulated, points may be unfinished.

    Args:
        path: of the results file.
        scenario: one of those that the file holds; needed where it holds several.
        plan: the rule and target by which it is read; otherwise those of the last run, with every
            contender and SNR that the file has.

    Returns:
        the comparison.

    Raises:
        ResultsFileError: a file that is not there, damaged, or without such results.
    """
    with closing(Store(path, read_only=True)) as store:
        stored = store.find(scenario, COUNTING)
        saved = store.load_run(stored.scenario.key())
        if plan is None:
            plan = _full_plan(RunPlan.from_dict(saved["plan"]) if saved else None, stored)
        schedule = _schedule(_kind(stored.scenario, plan), plan)
        restore(schedule, store)
        return _comparison(schedule, plan, saved)


def list_results(path: str | Path) -> list[StoredScenario]:
    """The scenarios that a results file holds, with their contenders and SNRs.

    Args:
        path: of the results file.

    Raises:
        ResultsFileError: a file that is not there or damaged.
    """
    with closing(Store(path, read_only=True)) as store:
        return store.scenarios()


def _kind(scenario: AnyScenario, plan: RunPlan) -> ErrorCounts | SlotCounts:
    """The kind of study that counts the errors of a scenario."""
    if isinstance(scenario, GridScenario):
        return SlotCounts(scenario, plan.contenders)
    return error_counts(scenario, plan.contenders)


def _schedule(kind: ErrorCounts | SlotCounts, plan: RunPlan) -> Schedule:
    return Schedule(kind, plan.snr_db, StopRule.of(plan), _floor(kind.scenario, plan))


def _floor(scenario: AnyScenario, plan: RunPlan) -> Any:
    """Whether a rate is known to lie under the plan's floor, so that higher SNRs are left out."""

    def leaves_out(snr_db: float, result: ChunkResult) -> bool:
        point = _point(scenario, snr_db, result, finished=True)
        return point.interval(plan.metric).high < plan.floor_rate

    return leaves_out


def _point(scenario: AnyScenario, snr_db: float, result: ChunkResult, *, finished: bool) -> Point:
    return Point(
        snr_db,
        result.counts,
        result.positions,
        scenario.vectors_per_cluster,
        finished,
        result.blocks,
        scenario.blocks_per_cluster,
    )


def curves(schedule: Schedule, contenders: Sequence[Contender]) -> tuple[Curve, ...]:
    """The points so far; one without any chunk is absent."""
    scenario = schedule.kind.scenario
    return tuple(
        Curve(
            contender,
            tuple(_point(scenario, p.snr_db, p.result, finished=p.finished) for p in points),
            schedule.skipped_db(i),
        )
        for i, contender in enumerate(contenders)
        for points in [schedule.known(i)]
    )


def _comparison(schedule: Schedule, plan: RunPlan, saved: dict[str, Any]) -> Comparison:
    labels = dict(zip(schedule.kind.keys, (c.label for c in plan.contenders), strict=True))
    timings, costs = saved.get("timings", {}), saved.get("costs", {})
    return Comparison(
        schedule.kind.scenario,
        plan,
        curves(schedule, plan.contenders),
        provenance_of(saved),
        timings={labels[key]: Timing(**item) for key, item in timings.items() if key in labels},
        costs={labels[key]: CostReport(**item) for key, item in costs.items() if key in labels},
    )


def _costs(kind: ErrorCounts | SlotCounts) -> dict[str, Any]:
    costs = {}
    for key, (_, detector) in zip(kind.keys, kind.built, strict=True):
        # What does not count its work competes without.
        with suppress(NotCountedError):
            costs[key] = cost_report(kind.scenario, detector)._asdict()
    return costs


def _timings(kind: ErrorCounts | SlotCounts, plan: RunPlan) -> dict[str, Any]:
    snr_db = plan.snr_db[len(plan.snr_db) // 2]
    built = zip(kind.keys, kind.built, strict=True)
    return {
        key: _timing(kind, detector, snr_db)._replace(machine=machine())._asdict()
        for key, (_, detector) in built
    }


def _timing(kind: ErrorCounts | SlotCounts, detector: Detector, snr_db: float) -> Timing:
    if isinstance(kind, SlotCounts):
        return measure_slot_timing(kind, detector, snr_db)
    return measure_timing(kind.scenario, detector, snr_db)


def _full_plan(plan: RunPlan | None, stored: StoredScenario) -> RunPlan:
    """The last run's plan, and everything that other runs have left in the file."""
    contenders = _distinct(plan.contenders if plan else (), stored.contenders)
    snr_db = (*(plan.snr_db if plan else ()), *stored.snr_db)
    return adjust_plan(plan or RunPlan(), contenders=contenders or None, snr_db=snr_db or None)


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
