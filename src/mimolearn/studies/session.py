"""The one run of all kinds of studies: chunks are handed out, kept, and counted until all is known.

A Session holds contenders that are built and checked once, keys that are computed once, and what is
known of every point.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from mimolearn.foundation.pace import Pace
from mimolearn.studies.execution.choice import ExecutorChoice
from mimolearn.studies.execution.executors import Executor
from mimolearn.studies.kinds.base import Task
from mimolearn.studies.progress import Progress, ProgressEvent
from mimolearn.studies.provenance import merged, run_here
from mimolearn.studies.schedule import Schedule
from mimolearn.studies.storage.store import Store


class Session:
    """A study that is ready to run: every contender of its schedule is built and checked, once.

    Args:
        schedule: contenders on a scenario at SNRs, and when each point is finished.
        plan: plain JSON values, which the results file remembers.

    Attributes:
        schedule: as given; it holds what is known of every point.
        kind: that of the schedule.
        built: what the contenders stand for, in their order.

    Raises:
        InvalidInputError: one line, for a contender that cannot run on the scenario.
    """

    def __init__(self, schedule: Schedule, plan: dict[str, Any]) -> None:
        self.schedule, self.kind, self._plan = schedule, schedule.kind, plan
        self.built = self.kind.built

    def run(
        self,
        path: str | Path | None,
        executor: ExecutorChoice,
        progress: Progress | None = None,
        *,
        costs: dict[str, Any],
        timings: Callable[[], dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Take up what a results file has, and run the rest.

        Args:
            path: of the results file; None keeps the results in memory.
            executor: what measures the chunks.
            progress: called after every chunk.
            costs: plain values by contender key.
            timings: gives such values; called when nothing of this run is under way any more.

        Returns:
            what the file remembers of the run besides its chunks.

        Raises:
            ResultsFileError: a file that is damaged or of another version.
        """
        key = self.kind.study_key
        with closing(Store(path)) as store:
            store.register(self.kind)
            store.update_run(
                key, lambda saved: {**merged(saved, "costs", costs), "plan": self._plan}
            )
            restore(self.schedule, store)
            if not self.schedule.done:
                run_schedule(
                    executor.start(self.kind),
                    self.schedule,
                    store,
                    progress,
                    lambda: store.update_run(key, run_here),
                )
            if timings is not None:
                measured = timings()
                store.update_run(key, lambda saved: merged(saved, "timings", measured))
            return store.load_run(key)


def run_schedule(
    executor: Executor,
    schedule: Schedule,
    store: Store,
    progress: Progress | None = None,
    begun: Callable[[], object] | None = None,
) -> None:
    """Hand out chunks until the schedule is done; each is stored before it is counted.

    The executor is shut down at the end, whatever ends the run.

    Args:
        executor: what measures the chunks.
        schedule: what is run; it takes in the results.
        store: where the results are kept.
        progress: called after every chunk.
        begun: called once, when the first chunk has been measured.
    """
    kind = schedule.kind
    start, chunks, pace = time.monotonic(), 0, Pace(executor.capacity)
    try:
        while not schedule.done:
            while schedule.num_running < executor.capacity and (task := schedule.next_task()):
                executor.submit(task)
            for task, results in executor.wait():
                if begun is not None and not chunks:
                    begun()
                keys = [kind.keys[i] for i in task.contenders]
                by_key = dict(zip(keys, results, strict=True))
                store.add(kind.study_key, task.snr, task.chunk, by_key)
                schedule.complete(task, results)
                chunks += 1
                elapsed_s = time.monotonic() - start
                pace.add(elapsed_s)
                if progress is not None:
                    speed = chunks * kind.chunk_vectors / elapsed_s
                    progress(_event(schedule, task, elapsed_s, speed, pace))
    finally:
        executor.shutdown()


def restore(schedule: Schedule, store: Store) -> None:
    """Take in all chunks that a store has of a schedule's points.

    Args:
        schedule: takes them in.
        store: an open store.

    Raises:
        ResultsFileError: a file whose chunks have another size.
    """
    kind = schedule.kind
    store.check_chunk_size(kind)
    for i, snr in schedule.points():
        for chunk, result in store.chunks(kind.study_key, kind.keys[i], snr).items():
            schedule.add(i, snr, chunk, result)


def _event(
    schedule: Schedule, task: Task, elapsed_s: float, vectors_per_s: float, pace: Pace
) -> ProgressEvent:
    done, expected = schedule.num_chunks()
    return ProgressEvent(
        snr_db=float(task.snr),
        contenders=schedule.progress(task.snr),
        done_chunks=done,
        total_chunks=expected,
        vectors_per_s=vectors_per_s,
        elapsed_s=elapsed_s,
        eta_s=pace.seconds_for(expected - done),
        measured=tuple(schedule.kind.contenders[i].label for i in task.contenders),
    )
