"""The machine, versions and date of results, as a results file remembers them."""

from __future__ import annotations

import platform
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mimolearn.results.comparison import Provenance

_LIBRARIES = ("torch", "numpy", "scipy", "sionna-no-rt")


def provenance_of(saved: dict[str, Any]) -> Provenance:
    """That of a stored run; where it has none, this machine and moment."""
    if "provenance" in saved:
        stored = saved["provenance"]
        return Provenance(**{**stored, "earlier": tuple(stored.get("earlier", ()))})
    versions = {"python": platform.python_version()}
    versions |= {library: version(library) for library in ("mimolearn", *_LIBRARIES)}
    return Provenance(versions, machine(), datetime.now(UTC).isoformat(timespec="seconds"))


def run_here(saved: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of a run, once this machine has added a chunk."""
    now, earlier = provenance_of({}), ()
    if "provenance" in saved:
        before = provenance_of(saved)
        machines = dict.fromkeys((*before.earlier, before.machine))
        earlier = tuple(name for name in machines if name != now.machine)
    return {**saved, "provenance": asdict(replace(now, earlier=earlier))}


def merged(saved: dict[str, Any], name: str, items: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of a run, with more items in one of its tables.

    Args:
        saved: what was remembered.
        name: of the table.
        items: by contender.
    """
    return {**saved, name: {**saved.get(name, {}), **items}}


def machine() -> str:
    """Processor and system of this machine."""
    return f"{_processor()}, {platform.system()} {platform.machine()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
