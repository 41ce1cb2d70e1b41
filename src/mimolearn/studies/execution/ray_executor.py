"""Chunks on a Ray cluster (optional extra). It changes no result: a lost worker's chunk runs again.

Tasks are sent as plain text and numbers and carry no state, so a cluster may grow and shrink
while it works. Results come back to the caller, which alone writes the results file.
"""

from __future__ import annotations

import functools
import shutil
import tempfile
from typing import Any

from mimolearn.foundation.errors import MimolearnError
from mimolearn.foundation.raycluster import connect, import_ray
from mimolearn.studies.execution.executors import Executor, Worker, unpacked
from mimolearn.studies.kinds.base import Kind, Task

# Ctrl-C is looked at this often while nothing arrives.
_PATIENCE_S = 1.0


class RayExecutor(Executor):
    """On every processor of a Ray cluster, one thread a task.

    Args:
        kind: the study whose tasks it measures.
        num_workers: processors of a cluster that is started here.
        address: of a running cluster ("auto" for the one that this machine belongs to, or
            "ray://host:10001"), or None: a cluster of num_workers processors is started here, with
            its files in a temporary directory, and taken down at the end. The cluster's machines
            need the same version of mimolearn; trained weights that do not ship must lie where this
            machine has them. Both are checked: a worker whose contenders have another key ends the
            run.

    Raises:
        InvalidInputError: Ray is not installed.
        MimolearnError: no cluster answers.
    """

    def __init__(self, kind: Kind, num_workers: int, address: str | None = None) -> None:
        self._kind, self._setup = kind, kind.to_text()
        self._ray = import_ray()
        # Ray keeps sockets there, whose paths may have 107 bytes: a short name.
        self._folder = tempfile.mkdtemp(prefix="ray-") if address is None else None
        try:
            self._owner = connect(self._ray, num_workers, address, self._folder)
        except MimolearnError:
            self._remove_folder()
            raise
        self._function = self._ray.remote(num_cpus=1, max_retries=-1)(_work)
        self._running: dict[Any, Task] = {}

    @property
    def capacity(self) -> int:  # type: ignore[override]  # here it follows the cluster's size
        """Two chunks for each processor that the cluster has now."""
        return 2 * max(int(self._ray.cluster_resources().get("CPU", 1)), 1)

    def submit(self, task: Task) -> None:
        """Take a task on."""
        self._running[self._function.remote(self._setup, tuple(task))] = task

    def wait(self) -> list[tuple[Task, list[Any]]]:
        """Block until at least one task is done."""
        ready: list[Any] = []
        while not ready:
            ready, _ = self._ray.wait(list(self._running), timeout=_PATIENCE_S)
        finished = []
        for reference in ready:
            task = self._running.pop(reference)
            keys, replies = self._get(reference)
            self._check_keys(keys)
            finished.append((task, unpacked(self._kind, replies)))
        return finished

    def shutdown(self) -> None:
        """Drop what is under way; take the cluster down if it was started here."""
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._running.clear()
        if self._owner:
            self._ray.shutdown()
        self._remove_folder()

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _get(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, MimolearnError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayError as error:
            line = str(error).partition("\n")[0]
            raise MimolearnError(
                f"ray: a task could not be finished ({line}); what was finished is kept"
            ) from None

    def _check_keys(self, keys: tuple[str, ...]) -> None:
        for contender, ours, theirs in zip(
            self._kind.contenders, self._kind.keys, keys, strict=True
        ):
            if ours != theirs:
                raise MimolearnError(
                    f"ray: contender {contender.label!r} has key {theirs} on a worker and {ours} "
                    "here; the cluster needs the same version of mimolearn and the same weights"
                )


@functools.lru_cache(maxsize=2)
def _worker(setup: tuple[str, str, str]) -> Worker:
    return Worker.from_text(*setup)


def _work(setup: tuple[str, str, str], task: tuple[str, int, tuple[int, ...]]) -> Any:
    worker = _worker(setup)
    return worker.kind.keys, worker.run(Task(*task))
