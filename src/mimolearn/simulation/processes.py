"""Worker processes of one thread each; one that dies is replaced, and its task runs again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for_handles
from typing import Any, Protocol

import torch

from mimolearn.errors import MimolearnError

_MAX_RESTARTS = 3


class Worker(Protocol):
    """What a process is set up as, once, to run tasks."""

    def run(self, task: Any) -> Any:
        """What one task gives; plain values, which can be sent."""


class WorkerProcesses:
    """Tasks run wherever a process is free; ``wait`` gives them back as they come.

    build(*setup), a function of a module and plain values, makes the Worker in every process.
    """

    def __init__(
        self, num_workers: int, build: Callable[..., Worker], setup: tuple[Any, ...]
    ) -> None:
        self._num_workers = num_workers
        # One task waits for each worker: enough to keep it busy, little to waste at a stop.
        self.capacity = 2 * num_workers
        self._setup = build, setup
        self._pool = self._start()
        self._running: dict[Future[Any], Any] = {}
        self._restarts = 0

    def submit(self, task: Any) -> None:
        """Take a task on."""
        try:
            with self._start_errors():
                self._running[self._pool.submit(_work, task)] = task
        except BrokenProcessPool:
            self._restart([task])

    def wait(self) -> list[tuple[Any, Any]]:
        """Block until at least one task is done; (task, what it gave)."""
        while True:
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            finished, lost = [], []
            for future in done:
                task = self._running.pop(future)
                try:
                    finished.append((task, future.result()))
                except BrokenProcessPool:
                    lost.append(task)
            if lost:
                self._restart(lost)
            if finished:
                return finished

    def shutdown(self) -> None:
        """Drop what is under way and leave nothing running."""
        self._stop()
        self._running.clear()

    def _start(self) -> ProcessPoolExecutor:
        with self._start_errors():
            return ProcessPoolExecutor(
                self._num_workers,
                multiprocessing.get_context("spawn"),
                initializer=_start_worker,
                initargs=self._setup,
            )

    @contextmanager
    def _start_errors(self) -> Iterator[None]:
        """Say what could not be started: the system's error names neither file nor purpose."""
        try:
            yield
        except OSError as error:
            raise MimolearnError(
                f"workers: {self._num_workers} processes cannot be started: "
                f"{error.strerror or error}; use fewer, or raise the limits of this system (ulimit)"
            ) from None

    def _stop(self) -> None:
        # The pool has no public way to end a running task before Python 3.14.
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()

    def _restart(self, lost: list[Any]) -> None:
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


_worker: Worker | None = None


def _start_worker(build: Callable[..., Worker], setup: tuple[Any, ...]) -> None:
    global _worker
    # Ctrl-C reaches the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _worker = build(*setup)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_handles([parent.sentinel])
        os._exit(1)


def _work(task: Any) -> Any:
    assert _worker is not None
    return _worker.run(task)
