"""How much memory a channel file may take, told from its headers before anything is read."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from mimolearn.foundation.errors import invalid

GIGABYTE = 10**9
# Channels hardly compress; a file that unpacks to far more than its size was made to do so.
_SMALLEST_LIMIT, _MOST_EXPANSION = 256 * 2**20, 64
_FALLBACK_MEMORY = 8 * 2**30
_CGROUP_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


def memory_limit(path: str, max_gb: float | None) -> int:
    """Bytes that the arrays of a file may take in memory.

    Without ``max_gb`` this is the smaller of half of the machine's memory and 64 times the size of
    the file, and 256 MiB at least.
    """
    if max_gb is not None:
        return int(max_gb * GIGABYTE)
    by_size = max(_SMALLEST_LIMIT, _MOST_EXPANSION * Path(path).stat().st_size)
    return min(by_size, _machine_memory() // 2)


def check_memory(path: str, what: str, num_bytes: int, limit: int) -> None:
    """Raise InvalidInputError for an array that would take more memory than allowed."""
    if num_bytes > limit:
        got = f"<{what} of {num_bytes / GIGABYTE:.3g} GB>"
        allowed = (
            f"at most {limit / GIGABYTE:.3g} GB from a file of {Path(path).stat().st_size} bytes"
        )
        raise invalid("path", got, f"{allowed}; max_gb raises this limit ({path})")


def _machine_memory() -> int:
    return min(_memory_sizes(), default=_FALLBACK_MEMORY)


def _memory_sizes() -> Iterable[int]:
    """The memory of the machine, and of the container that this process may run in."""
    # Windows has no sysconf.
    with contextlib.suppress(AttributeError, ValueError, OSError):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for name in _CGROUP_LIMITS:
        try:
            yield int(Path(name).read_text("ascii"))
        except (OSError, ValueError):
            continue
