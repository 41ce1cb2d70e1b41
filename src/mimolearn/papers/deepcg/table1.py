"""Table 1 and sections 3.2 and 3.3: the recursion, and its gradients as they are printed."""

from __future__ import annotations

import torch

from mimolearn.detectors.linear.chebyshev import marchenko_pastur_edges
from mimolearn.link.scenario import Scenario
from mimolearn.papers.deepcg.recursion import (
    Steps,
    average_exact_steps,
    chebyshev,
    draw_systems,
    exact_steps,
    printed_error_gradients,
    printed_gradients,
    run_fixed,
    run_table_1,
    squared_error,
    true_gradients,
)
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel

LINK = Scenario.shipped("deepcg-20x128-64qam")
LOAD = LINK.num_tx_ant / LINK.num_rx_ant
_SMALL = 5


@python_panel("numerator", "finite as printed", "finite repaired")
def start(_: TableRun) -> Table:
    """The first step with p(0) = s(0) = 0, as printed, and with p(0) = A r(0)."""
    system = draw_systems(LINK, 20.0, 8, seed=1)
    energy = system.times(system.right).square().sum(-1)
    steps = {}
    for name, printed in (("finite as printed", True), ("finite repaired", False)):
        image = run_table_1(system, 0, printed_start=printed).q[0]
        steps[name] = energy / image.square().sum(-1)
    values = {name: float(torch.isfinite(step).sum()) for name, step in steps.items()}
    values["numerator"] = float(energy.min())
    rows = tuple(
        (name, f"{count:.0f} of 8 finite", f"{float(step[0]):.3f}")
        for (name, step), count in zip(steps.items(), values.values(), strict=False)
    )
    return Table(("start", "alpha(0)", "in the first channel"), rows, values)


@python_panel("as printed", "with step 3.1", "zero forcing", "cosine", "spread")
def loop(_: TableRun) -> Table:
    """Table 1 from p(0) = A r(0) with and without q = A p, and what its steps are."""
    system = draw_systems(LINK, 20.0, 256, seed=3)
    trace = run_table_1(system, 12)
    moves = torch.stack(trace.p[:12])
    images = torch.stack([b - a for a, b in zip(trace.r, trace.r[1:], strict=False)])
    cosine = torch.nn.functional.cosine_similarity(moves, images, dim=-1)
    alpha, _beta = exact_steps(draw_systems(LINK, 20.0, 1000, seed=4, one_channel=True), 3)
    values = {
        "as printed": system.evm_percent(run_table_1(system, 6, printed_loop=True).s),
        "with step 3.1": system.evm_percent(trace.s),
        "zero forcing": system.evm_percent(system.linear()),
        "cosine": float(cosine.max()),
        "spread": float((alpha.std(-1) / alpha.mean(-1)).min()),
    }
    names = (
        ("EVM %, 6 iterations, without step 3.1 as printed", "as printed"),
        ("EVM %, 12 iterations, with q = A p", "with step 3.1"),
        ("EVM %, zero forcing", "zero forcing"),
        ("largest cosine between a step of s and that of r", "cosine"),
        ("least deviation of alpha over its mean, symbols of a channel", "spread"),
    )
    rows = tuple((text, f"{values[name]:.4g}") for text, name in names)
    return Table(("quantity", "value"), rows, values)


def _small_steps(rho: float) -> Steps:
    system = draw_systems(LINK, 20.0, 64, seed=2)
    exact = average_exact_steps(system, _SMALL)
    return Steps(0.5 * exact.alpha, 0.5 * exact.beta, torch.full_like(exact.alpha, rho))


@python_panel(
    *(
        f"{name} {which}"
        for name in ("alpha", "beta", "rho", "eq 10")
        for which in ("last", "worst")
    ),
    *("eq 11 last", "eq 11 worst"),
)
def gradients(_: TableRun) -> Table:
    """Relative deviation of eqs 6 to 11 from automatic differentiation, five layers."""
    system = draw_systems(LINK, 20.0, 64, seed=2)
    values: dict[str, float] = {}
    rows = []

    def add(equation: str, name: str, printed: torch.Tensor, true: torch.Tensor) -> None:
        deviation = ((printed - true).abs() / true.abs()).tolist()
        values[f"{name} last"], values[f"{name} worst"] = deviation[-1], max(deviation[:-1])
        rows.append((equation, ", ".join(f"{value:.1e}" for value in deviation)))

    steps = _small_steps(rho=0.01)
    printed, true = printed_gradients(system, steps), true_gradients(system, steps)
    for equation, name, a, b in zip(("6", "8", "9"), Steps._fields, printed, true, strict=True):
        add(f"eq. {equation}, {name}", name, a, b)
    steps = _small_steps(rho=0.0)
    true = true_gradients(system, steps)
    add("eq. 10, alpha without rho", "eq 10", printed_gradients(system, steps).alpha, true.alpha)
    steps = Steps(steps.alpha, torch.zeros_like(steps.beta), steps.rho)
    trace, true = run_fixed(system, steps), true_gradients(system, steps)
    last = system.times(trace.r[-1])
    eq_11 = torch.stack([2 * (last * system.times(r)).sum() for r in trace.r[:-1]])
    ratio = (eq_11 / true.alpha).tolist()
    values["eq 11 last"] = ratio[-1]
    values["eq 11 worst"] = max(abs(-1 - value) for value in ratio[:-1])
    rows.append(("eq. 11 over the gradient", ", ".join(f"{value:.3f}" for value in ratio)))
    columns = ("gradient", "relative deviation, first to last layer")
    return Table(columns, tuple(rows), values, "A factor 2, which eq. 5 drops, is put back.")


@python_panel("A.3 last", "A.3 worst", "A.4", "A.5 least", "A.5 over A.4")
def appendix(_: TableRun) -> Table:
    """The same of eqs A.2 to A.5, gradients of the squared error."""
    system, steps = draw_systems(LINK, 20.0, 64, seed=2), _small_steps(rho=0.0)
    of_alpha, last, of_beta = printed_error_gradients(system, steps)
    true = true_gradients(system, steps, squared_error)
    alpha = ((of_alpha - true.alpha).abs() / true.alpha.abs()).tolist()
    beta = ((of_beta - true.beta).abs() / true.beta.abs()).tolist()
    values = {
        "A.3 last": alpha[-1],
        "A.3 worst": max(alpha[:-1]),
        "A.4": float((last - true.beta[-1]).abs() / true.beta[-1].abs()),
        "A.5 least": min(beta),
        "A.5 over A.4": float(of_beta[-1] / last),
    }
    rows = (
        ("eqs A.2 and A.3, alpha", ", ".join(f"{value:.1e}" for value in alpha)),
        ("eq. A.4, the last beta", f"{values['A.4']:.1e}"),
        ("eq. A.5, beta", ", ".join(f"{value:.1e}" for value in beta)),
        ("eq. A.5 over A.4 at the last beta", f"{values['A.5 over A.4']:.3f}"),
    )
    return Table(("gradient", "relative deviation, first to last layer"), rows, values)


@python_panel("without beta", "beta 1", "beta 2")
def betas(_: TableRun) -> Table:
    """EVM of 15 layers with Chebyshev's betas, with larger ones, and with none."""
    system, steps = draw_systems(LINK, 20.0, 256, seed=3), chebyshev(LOAD, 15)
    edges = marchenko_pastur_edges(LOAD, 15, widen=1.05)
    # What converges fastest at one step size for all layers (Richardson).
    richardson = torch.full_like(steps.alpha, 2 / (edges.low**2 + edges.high**2))
    tried = {
        "without beta": Steps(richardson, 0 * steps.beta, steps.rho),
        "beta 1": steps,
        "beta 2": Steps(steps.alpha, 2 * steps.beta, steps.rho),
    }
    values = {name: system.evm_percent(run_fixed(system, one).s) for name, one in tried.items()}
    rows = tuple((name, f"{value:.4g}") for name, value in values.items())
    return Table(("steps", "EVM %"), rows, values, "beta 1: Chebyshev's; beta 2: twice these.")
