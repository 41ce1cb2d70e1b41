"""What the first run of a machine costs: a comparison with an empty cache of machine code.

    python benchmarks/cold_start.py [OLD NEW] [--names before now] [--workers 2]
        [--scenario lcgnet-32x64-bpsk]

OLD and NEW are folders with the source of a version (``git worktree add OLD COMMIT``), or their
``src`` folders; without them the installed version is measured alone. Each version runs the
comparison twice, in the same new folder for machine code: the first run compiles, the second reads
from disk. CPU seconds are those of all processes of a run; where the machine does other work too,
they say more than seconds. With two versions the runs go at the same time, so that both meet the
same disturbance.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """One run: CPU seconds of its processes, seconds, and kernels on disk after it."""

    cpu_s: float
    wall_s: float
    kernels: int


def run(source: Path | None, cache: Path, scenario: str, workers: int) -> Run:
    """Compare on a scenario that ships, with machine code in ``cache``."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
    if source is not None:
        environment["PYTHONPATH"] = str(source.resolve())
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "mimolearn", "compare", "--scenario", scenario]
        command += ["--workers", str(workers), "--out", out]
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        # Of this process and of all that it has waited for, its workers.
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return Run(usage.ru_utime + usage.ru_stime, wall_s, len(list(cache.rglob("*.nbi"))))


def both_runs(source: Path | None, scenario: str, workers: int) -> tuple[Run, Run]:
    """The first run and the second."""
    with tempfile.TemporaryDirectory() as cache:
        first = run(source, Path(cache), scenario, workers)
        return first, run(source, Path(cache), scenario, workers)


def table(rows: dict[str, tuple[Run, Run]]) -> str:
    """Markdown."""
    lines = [
        "| version | kernels compiled | first run, CPU s | first run, s | second run, CPU s "
        "| second run, s |",
        "|---|---|---|---|---|---|",
    ]
    for name, (first, second) in rows.items():
        times = (first.cpu_s, first.wall_s, second.cpu_s, second.wall_s)
        lines.append(" | ".join((f"| {name}", str(first.kernels), *(f"{t:.0f}" for t in times))))
        lines[-1] += " |"
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a comparison with an empty cache.")
    parser.add_argument("versions", type=Path, nargs="*", help="OLD NEW")
    parser.add_argument("--names", nargs=2, default=("before", "now"), help="of OLD and NEW")
    parser.add_argument("--scenario", default="lcgnet-32x64-bpsk")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if len(options.versions) not in (0, 2):
        parser.error("two versions, or none for the installed one")
    sources = [f / "src" if (f / "src").is_dir() else f for f in options.versions] or [None]
    names: list[str] = list(options.names) if options.versions else ["installed"]
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(both_runs, s, options.scenario, options.workers) for s in sources]
        rows = dict(zip(names, (future.result() for future in runs), strict=True))
    print(table(rows))


if __name__ == "__main__":
    main()
