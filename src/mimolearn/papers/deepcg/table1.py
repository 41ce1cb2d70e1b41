"""Table 1 and section 3.2: the recursion, its gradients, and where it may start."""

import torch

from mimolearn.detectors.linear.chebyshev import Edges, chebyshev_steps, marchenko_pastur_edges
from mimolearn.papers.deepcg.recursion import (
    Steps,
    average_exact_steps,
    draw_systems,
    printed_gradients,
    run_fixed,
    true_gradients,
)
from mimolearn.papers.deepcg.setting import PAPER, SNR_NOTE, uplink
from mimolearn.papers.experiment import Experiment, Statement, both, contradicted, within
from mimolearn.papers.panels import Table, TablePanel

_SMALL = 5


def _start() -> Table:
    """The first step with p(0) = s(0) = 0, as printed, and with p(0) = A r(0)."""
    system = draw_systems(uplink(20), 20.0, 8, seed=1)
    energy = (system.matrix @ system.right.unsqueeze(-1)).square().sum((-2, -1))
    printed = energy / torch.zeros_like(energy)  # |q(0)|^2 with q(0) = A p(0) = 0
    repaired = average_exact_steps(system, 1).alpha
    values = {
        "printed": float(torch.isfinite(printed).sum()),
        "repaired": float(torch.isfinite(repaired).sum()),
    }
    rows = (
        ("alpha(0) with p(0) = s(0) = 0", "not finite" if values["printed"] == 0 else "finite"),
        ("alpha(0) with p(0) = A r(0)", f"{float(repaired[0]):.3f}"),
    )
    return Table(("start", "value"), rows, values)


def _gradients() -> Table:
    """Relative deviation of eqs 6, 8 and 9 from automatic differentiation, five layers."""
    system = draw_systems(uplink(20), 20.0, 64, seed=2)
    exact = average_exact_steps(system, _SMALL)
    steps = Steps(
        0.5 * exact.alpha,
        0.5 * exact.beta,
        torch.full((_SMALL,), 0.01, dtype=torch.float32).double(),
    )
    printed, true = printed_gradients(system, steps), true_gradients(system, steps)
    rows, values = [], {}
    for name, equation, a, b in zip(Steps._fields, ("6", "8", "9"), printed, true, strict=True):
        deviation = ((a - b).abs() / b.abs()).tolist()
        values[f"{name} last"], values[f"{name} worst"] = deviation[-1], max(deviation[:-1])
        text = ", ".join(f"{value:.1e}" for value in deviation)
        rows.append((f"eq. {equation}, {name}", text))
    columns = ("gradient", "relative deviation, first to last layer")
    return Table(columns, tuple(rows), values, "A factor 2, which eq. 5 drops, is put back.")


def _fixed_steps() -> Table:
    """RMS EVM of fixed steps: the averages of those that CG computes, and Chebyshev's."""
    system = draw_systems(uplink(20), 20.0, 256, seed=3)
    rows, values = [], {}
    for layers in (5, 10, 15):
        average = average_exact_steps(system, layers)
        edges = marchenko_pastur_edges(20 / 128, layers, widen=1.05)
        alpha, beta = chebyshev_steps(Edges(edges.low**2, edges.high**2), layers)
        chebyshev = Steps(alpha, beta, torch.zeros(layers, dtype=torch.float32).double())
        percents = []
        for name, steps in (("average", average), ("chebyshev", chebyshev)):
            error = (run_fixed(system, steps).s - system.x).square().sum()
            percents.append(100 * float((error / system.x.square().sum()).sqrt()))
            values[f"{name} {layers}"] = percents[-1]
        rows.append((str(layers), *(f"{value:.4g}" for value in percents)))
    columns = ("layers", "EVM %, averages of CG's steps", "EVM %, Chebyshev's steps")
    return Table(columns, tuple(rows), values)


EXPERIMENT = Experiment(
    name="deep-cg/table1",
    paper=PAPER,
    title="The recursion of Table 1, the gradients of section 3.2, and the start of training",
    shows="Conjugate gradient in real numbers, closed forms of its gradients, and blind training.",
    panels=(
        TablePanel("start", "The first step", _start),
        TablePanel("gradients", "Printed gradients against automatic differentiation", _gradients),
        TablePanel("steps", "Fixed steps, 20 users, 20 dB", _fixed_steps),
    ),
    statements=(
        Statement(
            "The recursion starts from p(0) = s(0) = 0",
            "Table 1, step 2.3",
            contradicted(
                both(
                    within(lambda f: f.value("start", "printed"), at_most=0, words="finite: "),
                    within(lambda f: f.value("start", "repaired"), at_least=1, words="repaired: "),
                ),
                "That is 0/0. The right start is p(0) = A r(0); step 3.1, q = A p, is missing "
                "from the loop, and the index of q differs between table and text. Repaired, it "
                "is CGNR: conjugate gradient on A^T A.",
            ),
        ),
        *(
            Statement(
                f"Eq. {equation} is the gradient with respect to {name} of every layer",
                "section 3.2",
                contradicted(
                    both(
                        within(
                            lambda f, name=name: f.value("gradients", f"{name} last"),
                            at_most=1e-6,
                            words="deviation in the last layer: ",
                        ),
                        within(
                            lambda f, name=name: f.value("gradients", f"{name} worst"),
                            at_least=0.1,
                            words="worst before it: ",
                        ),
                    ),
                    "It holds for the last layer alone: a step also changes every residual and "
                    "direction after it. Training here uses automatic differentiation.",
                ),
            )
            for name, equation in (("alpha", "6"), ("beta", "8"), ("rho", "9"))
        ),
        Statement(
            "Steps that CG computes in a first pass are a start for training",
            "section 3.2",
            contradicted(
                within(
                    lambda f: f.value("steps", "average 10"),
                    at_least=100,
                    words="EVM % of their averages at 10 layers: ",
                ),
                "Averaged over channels and fixed, they diverge. Chebyshev's steps on the "
                "spectrum do not.",
            ),
        ),
        Statement(
            "Chebyshev's steps come within 0.3 % EVM of zero forcing (4.31 %) in 15 layers",
            "check",
            within(lambda f: f.value("steps", "chebyshev 15"), at_most=4.61),
            of="library",
        ),
    ),
    notes=(SNR_NOTE,),
)
