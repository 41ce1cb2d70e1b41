"""The executor that a run gets."""

from __future__ import annotations

from typing import NamedTuple

from mimolearn.foundation.errors import check_one_of, check_positive_int, invalid
from mimolearn.foundation.raycluster import import_ray
from mimolearn.studies.execution.executors import Executor, ProcessExecutor, SerialExecutor
from mimolearn.studies.kinds.base import Kind

EXECUTORS = ("auto", "serial", "processes", "ray")


class ExecutorChoice(NamedTuple):
    """An executor as a caller names it. Results do not depend on it.

    Attributes:
        executor: one of EXECUTORS; "auto" is "serial" for one worker and "processes" for more.
        workers: processes, or processors of a Ray cluster that is started for the run.
        ray_address: of a running Ray cluster, as "auto" or "host:port"; None for none.
    """

    executor: str = "auto"
    workers: int = 1
    ray_address: str | None = None

    def check(self) -> None:
        """Refuse what does not fit together.

        Raises:
            InvalidInputError: one line that names the field.
        """
        check_one_of("executor", self.executor, EXECUTORS)
        check_positive_int("workers", self.workers, 4096)
        if self.ray_address is not None and self.executor != "ray":
            raise invalid("ray_address", self.ray_address, "none, unless the executor is 'ray'")
        if self.executor == "serial" and self.workers > 1:
            raise invalid("workers", self.workers, "1 with the executor 'serial'")
        if self.executor == "ray":
            import_ray()

    def start(self, kind: Kind) -> Executor:
        """Start the executor.

        Args:
            kind: the study whose tasks it measures.
        """
        if self.executor == "ray":
            from mimolearn.studies.execution.ray_executor import RayExecutor

            return RayExecutor(kind, self.workers, self.ray_address)
        if self.executor == "processes" or self.workers > 1:
            return ProcessExecutor(kind, self.workers)
        return SerialExecutor(kind)
