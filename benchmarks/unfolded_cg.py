"""LcgNetV compiled against LcgNetV in plain batched torch, and both against what they could reach.

For each number of vectors that share a channel: vectors per second of the compiled network (whole,
and as prepare and detect), of the same network in torch, and of compiled exact LMMSE; the ratio of
the first two; and the share of its bound, which is the multiplications it has to do (as the library
counts them) at the rate of a large matrix product, measured in the same run.

    python benchmarks/unfolded_cg.py --vectors 1 14 168
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mimolearn import load, make_detector
from mimolearn.detectors import Detector, LcgNetV
from mimolearn.detectors.unfolded import lcgnet
from mimolearn.detectors.unfolded.lcgnet import Parameters

NUM_RX, NUM_TX = 64, 32


class Inputs(NamedTuple):
    h: Tensor
    y: Tensor
    noise_var: Tensor


def draw(channels: int, vectors: int) -> Inputs:
    generator = torch.Generator().manual_seed(1)
    h = torch.randn(channels, NUM_RX, NUM_TX, dtype=torch.complex64, generator=generator)
    h = h / NUM_RX**0.5
    bits = torch.randint(2, (channels, vectors, NUM_TX), generator=generator)
    noise = torch.randn(channels, vectors, NUM_RX, dtype=torch.complex64, generator=generator)
    y = (1.0 - 2.0 * bits).to(h) @ h.mT + noise * 0.3
    return Inputs(h, y, torch.full((channels,), 0.09))


def in_torch(network: LcgNetV, inputs: Inputs) -> Tensor:
    h, y, noise_var = inputs
    prepared = lcgnet.prepare_in_torch(h, noise_var, network.num_layers, widely_linear=True)
    steps = Parameters(network.alpha, network.beta)
    return lcgnet.solve(prepared, y, steps) * prepared.scale


def multiplications(network: LcgNetV, vectors: int) -> float:
    """Of one vector with its share of the channel; by one matrix where that is cheaper."""
    cost = network.cost(NUM_RX, NUM_TX)
    assert cost.per_vector is not None
    size, layers = 2 * NUM_TX, network.num_layers
    at_once = layers * size**3 / vectors + 4 * NUM_RX * NUM_TX + size**2
    return cost.per_channel / vectors + min(float(cost.per_vector), at_once)


def seconds(call: Callable[[], object], at_least: float) -> float:
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < at_least or count == 0:
        call()
        count += 1
    return spent / count


def gemm_rate(at_least: float) -> float:
    """Multiplications (with their additions) per second of a large float32 product."""
    a, b = torch.randn(768, 768), torch.randn(768, 768)
    torch.mm(a, b)
    return 768**3 / seconds(lambda: torch.mm(a, b), at_least)


def contenders(network: LcgNetV, inputs: Inputs) -> dict[str, Callable[[], object]]:
    h, y, noise_var = inputs
    others: dict[str, Detector] = {n: make_detector(n, "bpsk") for n in ("lmmse", "wl-lmmse")}
    return {
        "compiled": lambda: network(y, h, noise_var),
        "in halves": lambda: network.detect(network.prepare(h, noise_var), y),
        "detect alone": Prepared(network, inputs),
        "torch": lambda: in_torch(network, inputs),
        **{n: (lambda d=d: d(y, h, noise_var)) for n, d in others.items()},
    }


class Prepared:
    """Detection on channels that were prepared before."""

    def __init__(self, network: LcgNetV, inputs: Inputs) -> None:
        self._network, self._y = network, inputs.y
        self._prepared = network.prepare(inputs.h, inputs.noise_var)

    def __call__(self) -> object:
        return self._network.detect(self._prepared, self._y)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--vectors", type=int, nargs="+", default=[1, 14, 168])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="of one measurement, at least")
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = load("lcgnet-v-32x64-bpsk")
    assert isinstance(network, LcgNetV)
    columns = ("vectors/s", *[f"S={vectors}" for vectors in options.vectors])
    table = Table(*columns, title=f"{NUM_TX}x{NUM_RX}, {network.num_layers} layers, 1 thread")
    rows: dict[str, list[str]] = {}
    for vectors in options.vectors:
        inputs = draw(max(32, 512 // vectors // 16 * 16), vectors)
        calls = contenders(network, inputs)
        total = inputs.y.shape[0] * vectors
        for call in calls.values():
            call()
        times: dict[str, list[float]] = {name: [] for name in (*calls, "gemm")}
        for _ in range(options.rounds):
            times["gemm"].append(1 / gemm_rate(options.seconds))
            for name, call in calls.items():
                times[name].append(seconds(call, options.seconds))
        median = {name: statistics.median(values) for name, values in times.items()}
        for name in calls:
            rows.setdefault(name, []).append(f"{total / median[name]:,.0f}")
        bound = 1 / (multiplications(network, vectors) * median["gemm"])
        ratio = statistics.median(
            b / a for a, b in zip(times["compiled"], times["torch"], strict=True)
        )
        for title, text in (
            ("compiled, us a vector", f"{1e6 * median['compiled'] / total:.2f}"),
            ("compiled / torch", f"{ratio:.1f}"),
            ("bound", f"{bound:,.0f}"),
            ("compiled / bound", f"{total / median['compiled'] / bound:.0%}"),
            ("torch / bound", f"{total / median['torch'] / bound:.0%}"),
            ("GEMM, GFLOP/s", f"{2e-9 / median['gemm']:.0f}"),
        ):
            rows.setdefault(title, []).append(text)
    for name, texts in rows.items():
        table.add_row(name, *texts)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
