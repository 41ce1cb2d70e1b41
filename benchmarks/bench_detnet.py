"""Networks of the WeSNet family beside classical detectors, and a training step beside its peer.

    python benchmarks/bench_detnet.py [--rounds 5] [--batch 500]

Vectors per second on one thread, y and h to decided bits, a fresh 30 x 60 BPSK channel for every
vector, at batches of 1 and 2000. All contenders run in turns and medians of the processor's time
are printed, so that a busy machine disturbs all alike. Weights are untrained: the work is the same.
The peer of the training step has one module a layer and lets autograd differentiate it.
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
from torch import Tensor, nn
from torch.nn import functional

from mimolearn import Scenario, make_detector
from mimolearn.detectors.networks.normal_equations import normal_equations, right_side
from mimolearn.link.scenario import Block
from mimolearn.training import Recipe, SnrMix
from mimolearn.training.data import draw_block, step_generator
from mimolearn.training.losses import loss_of

LINK = Scenario.shipped("detnet-30x60-bpsk")
LOGITS: dict[str, Any] = {"output": "logits", "activation": "gelu", "residual": 0.5}
CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "detnet, 20 layers": ("detnet", LOGITS),
    "wesnet 50 %": ("wesnet", {"width": 0.5, **LOGITS}),
    "wesnet 20 %": ("wesnet", {"width": 0.2, **LOGITS}),
    "detnet, ReLU and soft sign": ("detnet", {}),
    "equi-net": ("equi-net", {}),
    "tap-net": ("tap-net", {}),
    "zf": ("zf", {}),
    "lmmse": ("lmmse", {}),
    "wl-lmmse": ("wl-lmmse", {}),
    "sdr": ("sdr", {}),
    "sphere": ("sphere", {}),
}
BATCHES = (1, 2000)
# Seconds of a call from which on its caches are its own, and a few calls will do.
_SLOW, _FEW = 0.2, 3


class Layer(nn.Module):
    """One layer as it is usually written."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.first = nn.Linear(5 * n, 8 * n)
        self.second = nn.Linear(8 * n, n)
        self.third = nn.Linear(8 * n, 2 * n)

    def forward(self, q: Tensor, gram: Tensor, logits: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.tanh(logits / 2)
        product = torch.bmm(x.unsqueeze(1), gram).squeeze(1)
        u = functional.gelu(self.first(torch.cat([q, product, x, v], -1)))
        return 0.5 * logits + 0.5 * self.second(u), 0.5 * v + 0.5 * self.third(u)


class Peer(nn.Module):
    """DetNet with one module a layer."""

    def __init__(self, n: int, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(n) for _ in range(num_layers))

    def loss(self, q: Tensor, gram: Tensor, sign: Tensor) -> Tensor:
        logits, v = torch.zeros_like(q), torch.zeros(len(q), 2 * q.shape[1])
        total = torch.zeros(())
        for layer in self.layers:
            logits, v = layer(q, gram, logits, v)
            total = total + functional.binary_cross_entropy_with_logits(logits, sign)
        return total / len(self.layers)


def in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of the processor on this thread, by name."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    slow = set()
    for name, call in calls.items():
        call()
        start = time.thread_time()
        call()
        if time.thread_time() - start > _SLOW:
            slow.add(name)
    for _ in range(rounds):
        for name, call in calls.items():
            if name not in slow:
                # What ran before has emptied the caches: the first call is not counted.
                call()
            elif len(times[name]) == _FEW:
                continue
            start = time.thread_time()
            call()
            times[name].append(time.thread_time() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def inference(rounds: int) -> Table:
    block = LINK.draw(10.0, max(BATCHES), torch.Generator().manual_seed(1))
    made = {}
    for label, (name, options) in CONTENDERS.items():
        detector = make_detector(name, "bpsk", **options).eval().requires_grad_(False)
        # As weights are shipped.
        detector.load_state_dict({key: v.half() for key, v in detector.state_dict().items()})
        made[label] = detector
    columns: dict[int, dict[str, float]] = {}
    ready = {label: d.prepare(block.h, block.noise_var) for label, d in made.items()}
    calls = {
        label: (lambda d=d, p=ready[label]: d.detect(p, block.y).bits())
        for label, d in made.items()
    }
    prepared = in_turns(calls, rounds)
    for batch in BATCHES:
        y, h, noise_var = block.y[:batch], block.h[:batch], block.noise_var[:batch]
        calls = {
            label: (lambda d=d, y=y, h=h, v=noise_var: d(y, h, v).bits())
            for label, d in made.items()
        }
        columns[batch] = in_turns(calls, rounds * (20 if batch == 1 else 1))
    names = (
        "us alone",
        "us of 2000",
        "vectors/s",
        "of detnet",
        "prepared: us of 2000",
        "of detnet",
    )
    table = Table("detector", *names)
    full = "detnet, 20 layers"
    for label in made:
        alone, many = columns[1][label], columns[2000][label]
        table.add_row(
            label,
            f"{alone * 1e6:.0f}",
            f"{many / 2000 * 1e6:.1f}",
            f"{2000 / many:,.0f}",
            f"{columns[2000][full] / many:.2f} x",
            f"{prepared[label] / 2000 * 1e6:.1f}",
            f"{prepared[full] / prepared[label]:.2f} x",
        )
    return table


def training(batch: int, rounds: int) -> Table:
    """Gradient and update of one step, from drawn channels on."""
    fields: dict[str, Any] = {
        "network": "detnet",
        "scenario": LINK,
        "options": LOGITS,
        "loss": {"name": "level-entropy", "layers": "equal"},
        "stage": [{"steps": 1}],
    }
    recipe = Recipe(name="step", **fields)
    block = draw_block(LINK, SnrMix(low_db=8.0, high_db=14.0), batch, 1, step_generator(1, "b", 0))
    peer = Peer(30, 20)
    peer_adam = torch.optim.Adam(peer.parameters(), lr=1e-3)
    calls: dict[str, Callable[[], object]] = {
        "one module a layer": lambda: _peer_step(peer, peer_adam, block)
    }
    for precision in ("float32", "bfloat16"):
        network = recipe.build().train()
        network.training_dtype = torch.bfloat16 if precision == "bfloat16" else None
        adam = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
        calls[f"mimolearn, {precision}"] = lambda n=network, a=adam: _step(recipe, n, a, block)
    found = in_turns(calls, rounds)
    table = Table(f"training step, 20 layers, batch {batch}", "ms", "of the peer")
    for label, seconds in found.items():
        ratio = found["one module a layer"] / seconds
        table.add_row(label, f"{seconds * 1e3:.1f}", f"{ratio:.2f} x")
    return table


def _step(recipe: Recipe, network: Any, adam: torch.optim.Adam, block: Block) -> None:
    adam.zero_grad()
    loss_of(recipe.loss, network, block, None).backward()
    adam.step()


def _peer_step(peer: Peer, adam: torch.optim.Adam, block: Block) -> None:
    constellation = make_detector("zf", "bpsk").constellation
    equations = normal_equations(constellation, block.h, block.noise_var)
    q = right_side(constellation, equations, block.y).squeeze(-2)
    sign = (constellation.map(block.indices).real.squeeze(-2) + 1) / 2
    adam.zero_grad()
    peer.loss(q, equations.matrix, sign).backward()
    adam.step()


def main() -> None:
    parser = argparse.ArgumentParser(description="DetNet and its family beside others.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=500)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=130)
    with torch.no_grad():
        console.print(inference(arguments.rounds))
    console.print(training(arguments.batch, arguments.rounds))


if __name__ == "__main__":
    main()
