"""What runs chunks: this process, or worker processes. Neither changes any result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Any, NamedTuple

from mimolearn.studies.execution.processes import WorkerProcesses
from mimolearn.studies.kinds.base import Kind, Task
from mimolearn.studies.kinds.registry import kind_from_text


class Executor(ABC):
    """Runs tasks.

    Attributes:
        capacity: how many are worth having under way at once.
    """

    capacity: int

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Take a task on."""

    @abstractmethod
    def wait(self) -> list[tuple[Task, list[Any]]]:
        """Block until at least one task is done; results in the order of task.contenders."""

    @abstractmethod
    def shutdown(self) -> None:
        """Drop what is under way and leave nothing running."""


class SerialExecutor(Executor):
    """In this process, one chunk after the other."""

    capacity = 1

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._tasks: deque[Task] = deque()

    def submit(self, task: Task) -> None:
        self._tasks.append(task)

    def wait(self) -> list[tuple[Task, list[Any]]]:
        task = self._tasks.popleft()
        return [(task, self._kind.measure(task))]

    def shutdown(self) -> None:
        self._tasks.clear()


class ProcessExecutor(Executor):
    """In worker processes of one thread each. A killed worker is replaced, its chunks run again."""

    def __init__(self, kind: Kind, num_workers: int) -> None:
        self._kind = kind
        self._processes = WorkerProcesses(num_workers, Worker.from_text, kind.to_text())
        self.capacity = self._processes.capacity

    def submit(self, task: Task) -> None:
        self._processes.submit(task)

    def wait(self) -> list[tuple[Task, list[Any]]]:
        done = self._processes.wait()
        return [(task, unpacked(self._kind, replies)) for task, replies in done]

    def shutdown(self) -> None:
        self._processes.shutdown()


class Worker(NamedTuple):
    """What a process needs to run tasks."""

    kind: Kind

    @classmethod
    def from_text(cls, name: str, scenario: str, contenders: str) -> Worker:
        """From the texts of ``Kind.to_text``."""
        return cls(kind_from_text(name, scenario, contenders))

    def run(self, task: Task) -> list[bytes]:
        """The packed results of one chunk, which can be sent."""
        return [result.pack() for result in self.kind.measure(task)]


def unpacked(kind: Kind, replies: list[bytes]) -> list[Any]:
    """The results again."""
    return [kind.result.unpack(reply) for reply in replies]
