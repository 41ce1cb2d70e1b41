"""Where chunks run: in this process, or in worker processes. Neither changes any count."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import astuple
from multiprocessing.connection import wait as wait_for_handles
from typing import NamedTuple

import torch

from mimolearn.detectors import Detector
from mimolearn.errors import InvalidInputError, MimolearnError
from mimolearn.scenario import Scenario
from mimolearn.simulation.chunk import ChunkResult, run_chunk
from mimolearn.simulation.contender import Contender
from mimolearn.simulation.counts import Counts, ErrorPositions

_MAX_RESTARTS = 3


class Task(NamedTuple):
    """One chunk: canonical SNR, its number, and which contenders (by position) still need it."""

    snr: str
    chunk: int
    contenders: tuple[int, ...]


class Executor(ABC):
    """Runs tasks. capacity: how many are worth having under way at once."""

    capacity: int

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Take a task on."""

    @abstractmethod
    def wait(self) -> list[tuple[Task, list[ChunkResult]]]:
        """Block until at least one task is done; results in the order of task.contenders."""

    @abstractmethod
    def shutdown(self) -> None:
        """Drop what is under way and leave nothing running."""


class SerialExecutor(Executor):
    """In this process, one chunk after the other."""

    capacity = 1

    def __init__(self, scenario: Scenario, contenders: tuple[Contender, ...]) -> None:
        self._scenario = scenario
        self._detectors = _build(scenario, contenders)
        self._tasks: deque[Task] = deque()

    def submit(self, task: Task) -> None:
        self._tasks.append(task)

    def wait(self) -> list[tuple[Task, list[ChunkResult]]]:
        task = self._tasks.popleft()
        detectors = [self._detectors[i] for i in task.contenders]
        return [(task, run_chunk(self._scenario, task.snr, task.chunk, detectors))]

    def shutdown(self) -> None:
        self._tasks.clear()


class ProcessExecutor(Executor):
    """In worker processes of one thread each. A killed worker is replaced, its chunks run again."""

    def __init__(
        self, scenario: Scenario, contenders: tuple[Contender, ...], num_workers: int
    ) -> None:
        self._setup = setup_for_workers(scenario, contenders)
        self._num_workers = num_workers
        # One chunk waits for each worker: enough to keep it busy, little to waste at a stop.
        self.capacity = 2 * num_workers
        self._pool = self._start()
        self._running: dict[Future[list[Reply]], Task] = {}
        self._restarts = 0

    def submit(self, task: Task) -> None:
        try:
            self._running[self._pool.submit(_work, task.snr, task.chunk, task.contenders)] = task
        except BrokenProcessPool:
            self._restart([task])

    def wait(self) -> list[tuple[Task, list[ChunkResult]]]:
        while True:
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            finished, lost = [], []
            for future in done:
                task = self._running.pop(future)
                try:
                    finished.append((task, [reply.unpack() for reply in future.result()]))
                except BrokenProcessPool:
                    lost.append(task)
            if lost:
                self._restart(lost)
            if finished:
                return finished

    def shutdown(self) -> None:
        self._stop()
        self._running.clear()

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._num_workers,
            multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=self._setup,
        )

    def _stop(self) -> None:
        # The pool has no public way to end a running task before Python 3.14.
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()

    def _restart(self, lost: list[Task]) -> None:
        self._restarts += 1
        if self._restarts > _MAX_RESTARTS:
            raise MimolearnError(
                f"workers: ended {self._restarts} times before their work was done (out of memory, "
                "or a script without 'if __name__ == \"__main__\":'); what was finished is kept"
            )
        tasks = [*lost, *self._running.values()]
        self._stop()
        self._running.clear()
        self._pool = self._start()
        for task in tasks:
            self.submit(task)


class Reply(NamedTuple):
    """A ChunkResult as plain values, which can be sent."""

    counts: tuple[int | None, ...]
    positions: bytes

    @classmethod
    def pack(cls, result: ChunkResult) -> Reply:
        """From a result."""
        return cls(astuple(result.counts), result.positions.to_bytes())

    def unpack(self) -> ChunkResult:
        """The result again."""
        *integers, work = self.counts
        counts = Counts(*(int(value or 0) for value in integers), work=work)
        return ChunkResult(counts, ErrorPositions.from_bytes(self.positions))


class Worker(NamedTuple):
    """What a process needs to run tasks: the scenario, and each contender's detector."""

    scenario: Scenario
    contenders: tuple[Contender, ...]
    detectors: list[tuple[str, Detector]]

    @classmethod
    def from_setup(cls, scenario: str, contenders: str) -> Worker:
        """From the texts of ``setup_for_workers``."""
        built = Scenario.model_validate_json(scenario)
        parsed = tuple(Contender.from_dict(content) for content in json.loads(contenders))
        return cls(built, parsed, _build(built, parsed))

    def run(self, task: Task) -> list[Reply]:
        """One chunk."""
        detectors = [self.detectors[i] for i in task.contenders]
        results = run_chunk(self.scenario, task.snr, task.chunk, detectors)
        return [Reply.pack(result) for result in results]


def setup_for_workers(scenario: Scenario, contenders: tuple[Contender, ...]) -> tuple[str, str]:
    """Scenario and contenders as JSON, for ``Worker.from_setup``; a bad option is refused here."""
    for contender in contenders:
        if contender.is_object:
            raise InvalidInputError(
                f"workers: contender {contender.label!r} is a detector object, which cannot "
                "be sent to worker processes; use workers=1"
            )
    _build(scenario, contenders)
    content = [contender.to_dict() for contender in contenders]
    return scenario.model_dump_json(), json.dumps(content)


def _build(scenario: Scenario, contenders: tuple[Contender, ...]) -> list[tuple[str, Detector]]:
    return [(c.label, c.build(scenario.constellation)) for c in contenders]


_worker: Worker | None = None


def _start_worker(scenario: str, contenders: str) -> None:
    global _worker
    # Ctrl-C reaches the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _worker = Worker.from_setup(scenario, contenders)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_handles([parent.sentinel])
        os._exit(1)


def _work(snr: str, chunk: int, contenders: tuple[int, ...]) -> list[Reply]:
    assert _worker is not None
    return _worker.run(Task(snr, chunk, contenders))
