"""Latency of soft detectors of small systems: the EQ-Net estimator beside others.

    python benchmarks/bench_soft_estimators.py [--rounds 9] [--batches 1 16 8192]

Microseconds a vector on one thread, y and h to LLRs, a fresh channel for every vector. All
contenders run in turns and medians of the processor's time are printed, so that a busy machine
disturbs all alike. ``path`` says what serves up to 64 vectors: a compiled kernel or PyTorch.
Networks without published weights are untrained: the work is the same.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from mimolearn import Detector, Scenario, load, make_detector

# In one call: its caches are its own, and seconds are long enough to measure.
_MANY = 1000
SYSTEMS = (
    ("2x2 64-QAM", "64-qam", 2, 20.0, "eq-net-estimator-2x2-64qam"),
    ("4x4 16-QAM", "16-qam", 4, 15.0, "eq-net-estimator-4x4-16qam"),
)


def contenders(constellation: str, n: int, published: str) -> dict[str, tuple[Detector, str]]:
    """Each detector by name, and what serves few vectors."""
    found = {
        'eq-net, L, "sic"': (make_detector("eq-net", constellation, num_tx_ant=n), "kernel"),
        f"eq-net, {published}": (load(published), "kernel"),
        "nn-det": (make_detector("nn-det", constellation, num_tx_ant=n), "torch"),
        "oamp-net2": (make_detector("oamp-net2", constellation), "torch"),
        "mmse-sic": (make_detector("mmse-sic", constellation), "torch"),
        "ep": (make_detector("ep", constellation), "kernel"),
        "lmmse": (make_detector("lmmse", constellation), "kernel"),
        "ml": (make_detector("ml", constellation), "kernel"),
    }
    for detector, _ in found.values():
        assert isinstance(detector, Detector)
        detector.eval().requires_grad_(False)
    return found


def in_turns(
    calls: dict[str, Callable[[], object]], rounds: int, warm: bool, at_least: float = 2e-3
) -> dict[str, float]:
    """Median seconds of the processor a call, by name."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            if warm:
                # What ran before has emptied the caches: the first call is not counted.
                call()
            count, start = 0, time.thread_time()
            while time.thread_time() - start < at_least:
                call()
                count += 1
            times[name].append((time.thread_time() - start) / count)
    return {name: statistics.median(found) for name, found in times.items()}


def table(system: tuple[Any, ...], batches: list[int], rounds: int) -> Table:
    title, constellation, n, snr_db, published = system
    link = Scenario(num_tx_ant=n, num_rx_ant=n, constellation=constellation)
    block = link.draw(snr_db, max(batches), torch.Generator().manual_seed(1))
    made = contenders(constellation, n, published)
    columns = []
    for batch in batches:
        y, h, noise_var = block.y[:batch], block.h[:batch], block.noise_var[:batch]
        calls = {
            name: (lambda d=d, y=y, h=h, v=noise_var: d(y, h, v).llr())
            for name, (d, _) in made.items()
        }
        few = batch < _MANY
        columns.append(in_turns(calls, rounds if few else max(1, rounds // 5), warm=few))
    names = [f"us, {batch} a call" for batch in batches]
    result = Table(title, "path", *names, "of eq-net, L, at 1")
    own = columns[0]['eq-net, L, "sic"']
    for name, (_, path) in made.items():
        cells = [
            f"{found[name] / batch * 1e6:.3g}"
            for found, batch in zip(columns, batches, strict=True)
        ]
        result.add_row(name, path, *cells, f"{columns[0][name] / own:.2f} x")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Latency of soft detectors of small systems.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 8192])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=130)
    with torch.no_grad():
        for system in SYSTEMS:
            console.print(table(system, arguments.batches, arguments.rounds))


if __name__ == "__main__":
    main()
