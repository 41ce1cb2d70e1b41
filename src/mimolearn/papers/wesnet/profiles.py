"""Profiles and the penalty of sections III and IV: what they do to weights."""

from __future__ import annotations

from typing import Any

import torch

from mimolearn.detectors import make_detector
from mimolearn.detectors.networks.fully_connected.detnet_family import FullyConnected
from mimolearn.detectors.networks.fully_connected.wesnet_cut import profile
from mimolearn.link.scenario import Scenario
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.training import Loss, SnrMix
from mimolearn.training.data import draw_block
from mimolearn.training.losses import loss_of
from mimolearn.zoo import load

_NAMES = ("half-exponential", "linear")
_HIDDEN, _NT = 240, 30


@python_panel(*(f"rises {name}" for name in _NAMES), "weighed at 50 %", "first attenuated", "last")
def profiles(_: TableRun) -> Table:
    """Eqs 23 and 24 over the 240 hidden units of a layer."""
    whole = {name: profile(name, _HIDDEN, _HIDDEN) for name in _NAMES}
    values = {f"rises {name}": float(beta.diff().max()) for name, beta in whole.items()}
    half = profile("half-exponential", _HIDDEN, _HIDDEN // 2)
    values["weighed at 50 %"] = float((half - 1).abs().max())
    values["first attenuated"] = float(whole["half-exponential"][_HIDDEN // 2])
    values["last"] = float(whole["linear"][-1])
    rows = tuple(
        (name, ", ".join(f"{beta[i]:.3g}" for i in (0, 119, 120, 121, 239)))
        for name, beta in whole.items()
    )
    return Table(("profile", "beta of units 1, 120, 121, 122 and 240"), rows, values)


@python_panel(*(f"rises {name}" for name in _NAMES))
def free_profiles(_: TableRun) -> Table:
    """Steps upwards of learned profiles, free as in eq. 31, after five steps of Adam's size 0.001.

    Of a new network of 20 layers, eq. 27, on 256 vectors a step.
    """
    link = Scenario.shipped("detnet-30x60-bpsk")
    mix, loss = SnrMix(low_db=8.0, high_db=14.0), Loss(name="mse-over-zf", layers="log")
    values = {}
    for name in _NAMES:
        options: Any = {"width": 1.0, "profile": name, "num_layers": 20}
        detector = make_detector("wesnet", "bpsk", num_tx_ant=_NT, **options)
        assert isinstance(detector, FullyConnected)
        beta = profile(name, _HIDDEN, _HIDDEN).expand(20, -1).clone()
        for step in range(5):
            leaf = beta.clone().requires_grad_()
            detector.factors = leaf
            block = draw_block(link, mix, 64, 4, torch.Generator().manual_seed(step))
            (slope,) = torch.autograd.grad(loss_of(loss, detector, block, None), leaf)
            beta = beta - 1e-3 * slope.sign()
        values[f"rises {name}"] = float((beta.diff(dim=-1) > 0).double().mean())
    rows = tuple((name, f"{100 * value:.1f}") for name, value in values.items())
    return Table(("start", "% of neighbours where beta rises"), rows, values)


@python_panel("control", "penalised", "exact zeros")
def sparsity(_: TableRun) -> Table:
    """Share of weights below 1 % of their layer's root mean square, lambda 0 and 0.01."""
    control, penalised = load("r-wesnet-30x60-bpsk-control"), load("r-wesnet-30x60-bpsk")
    values = {
        "control": _share(control, 0.01),
        "penalised": _share(penalised, 0.01),
        "exact zeros": _share(penalised, 0.0),
    }
    rows = (
        ("lambda = 0, below 1 %", f"{100 * values['control']:.2f}"),
        ("lambda = 0.01, below 1 %", f"{100 * values['penalised']:.2f}"),
        ("lambda = 0.01, exactly 0", f"{100 * values['exact zeros']:.2f}"),
    )
    note = "Of the small layer that all streams share."
    return Table(("penalty", "% of weights"), rows, values, note)


def _share(detector: Any, limit: float) -> float:
    """Share of the weights at most this part of their layer's root mean square."""
    state = detector.small_state()
    below, total = 0, 0
    for name in ("w1", "w2", "w3"):
        weights = state[name].double()
        scale = weights.square().mean((1, 2), keepdim=True).sqrt()
        below += int((weights.abs() <= limit * scale).sum())
        total += weights.numel()
    return below / total


@python_panel("as printed", "other signs")
def gradient_step(_: TableRun) -> Table:
    """Relative change of ||y - H s||^2 by a small step of eq. 13 from random s, 64 channels."""
    link, generator = Scenario.shipped("detnet-30x60-bpsk"), torch.Generator().manual_seed(1)
    block = link.draw(10.0, 64, generator, torch.complex128)
    h, y = block.h, block.y.mT
    s = torch.randn(64, _NT, 1, dtype=torch.complex128, generator=generator)
    eta = 1e-5
    step = -2 * eta * h.mH @ y + 2 * eta * h.mH @ (h @ s)

    def cost(estimate: torch.Tensor) -> torch.Tensor:
        return (y - h @ estimate).abs().square().sum((-2, -1))

    before = cost(s)
    up = float((cost(s + step) / before - 1).min())
    down = float((cost(s - step) / before - 1).max())
    values = {"as printed": up, "other signs": down}
    rows = tuple((name, f"{value:.2e}") for name, value in values.items())
    return Table(("signs", "relative change"), rows, values, f"eta = {eta:g}.")
