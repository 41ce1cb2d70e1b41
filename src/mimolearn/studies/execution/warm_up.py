"""Kernels compiled ahead of their first use, in several processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import NamedTuple

from mimolearn.foundation.errors import check_positive_int, invalid
from mimolearn.kernels.machine.compile import kernel_files
from mimolearn.kernels.machine.warmup import compile_module
from mimolearn.studies.execution.processes import WorkerProcesses


class WarmUpEvent(NamedTuple):
    """A module of kernels that is done.

    Attributes:
        module: its name, as "search.k_best".
        done: how many modules are.
        total: how many there are to do.
    """

    module: str
    done: int
    total: int


class _Compiler:
    """What a process does: the kernels of one module after the other."""

    def run(self, task: str) -> int:
        return compile_module(task)


def warm_up(
    patterns: tuple[str, ...] = (),
    *,
    workers: int | None = None,
    progress: Callable[[WarmUpEvent], None] | None = None,
) -> dict[str, int]:
    """Compile kernels of the library that have no machine code on disk yet.

    Args:
        patterns: modules of kernels, as "search.*"; default all.
        workers: processes; default as many as there are processors. 1 compiles in this process.
        progress: called after every module.

    Returns:
        how many kernels of each module there are now on disk, or in memory where no folder can be
        written to. Those that are made for one constellation alone are not among them.

    Raises:
        InvalidInputError: for a pattern that fits no module.
    """
    known = kernel_files()
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise invalid("kernels", pattern, f"a pattern of {', '.join(known)}")
    # Those that take longest to compile lie in long files of searches: they come first.
    chosen = sorted(
        (n for n in known if not patterns or any(fnmatchcase(n, p) for p in patterns)),
        key=lambda name: not name.startswith("search."),
    )
    workers = check_positive_int("workers", workers or os.cpu_count() or 1, 1024)
    compiled: dict[str, int] = {}

    def note(module: str, count: int) -> None:
        compiled[module] = count
        if progress is not None:
            progress(WarmUpEvent(module, len(compiled), len(chosen)))

    if workers == 1:
        for module in chosen:
            note(module, compile_module(module))
        return compiled
    processes = WorkerProcesses(workers, _Compiler, ())
    try:
        for module in chosen:
            processes.submit(module)
        while len(compiled) < len(chosen):
            for module, count in processes.wait():
                note(module, count)
    finally:
        processes.shutdown()
    return compiled
