"""What EVM says of error rates, and what gradients pass the network."""

from __future__ import annotations

import math

import torch
from scipy.special import ndtr

from mimolearn.detectors import DeepCG, make_detector
from mimolearn.papers.deepcg.table1 import LINK
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.papers.verdict import Measured

_SNR_DB = 12.0


@python_panel("evm", "counted", "formula", "ratio")
def error_rate(run: TableRun) -> Table:
    """BER of zero forcing at 12 dB: counted, and 7/12 Q(1 / (EVM sqrt(21))) of 64-QAM."""
    generator = torch.Generator().manual_seed(7)
    detector = make_detector("zf", LINK.points())
    points = detector.constellation
    errors, bits, wrong, energy = [], 0, 0.0, 0.0
    for _ in range(max(1, run.draws // 1024)):
        block = LINK.draw(_SNR_DB, 1024, generator)
        detection = detector(block.y, block.h, block.noise_var)
        transmitted = points.indices_to_bits(block.indices)
        errors.append((detection.bits() != transmitted).sum((1, 2, 3)).double())
        bits += transmitted.numel()
        x = points.map(block.indices)
        wrong += float((detection.x_hat - x).abs().square().sum())
        energy += float(x.abs().square().sum())
    per_channel = torch.cat(errors)
    rate = float(per_channel.sum()) / bits
    spread = float(per_channel.std() / per_channel.mean()) / math.sqrt(len(per_channel))
    evm = math.sqrt(wrong / energy)
    formula = 7 / 12 * float(ndtr(-1 / (evm * math.sqrt(21))))
    ratio = rate / formula
    widened = 1.96 * spread
    values: dict[str, float | Measured] = {
        "evm": 100 * evm,
        "counted": rate,
        "formula": formula,
        "ratio": Measured(ratio, ratio * math.exp(-widened), ratio * math.exp(widened)),
    }
    rows = (
        ("EVM %", f"{100 * evm:.2f}"),
        ("BER, counted", f"{rate:.3e}"),
        ("BER from the EVM", f"{formula:.3e}"),
    )
    return Table(("quantity", "value"), rows, values, f"{len(per_channel)} vectors.")


@python_panel("to the received vector", "to the channel", "finite")
def backward(_: TableRun) -> Table:
    """Norms of gradients of the squared error that come out behind 120 layers."""
    block = LINK.draw(20.0, 8, torch.Generator().manual_seed(8))
    network = DeepCG(LINK.points(), num_layers=120, load=20 / 128)
    y, h = block.y.clone().requires_grad_(), block.h.clone().requires_grad_()
    estimate = network.iterates(network.prepare(h, block.noise_var), y)[-1]
    error = (estimate - network.constellation.map(block.indices)).abs().square().sum()
    parts = torch.autograd.grad(error, (y, h))
    norms = [float(part.abs().square().sum().sqrt()) for part in parts]
    values = {
        "to the received vector": norms[0],
        "to the channel": norms[1],
        "finite": float(all(bool(torch.isfinite(part.abs()).all()) for part in parts)),
    }
    rows = tuple((name, f"{norm:.3g}") for name, norm in zip(values, norms, strict=False))
    return Table(("gradient", "norm"), rows, values)
