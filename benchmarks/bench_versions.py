"""Two versions of mimolearn on the same inputs: what became faster or slower between them.

    python benchmarks/bench_versions.py OLD NEW [--rounds 15] [--seconds 0.05] [--csv FILE]
        [--only WORDS]

OLD and NEW are folders with the source of a version (``git worktree add OLD COMMIT``), or their
``src`` folders. Each version runs in a process of its own, on one thread. The two take turns, case
by case, and the fastest time of all rounds counts: others on the machine only ever make a run
slower. The ratio is old time / new time: above 1 the new version is faster. Cases use public names
that both versions have; what a version lacks is said and left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Case(NamedTuple):
    """One detector on one link: ``channels`` channels with ``vectors`` received vectors each.

    network: the detector is a network of the zoo. prepares: what needs the channel alone.
    """

    detector: str
    constellation: str
    rx: int
    tx: int
    channels: int
    vectors: int = 1
    network: bool = False
    prepares: bool = False

    def text(self) -> str:
        name = f"{self.detector}, prepare" if self.prepares else self.detector
        link = f"{self.tx} streams, {self.rx} antennas, {self.constellation}"
        return f"{name}, {link}, {self.channels} x {self.vectors}"


_LINEAR = ("mrc", "zf", "lmmse", "wl-lmmse", "cg", "wl-cg", "gauss-seidel", "ep", "oamp")
_SEARCHES = ("k-best", "ml", "sphere", "soft-sphere")
CASES = (
    *(Case(name, "qpsk", 64, 32, 128) for name in _LINEAR),
    *(Case(name, "qpsk", 64, 32, 32, 14) for name in ("lmmse", "ep", "oamp", "cg")),
    *(Case(name, "16-qam", 4, 4, 2048) for name in _LINEAR if not name.startswith("wl")),
    *(Case(name, "16-qam", 8, 8, 512) for name in ("zf", "lmmse", "ep", "oamp", "k-best")),
    *(Case(name, "16-qam", 4, 4, 1) for name in ("lmmse", "zf", "ep", "k-best")),
    *(Case(name, "16-qam", 4, 4, 1, prepares=True) for name in ("lmmse", "zf", "ep")),
    *(Case(name, "qpsk", 4, 4, 512) for name in _SEARCHES),
    *(Case(name, "64-qam", 4, 4, 128) for name in ("k-best", "sphere", "soft-sphere")),
    Case("k-best", "qpsk", 64, 32, 64),
    Case("mmse-sic", "16-qam", 8, 8, 256),
    Case("deep-cg", "16-qam", 64, 8, 128, network=False),
    Case("lcgnet-v-32x64-bpsk", "bpsk", 64, 32, 128, network=True),
    Case("detnet-32x64-qpsk", "qpsk", 64, 32, 32, network=True),
    Case("tap-net-any", "16-qam", 8, 8, 256, network=True),
    Case("tap-net-any", "qpsk", 64, 32, 64, network=True),
    Case("eq-net-estimator-2x2-64qam", "64-qam", 2, 2, 256, network=True),
)


def setting(case: Case) -> tuple[Any, Any, Any]:
    """y, h and noise_var of a case: the same in both versions."""
    import torch

    generator = torch.Generator().manual_seed(1)
    shape = (case.channels, case.rx, case.tx)
    h = torch.randn(shape, dtype=torch.complex64, generator=generator) / case.rx**0.5
    from mimolearn import make_detector

    points = make_detector("lmmse", case.constellation).constellation.points.to(torch.complex64)
    sent = torch.randint(len(points), (case.channels, case.vectors, case.tx), generator=generator)
    noise = torch.randn(
        case.channels, case.vectors, case.rx, dtype=torch.complex64, generator=generator
    )
    noise_var = 0.02 if case.constellation == "16-qam" else 0.1
    if case.constellation == "64-qam":
        noise_var = 0.004
    y = points[sent] @ h.mT + noise * noise_var**0.5
    return y, h, torch.full((case.channels,), noise_var)


def task(case: Case) -> Callable[[], object]:
    """One call of the case: decisions and soft bits, where the detector has them."""
    import torch

    from mimolearn import NotSoftError, load, make_detector

    detector: Any
    if case.network:
        detector = load(case.detector)
    else:
        detector = make_detector(case.detector, case.constellation)
    y, h, noise_var = setting(case)

    def run() -> object:
        with torch.no_grad():
            if case.prepares:
                return detector.prepare(h, noise_var)
            detection = detector(y, h, noise_var)
            try:
                return detection.llr()
            except NotSoftError:
                return detection.indices()

    run()
    return run


def serve(seconds: float) -> None:
    """Answer the number of a case on standard input by its fastest time for one call [us]."""
    import torch

    torch.set_num_threads(1)
    tasks: dict[int, Callable[[], object] | str] = {}
    for line in sys.stdin:
        number = int(line)
        if number not in tasks:
            try:
                tasks[number] = task(CASES[number])
            except Exception as error:  # a version may lack a case in any way
                tasks[number] = f"{type(error).__name__}: {error}"
        run = tasks[number]
        if isinstance(run, str):
            print(json.dumps({"lacks": run}), flush=True)
            continue
        best, until = float("inf"), time.perf_counter() + seconds
        while time.perf_counter() < until:
            start = time.perf_counter()
            run()
            best = min(best, time.perf_counter() - start)
        print(json.dumps({"us": best * 1e6}), flush=True)


class Version:
    """A process that serves one version."""

    def __init__(self, folder: Path, seconds: float) -> None:
        source = folder / "src" if (folder / "src").is_dir() else folder
        environment = os.environ | {"PYTHONPATH": str(source.resolve()), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--serve", str(seconds)]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def time(self, number: int) -> dict[str, Any]:
        """The answer of ``serve``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(float(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description="Race two versions of mimolearn.")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--only", default="", help="cases whose line holds these words")
    options = parser.parse_args()
    versions = [Version(folder, options.seconds) for folder in (options.old, options.new)]
    rows = []
    for number, case in enumerate(CASES):
        if options.only not in case.text():
            continue
        best = [float("inf")] * 2
        lacks = ""
        for turn in range(options.rounds):
            for which in (0, 1) if turn % 2 else (1, 0):
                answer = versions[which].time(number)
                if "lacks" in answer:
                    lacks = f"{('old', 'new')[which]} version: {answer['lacks']}"
                    break
                best[which] = min(best[which], answer["us"])
            if lacks:
                break
        total = case.channels * case.vectors
        if lacks:
            print(f"{case.text():58} {lacks}", flush=True)
            continue
        old, new = (time_us / total for time_us in best)
        rows.append((case.text(), old, new, old / new))
        print(f"{case.text():58} {old:9.3f} us {new:9.3f} us {old / new:6.2f}", flush=True)
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("case", "old_us_per_vector", "new_us_per_vector", "ratio"))
            writer.writerows(rows)


if __name__ == "__main__":
    main()
