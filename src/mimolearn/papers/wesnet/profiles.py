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
from mimolearn.training import Loss, Recipe, SnrMix, train
from mimolearn.training.data import draw_block
from mimolearn.training.losses import loss_of
from mimolearn.zoo import load

_NAMES = ("half-exponential", "linear")
_HIDDEN, _NT = 240, 30
_STRONG = "r-wesnet-strong-of-20"


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


@python_panel("control", "weak", "strong", "exact zeros")
def sparsity(run: TableRun) -> Table:
    """Share of weights below 1 % of their layer's root mean square: lambda 0, 0.01 and 1."""
    values = {
        "control": _small_share(load("r-wesnet-30x60-bpsk-control")),
        "weak": _small_share(load("r-wesnet-30x60-bpsk")),
    }
    missing = {}
    path = run.folder / f"{_STRONG}.safetensors"
    if run.effort != "quick" and not path.is_file():
        base = Recipe.shipped("r-wesnet-30x60-bpsk")
        stronger = base.loss.with_(penalty=1.0)
        train(base.with_(name=_STRONG, loss=stronger), out=run.folder)
    if path.is_file():
        strong = load(path)
        values["strong"] = _small_share(strong)
        values["exact zeros"] = _share(strong, 0.0)
    else:
        why = "lambda = 1 has to be trained first, which a quick run does not do"
        missing = {"strong": why, "exact zeros": why}
    rows = tuple((name, f"{100 * value:.2f}") for name, value in values.items())
    note = "Of the small layer that all streams share. Exact zeros are of lambda = 1."
    return Table(("penalty", "% of weights"), rows, values, note, missing)


def _small_share(detector: Any) -> float:
    return _share(detector, 0.01)


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
