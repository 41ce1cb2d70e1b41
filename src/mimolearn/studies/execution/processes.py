"""Worker processes of one thread each; one that dies is replaced, and its task runs again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for_handles
from pathlib import Path
from typing import Any, Protocol

import torch

from mimolearn.foundation.errors import InvalidInputError, MimolearnError

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
        _check_main_script()
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
            with self._start_errors(), _children_ignore_ctrl_c():
                future = self._pool.submit(_work, task)
            self._running[future] = task
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

    def _stop(self) -> set[int]:
        """End all processes; returns the exit codes of those that had ended before."""
        # The pool has no public way to end a running task before Python 3.14.
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        codes = {process.exitcode for process in processes if process.exitcode is not None}
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        return codes

    def _restart(self, lost: list[Any]) -> None:
        self._restarts += 1
        tasks = [*lost, *self._running.values()]
        codes = self._stop()
        if self._restarts > _MAX_RESTARTS:
            raise MimolearnError(
                f"workers: ended {self._restarts} times before their work was done "
                f"({_why(codes)}); what was finished is kept"
            )
        self._running.clear()
        self._pool = self._start()
        for task in tasks:
            self.submit(task)


def _check_main_script() -> None:
    """Raise InvalidInputError where a new process cannot read the program's script again."""
    main = sys.modules.get("__main__")
    script = getattr(main, "__file__", None)
    # A module that was started with -m is found by its name, and a prompt has no script.
    if script is None or getattr(main, "__spec__", None) is not None or Path(script).is_file():
        return
    if script == "<stdin>":
        raise InvalidInputError(
            "workers: the script comes from standard input, which worker processes cannot read "
            "again; save it to a file and run that, or use workers=1"
        )
    raise InvalidInputError(
        f"workers: worker processes read the script again, and {script} is not there any more; "
        "use workers=1"
    )


def _why(codes: set[int]) -> str:
    """What exit codes of processes suggest."""
    # The pool itself ends the others by SIGTERM.
    ended = codes - {0, -getattr(signal, "SIGTERM", 15)}
    if -9 in ended:
        return "killed, as the system does when memory runs out"
    if any(code < 0 for code in ended):
        return f"a crash, signal {-min(ended)}"
    if ended:
        return "a script without 'if __name__ == \"__main__\":', or what they wrote above"
    return "out of memory, or a script without 'if __name__ == \"__main__\":'"


@contextmanager
def _children_ignore_ctrl_c() -> Iterator[None]:
    """Processes that start in here never see SIGINT, not even while they import.

    Ctrl-C reaches the whole process group; the parent alone decides what it means.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
