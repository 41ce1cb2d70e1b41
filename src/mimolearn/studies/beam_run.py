"""Run beamformers on common channels: chunk by chunk, each kept as soon as it is finished."""

from __future__ import annotations

import json
import statistics
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from pydantic import ConfigDict, Field, field_validator

from mimolearn.beamformers import Beamformer
from mimolearn.foundation.errors import InvalidInputError, check_positive_int, invalid
from mimolearn.foundation.pace import Pace
from mimolearn.foundation.plainmodel import Count, PlainModel
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.foundation.tomlfile import read_toml
from mimolearn.link.beam_scenario import BeamScenario, read_shipped_beams
from mimolearn.plans.beam_contender import BeamContender, unique_beam_contenders
from mimolearn.plans.plan import canonical_snr, parse_snr_db
from mimolearn.results.beam_comparison import BeamComparison, BeamCurve, BeamPoint
from mimolearn.studies.execution.processes import WorkerProcesses
from mimolearn.studies.kinds.beam_work import CHUNK_CHANNELS, BeamTask, BeamWorker
from mimolearn.studies.kinds.seeds import chunk_generator
from mimolearn.studies.storage.beam_store import BeamStore
from mimolearn.weights import library_versions

_TIMED_CHANNELS = 128


class BeamPlan(PlainModel):
    """How a scenario is run: its ``[run]`` table.

    snr_db: SNRs of the scenario. contenders: what is compared. channels: drawn once, the same for
    all contenders and SNRs; rounded up to whole chunks of 64.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    snr_db: tuple[float, ...] = (5.0, 15.0, 25.0)
    contenders: tuple[BeamContender, ...] = ()
    channels: Annotated[Count, Field(le=1_000_000)] = 256

    @field_validator("snr_db", mode="before")
    @classmethod
    def _read_snr_db(cls, value: object) -> tuple[float, ...]:
        return parse_snr_db(value)

    @field_validator("contenders", mode="before")
    @classmethod
    def _read_contenders(cls, value: object) -> tuple[BeamContender, ...]:
        return unique_beam_contenders(value)

    def adjusted(self, **fields: Any) -> BeamPlan:
        """With fields replaced; None leaves a field as it is."""
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return BeamPlan(**kept | {k: v for k, v in fields.items() if v is not None})


class BeamProgress(NamedTuple):
    """Sent after every chunk: what was done of all there is, and seconds left by the mean speed.

    fresh: False for a chunk that the store had.
    """

    label: str
    snr_db: float
    done: int
    total: int
    elapsed_s: float
    eta_s: float | None
    fresh: bool


Watcher = Callable[[BeamProgress], None]


def compare_beams(
    scenario: BeamScenario,
    plan: BeamPlan,
    *,
    store: str | Path | None = None,
    progress: Watcher | None = None,
    timing: bool = True,
    workers: int = 1,
) -> BeamComparison:
    """Design on every channel, and the exact error rate of each design.

    store: a results file; what is there is not computed again, and Ctrl-C loses nothing that was
    finished. timing: also measure the time of a design. workers: 1 runs here, more in as many
    processes (a script then needs the usual ``if __name__ == "__main__":``); no rate depends on it.
    Raises InvalidInputError before anything is run, ResultsFileError for a damaged store.
    """
    if not plan.contenders:
        raise invalid("contenders", (), "at least one contender")
    check_positive_int("workers", workers, 4096)
    with clean_torch():
        built = {c.label: c.build(scenario) for c in plan.contenders}
    with clean_torch(), BeamStore(store) as results:
        rates = _Run(scenario, plan, results, progress).finish(workers)
        curves = [
            BeamCurve(
                contender,
                tuple(BeamPoint(snr, rates[contender.label, snr]) for snr in plan.snr_db),
                built[contender.label].num_parameters,
                _design_ms(scenario, plan, built[contender.label]) if timing else None,
            )
            for contender in plan.contenders
        ]
    channels = len(rates[plan.contenders[0].label, plan.snr_db[0]])
    return BeamComparison(scenario, tuple(curves), channels, library_versions())


class _Run:
    """One pass over all chunks, taking up what the store has."""

    def __init__(
        self, scenario: BeamScenario, plan: BeamPlan, store: BeamStore, progress: Watcher | None
    ) -> None:
        self._scenario, self._plan = scenario, plan
        self._store, self._progress = store, progress
        self._start, self._done, self._pace = time.monotonic(), 0, Pace(1)
        self._tasks = [
            BeamTask(chunk, number, snr_db)
            for chunk in range(-(-plan.channels // CHUNK_CHANNELS))
            for number in range(len(plan.contenders))
            for snr_db in plan.snr_db
        ]
        self._rates: dict[BeamTask, np.ndarray] = {}
        self._found: dict[tuple[int, float], dict[int, np.ndarray]] = {}

    def finish(self, num_workers: int) -> dict[tuple[str, float], np.ndarray]:
        """All rates, by label and SNR."""
        missing: list[BeamTask] = []
        for task in self._tasks:
            found = self._stored(task).get(task.chunk)
            if found is None:
                missing.append(task)
            else:
                self._take(task, found, fresh=False)
        if missing:
            self._work(missing, num_workers)
        parts: dict[tuple[str, float], list[np.ndarray]] = {}
        for task in self._tasks:
            label = self._plan.contenders[task.contender].label
            parts.setdefault((label, task.snr_db), []).append(self._rates[task])
        return {key: np.concatenate(found) for key, found in parts.items()}

    def _work(self, missing: list[BeamTask], num_workers: int) -> None:
        """What the store has not, each chunk kept as soon as it is finished."""
        workers = _start_workers(self._scenario, self._plan.contenders, num_workers)
        self._pace = Pace(workers.capacity)
        waiting, running = deque(missing), 0
        try:
            while waiting or running:
                while waiting and running < workers.capacity:
                    workers.submit(waiting.popleft())
                    running += 1
                for task, found in workers.wait():
                    running -= 1
                    self._store.add(*self._point(task), task.chunk, found)
                    self._take(task, found, fresh=True)
        finally:
            workers.shutdown()

    def _stored(self, task: BeamTask) -> dict[int, np.ndarray]:
        """What the store has at the task's point."""
        point = task.contender, task.snr_db
        if point not in self._found:
            self._found[point] = self._store.chunks(*self._point(task))
        return self._found[point]

    def _point(self, task: BeamTask) -> tuple[str, str, str]:
        key = self._plan.contenders[task.contender].key()
        return self._scenario.key(), key, canonical_snr(task.snr_db)

    def _take(self, task: BeamTask, found: np.ndarray, *, fresh: bool) -> None:
        self._rates[task] = found
        self._done += 1
        elapsed, total = time.monotonic() - self._start, len(self._tasks)
        if fresh:
            self._pace.add(elapsed)
        if self._progress is None:
            return
        eta = self._pace.seconds_for(total - self._done)
        label = self._plan.contenders[task.contender].label
        self._progress(BeamProgress(label, task.snr_db, self._done, total, elapsed, eta, fresh))


def _start_workers(
    scenario: BeamScenario, contenders: tuple[BeamContender, ...], num_workers: int
) -> BeamWorker | WorkerProcesses:
    """This process for one worker, processes for more."""
    if num_workers == 1:
        return BeamWorker(scenario, contenders)
    setup = scenario.model_dump_json(), json.dumps([c.to_dict() for c in contenders])
    return WorkerProcesses(num_workers, BeamWorker.from_setup, setup)


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


def load_beam_comparison(source: str | Path) -> tuple[BeamScenario, BeamPlan]:
    """A scenario file with its ``[run]`` table, or one that ships, by name.

    Raises InvalidInputError, one line naming the file and the field.
    """
    name = str(source)
    content = read_toml(source) if name.endswith(".toml") else read_shipped_beams(name)
    table = content.get("run", {})
    if not isinstance(table, dict):
        raise InvalidInputError(f"{name}: {invalid('run', table, 'a table: [run]')}")
    scenario = BeamScenario.from_content(content, name, Path(source).parent)
    try:
        return scenario, BeamPlan(**table)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: run: {error}") from None
