"""Training on one channel: where it starts, and by which gradients it goes."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean

import torch
from torch import Tensor

from mimolearn.papers.deepcg.recursion import (
    Steps,
    System,
    average_exact_steps,
    blind_loss,
    chebyshev,
    draw_systems,
    printed_gradients,
    run_fixed,
    true_gradients,
)
from mimolearn.papers.deepcg.table1 import LINK, LOAD
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.papers.verdict import Measured

_SNR_DB = 20.0
_TRAINING = 100
_DIVERGED_PERCENT = 100.0


def _evm(system: System, steps: Steps) -> float:
    value = system.evm_percent(run_fixed(system, steps).s)
    return value if math.isfinite(value) else math.inf


def _channel(number: int, count: int) -> System:
    """Vectors of one channel."""
    return draw_systems(LINK, _SNR_DB, count, seed=100 + number, one_channel=True)


def _others() -> System:
    """Vectors of many channels, none of them trained on."""
    return draw_systems(LINK, _SNR_DB, 256, seed=9)


@python_panel(
    *(
        f"{what} {layers}"
        for layers in (10, 15)
        for what in ("first pass", "all symbols", "others")
    ),
)
def first_pass(run: TableRun) -> Table:
    """EVM above zero forcing of steps that CG computes in a pass over one channel, then fixed."""
    others = _others()
    rows, values = [], {}
    for layers in (10, 15):
        first, average, elsewhere = [], [], []
        for number in range(run.draws):
            system = _channel(number, 1000)
            forced = system.evm_percent(system.linear())
            of_first = average_exact_steps(system.part(0), layers)
            first.append(_evm(system, of_first) - forced)
            of_all = average_exact_steps(system, layers)
            average.append(min(_evm(system, of_all), 1e9) - forced)
            elsewhere.append(min(_evm(others, of_first), 1e9))
        values[f"first pass {layers}"] = Measured.mean_of(first, "%")
        values[f"all symbols {layers}"] = Measured.exact(min(average), "%")
        values[f"others {layers}"] = Measured.exact(min(elsewhere), "%")
        columns = (fmean(first), min(average), min(elsewhere))
        rows.append((str(layers), *(f"{value:.4g}" for value in columns)))
    columns = (
        "layers",
        "steps of the first symbol, mean on its channel",
        "mean steps of 1000 symbols, least on their channel",
        "steps of the first symbol, least on other channels",
    )
    note = f"EVM % above zero forcing, on other channels as it is; {run.draws} channels."
    return Table(columns, tuple(rows), values, note)


def descend(
    data: System, steps: Steps, gradients: Callable[[System, Steps], Steps], rate: float
) -> list[Steps]:
    """Steps after every symbol of plain gradient descent, until they are not finite.

    Args:
        data: a training symbol a row.
        steps: where it starts.
        gradients: of the loss of one symbol.
        rate: of the descent.
    """
    history = [steps]
    for index in range(len(data.right)):
        slopes = gradients(data.part(index), steps)
        alpha, beta = steps.alpha - rate * slopes.alpha, steps.beta - rate * slopes.beta
        if not (torch.isfinite(alpha).all() and torch.isfinite(beta).all()):
            break
        steps = Steps(alpha, beta, steps.rho)
        history.append(steps)
    return history


@python_panel(
    *("printed diverged", "printed best", "fresh diverged", "exact diverged"),
    *("exact 100", "exact 1000", "exact later"),
)
def descent(run: TableRun) -> Table:
    """Gradient descent, a symbol a step at rate 0.01, by printed and by exact gradients."""
    others, start, rate = _others(), chebyshev(LOAD, 10), 0.01
    last: dict[str, list[float]] = {"printed": [], "fresh": [], "exact": []}
    best, at_100, at_1000 = [], [], []
    for number in range(run.draws):
        fixed = _channel(number, 1000)
        fresh = draw_systems(LINK, _SNR_DB, 1000, seed=500 + number)
        printed = descend(fixed, start, printed_gradients, rate)
        best.append(min(_evm(others, s) for s in printed[: _TRAINING + 1 : 10]))
        exact = descend(fixed, start, true_gradients, rate)
        at_100.append(_evm(fixed, exact[min(_TRAINING, len(exact) - 1)]))
        at_1000.append(_evm(fixed, exact[-1]))
        histories = {
            "printed": printed,
            "fresh": descend(fresh, start, printed_gradients, rate),
            "exact": exact,
        }
        for name, history in histories.items():
            complete = len(history) == 1001
            last[name].append(_evm(others, history[-1]) if complete else math.inf)
    values: dict[str, float | Measured] = {
        f"{name} diverged": fmean(evm > _DIVERGED_PERCENT for evm in evms)
        for name, evms in last.items()
    }
    values["printed best"] = fmean(best)
    values["exact 100"] = Measured.mean_of(at_100, "%")
    values["exact 1000"] = Measured.mean_of(at_1000, "%")
    rise = [b - a for a, b in zip(at_100, at_1000, strict=True)]
    values["exact later"] = Measured.mean_of(rise, "%")
    rows = (
        ("printed, one channel", f"{values['printed diverged']:.0%}", f"{fmean(best):.2f}"),
        ("printed, a channel a symbol", f"{values['fresh diverged']:.0%}", "-"),
        ("exact, one channel", f"{values['exact diverged']:.0%}", f"{fmean(at_100):.2f}"),
    )
    columns = ("gradients", "diverged after at most 1000 symbols", "EVM % within 100 symbols")
    note = f"10 layers from Chebyshev's steps; {run.draws} runs; diverged: EVM above 100 %."
    return Table(columns, rows, values, note)


def _train(
    data: System,
    start: Steps,
    loss: Callable[[System, Steps], Tensor] = blind_loss,
    *,
    rate: float = 1e-3,
    newest: int | None = None,
) -> Steps:
    """Adam with exact gradients, a symbol a step; of the last layers alone if newest says so."""
    alpha, beta = start.alpha.clone().requires_grad_(), start.beta.clone().requires_grad_()
    leaves = alpha, beta
    optimizer = torch.optim.Adam(leaves, lr=rate)
    for index in range(len(data.right)):
        optimizer.zero_grad()
        loss(data.part(index), Steps(alpha, beta, start.rho)).backward()
        if newest is not None:
            for leaf in leaves:
                assert leaf.grad is not None
                leaf.grad[: len(leaf) - newest] = 0
        optimizer.step()
    return Steps(alpha.detach(), beta.detach(), start.rho)


@python_panel(
    *("chebyshev", "first pass", "constant", "spread"),
    *("untrained 10", "all of 10", "last 3 of 10", "share of the last 3"),
)
def starts(run: TableRun) -> Table:
    """EVM above zero forcing on its channel after 100 symbols, by start and by what is trained."""
    above: dict[str, list[float]] = {}
    for number in range(run.draws):
        system = _channel(number, 1000)
        data = System(
            system.matrix, system.right[:_TRAINING], system.x[:_TRAINING], system.noise_var
        )
        forced = system.evm_percent(system.linear())
        flat = torch.full((15,), 0.3, dtype=torch.float64)
        ten = chebyshev(LOAD, 10)
        trained = {
            "chebyshev": _train(data, chebyshev(LOAD, 15)),
            "first pass": _train(data, average_exact_steps(system.part(0), 15)),
            "constant": _train(data, Steps(flat, flat[1:], 0 * flat)),
            "untrained 10": ten,
            "all of 10": _train(data, ten),
            "last 3 of 10": _train(data, ten, newest=3),
        }
        for name, steps in trained.items():
            evm = min(_evm(system, steps), 1e9)
            above.setdefault(name, []).append(evm - forced)
    values: dict[str, float | Measured] = {
        name: Measured.mean_of(each, "%") for name, each in above.items()
    }
    of_starts = zip(*(above[name] for name in ("chebyshev", "first pass", "constant")), strict=True)
    of_ten = zip(*(above[n] for n in ("untrained 10", "all of 10", "last 3 of 10")), strict=True)
    shares = [(none - last) / (none - whole) for none, whole, last in of_ten]
    values["share of the last 3"] = Measured.mean_of(shares)
    values["spread"] = min(max(each) - min(each) for each in of_starts)
    rows = tuple((name, f"{fmean(each):.4g}") for name, each in above.items())
    note = f"Adam at 0.001, exact gradients of the blind loss; {run.draws} channels."
    return Table(("start, 15 layers unless said", "EVM % above zero forcing"), rows, values, note)


@python_panel("loss ratio", "evm ratio", "with rho", "lmmse", "zf", "true residual")
def noise_variance(_: TableRun) -> Table:
    """Eight layers whose rho is learned with eq. 4, and with the true residual b - A s."""
    values: dict[str, float] = {}

    def learned(system: System, loss_of: Callable[[System, Steps], Tensor]) -> tuple[Steps, float]:
        begun = chebyshev(LOAD, 8)
        leaves = Steps(*(value.clone().requires_grad_() for value in begun))
        optimizer = torch.optim.Adam(leaves, lr=0.01)
        first = float(loss_of(system, begun))
        for _step in range(100):
            optimizer.zero_grad()
            (loss_of(system, leaves) / len(system.right)).backward()
            optimizer.step()
        steps = Steps(*(leaf.detach() for leaf in leaves))
        return steps, float(loss_of(system, steps)) / first

    def true_residual(system: System, steps: Steps) -> Tensor:
        return (system.right - system.times(run_fixed(system, steps).s)).square().sum()

    system = draw_systems(LINK, _SNR_DB, 32, seed=5)
    before = _evm(system, chebyshev(LOAD, 8))
    steps, values["loss ratio"] = learned(system, blind_loss)
    values["evm ratio"] = _evm(system, steps) / before
    noisy = draw_systems(LINK, 5.0, 32, seed=6)
    values["with rho"] = _evm(noisy, learned(noisy, blind_loss)[0])
    values["true residual"] = _evm(noisy, learned(noisy, true_residual)[0])
    values["lmmse"] = noisy.evm_percent(noisy.linear(weight=1.0))
    values["zf"] = noisy.evm_percent(noisy.linear())
    names = (
        ("loss of eq. 4 after training over before, 20 dB", "loss ratio"),
        ("EVM after training over before, 20 dB", "evm ratio"),
        ("EVM %, trained with eq. 4, 5 dB", "with rho"),
        ("EVM %, trained with the true residual, 5 dB", "true residual"),
        ("EVM %, LMMSE, 5 dB", "lmmse"),
        ("EVM %, zero forcing, 5 dB", "zf"),
    )
    rows = tuple((text, f"{values[name]:.4g}") for text, name in names)
    return Table(("quantity", "value"), rows, values)
