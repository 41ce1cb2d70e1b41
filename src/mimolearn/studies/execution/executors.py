"""Where chunks run: in this process, or in worker processes. Neither changes any count."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import astuple
from typing import Any, NamedTuple

from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.scenario import Scenario
from mimolearn.plans.contender import Contender
from mimolearn.plans.counts import Counts, ErrorPositions
from mimolearn.studies.execution.processes import WorkerProcesses
from mimolearn.studies.kinds.chunk import ChunkResult
from mimolearn.studies.kinds.run_chunk import run_chunk


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
        setup = setup_for_workers(scenario, contenders)
        self._processes = WorkerProcesses(num_workers, Worker.from_setup, setup)
        self.capacity = self._processes.capacity

    def submit(self, task: Task) -> None:
        self._processes.submit(task)

    def wait(self) -> list[tuple[Task, list[ChunkResult]]]:
        done = self._processes.wait()
        return [(task, [reply.unpack() for reply in replies]) for task, replies in done]

    def shutdown(self) -> None:
        self._processes.shutdown()


class Reply(NamedTuple):
    """A ChunkResult as plain values, which can be sent."""

    counts: tuple[Any, ...]
    positions: bytes
    blocks: bytes | None

    @classmethod
    def pack(cls, result: ChunkResult) -> Reply:
        """From a result."""
        blocks = None if result.blocks is None else result.blocks.to_bytes()
        return cls(astuple(result.counts), result.positions.to_bytes(), blocks)

    def unpack(self) -> ChunkResult:
        """The result again."""
        blocks = None if self.blocks is None else ErrorPositions.from_bytes(self.blocks)
        return ChunkResult(Counts(*self.counts), ErrorPositions.from_bytes(self.positions), blocks)


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
    shared: dict[str, Detector] = {}
    return [(c.label, c.build(scenario.constellation, shared)) for c in contenders]
