"""Latency of trained detectors: plain PyTorch, compiled kernels, and the exported file.

Microseconds of processor time a call on one thread, batches of 1 and 16 channels with one vector
each: the median of the rounds, in which all take turns. Needs the extra mimolearn[onnx].

    python benchmarks/bench_export.py
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

import mimolearn as ml
from mimolearn.exporting.frames import find_subject
from mimolearn.exporting.runtime import session

DETECTORS = (
    "lcgnet-v-32x64-bpsk",
    "tap-net-5s",
    "detnet-30x60-bpsk-short",
    "equi-net-bpsk",
    "eq-net-estimator-2x2-64qam",
)
BATCHES = (1, 16)


def eager(detector: ml.Detector, inputs: tuple[Tensor, Tensor, Tensor]) -> Callable[[], Any]:
    """Plain PyTorch: what kernels leave to it, here because a gradient might be asked for."""
    y, h, noise_var = inputs
    wanting = h.clone().requires_grad_()

    def call() -> Tensor:
        return detector(y, wanting, noise_var).llr()

    return call


def compiled(detector: ml.Detector, inputs: tuple[Tensor, Tensor, Tensor]) -> Callable[[], Any]:
    """As everybody calls it."""

    def call() -> Tensor:
        with torch.no_grad():
            return detector(*inputs).llr()

    return call


def runtime(path: Path, inputs: tuple[Tensor, Tensor, Tensor]) -> Callable[[], Any]:
    """The file, without this library."""
    y, h, noise_var = inputs
    run = session(path)
    fed = {
        "y": torch.view_as_real(y).numpy(),
        "h": torch.view_as_real(h).numpy(),
        "noise_var": noise_var.numpy().copy(),
    }
    return lambda: run.run(["llr"], fed)


def microseconds(
    calls: dict[str, Callable[[], Any]], rounds: int, round_s: float
) -> dict[str, float]:
    """Medians over rounds in which each gets as many calls as fit."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    counts = {}
    for name, call in calls.items():
        call()
        began = time.process_time()
        call()
        counts[name] = max(int(round_s / max(time.process_time() - began, 1e-6)), 1)
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.process_time()
            for _ in range(counts[name]):
                call()
            spent[name].append((time.process_time() - began) / counts[name])
    return {name: 1e6 * statistics.median(times) for name, times in spent.items()}


def main() -> None:
    """Export, time, and print one table."""
    parser = argparse.ArgumentParser(description="Latency of trained detectors")
    parser.add_argument("detectors", nargs="*", default=DETECTORS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--round-s", type=float, default=0.1)
    parser.add_argument("--keep", type=Path, help="folder for the files; those there are used")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = Table("detector", "batch", "eager [us]", "compiled [us]", "ONNX Runtime [us]")
    with tempfile.TemporaryDirectory() as place:
        folder = arguments.keep or Path(place)
        folder.mkdir(exist_ok=True)
        for name in arguments.detectors:
            path = folder / f"{name}.onnx"
            if not path.exists():
                ml.export(name, path)
            found = find_subject(name, None, None)
            detector = found.part
            assert isinstance(detector, ml.Detector)
            for batch in BATCHES:
                block = found.scenario.draw(found.snr_db, batch, torch.Generator().manual_seed(1))
                inputs = block.y[:, :1].contiguous(), block.h_hat, block.noise_var
                calls = {
                    "eager": eager(detector, inputs),
                    "compiled": compiled(detector, inputs),
                    "onnx": runtime(path, inputs),
                }
                took = microseconds(calls, arguments.rounds, arguments.round_s)
                table.add_row(name, str(batch), *(f"{took[key]:.0f}" for key in calls))
    Console().print(table)


if __name__ == "__main__":
    main()
