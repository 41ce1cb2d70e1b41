"""The paper's recursion on real numbers with free steps, and its printed gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.detectors.unfolded.deep_cg import squared_chebyshev_steps
from mimolearn.foundation.tensors.linalg import (
    gram,
    matched_filter,
    stack_real_matrix,
    stack_real_vector,
)
from mimolearn.link.scenario import Scenario


class Steps(NamedTuple):
    """Step sizes of L layers.

    Attributes:
        alpha: (L) of the estimate.
        beta: (L - 1) of the direction.
        rho: (L) of the residual.
    """

    alpha: Tensor
    beta: Tensor
    rho: Tensor


class Trace(NamedTuple):
    """What the recursion went through.

    Attributes:
        s: (*C, 2K) the estimate.
        r: residuals 0..L, (*C, 2K) each.
        p: directions 0..L-1, (*C, 2K) each.
        q: their images, (*C, 2K) each.
    """

    s: Tensor
    r: list[Tensor]
    p: list[Tensor]
    q: list[Tensor]


class System(NamedTuple):
    """Normal equations over the mean diagonal of their matrix.

    Attributes:
        matrix: (C, 2K, 2K), or (1, 2K, 2K) where all vectors are of one channel.
        right: (C, 2K) right sides.
        x: (C, 2K) transmitted symbols.
        noise_var: (C or 1) noise variance over the same diagonal.
    """

    matrix: Tensor
    right: Tensor
    x: Tensor
    noise_var: Tensor

    def times(self, vector: Tensor) -> Tensor:
        """The matrix times (C, 2K)."""
        return (self.matrix @ vector.unsqueeze(-1)).squeeze(-1)

    def part(self, index: int) -> System:
        """One vector with its channel."""
        kept = slice(index, index + 1)
        shared = len(self.matrix) == 1
        matrix = self.matrix if shared else self.matrix[kept]
        noise_var = self.noise_var if shared else self.noise_var[kept]
        return System(matrix, self.right[kept], self.x[kept], noise_var)

    def evm_percent(self, s: Tensor) -> float:
        """RMS error of estimates (C, 2K) in per cent of the symbols."""
        return 100 * float(((s - self.x).square().sum() / self.x.square().sum()).sqrt())

    def linear(self, weight: float = 0.0) -> Tensor:
        """Zero forcing, or with weight 1 the LMMSE estimate, whose symbols have unit energy."""
        loaded = self.matrix + weight * self.noise_var[:, None, None] * torch.eye(
            self.matrix.shape[-1], dtype=self.matrix.dtype
        )
        return torch.linalg.solve(loaded, self.right.unsqueeze(-1)).squeeze(-1)


def draw_systems(
    scenario: Scenario, snr_db: float, count: int, seed: int, *, one_channel: bool = False
) -> System:
    """Normal equations of independent channels, or of one, in float64.

    Args:
        scenario: the link.
        snr_db: in dB.
        count: how many vectors.
        seed: of the draws.
        one_channel: all vectors are of the same channel.
    """
    generator = torch.Generator().manual_seed(seed)
    if one_channel:
        scenario = scenario.model_copy(update={"channel_reuse": count})
    block = scenario.draw(snr_db, 1 if one_channel else count, generator, torch.complex128)
    matrix = stack_real_matrix(gram(block.h))
    right = stack_real_vector(matched_filter(block.h, block.y)).flatten(0, 1)
    x = stack_real_vector(scenario.points().map(block.indices, torch.complex128)).flatten(0, 1)
    scale = matrix.diagonal(dim1=-2, dim2=-1).mean(-1)
    noise_var = block.noise_var.to(scale) / scale
    return System(matrix / scale[:, None, None], right / scale[:, None], x, noise_var)


def run_fixed(system: System, steps: Steps) -> Trace:
    """The recursion of Table 1 with p(0) = A r(0), step 3.1 in its place, and given steps."""
    right, rho = system.right, steps.rho

    def product(vector: Tensor, layer: int) -> Tensor:
        return system.times(vector) + rho[layer] * vector

    s, r, q = torch.zeros_like(right), [right], []
    p = [product(right, 0)]
    for layer in range(len(steps.alpha)):
        q.append(product(p[layer], layer))
        s = s + steps.alpha[layer] * p[layer]
        r.append(r[layer] - steps.alpha[layer] * q[layer])
        if layer < len(steps.beta):
            p.append(product(r[layer + 1], layer) + steps.beta[layer] * p[layer])
    return Trace(s, r, p, q)


def exact_steps(system: System, num_layers: int) -> tuple[Tensor, Tensor]:
    """Alpha and beta that conjugate gradient computes, (L, C) each."""
    alphas, betas = [], []
    r = system.right
    image = system.times(r)
    p, energy = image, image.square().sum(-1, keepdim=True)
    for _ in range(num_layers):
        q = system.times(p)
        alpha = energy / q.square().sum(-1, keepdim=True)
        r = r - alpha * q
        image = system.times(r)
        following = image.square().sum(-1, keepdim=True)
        beta = following / energy
        p, energy = image + beta * p, following
        alphas.append(alpha[:, 0])
        betas.append(beta[:, 0])
    return torch.stack(alphas), torch.stack(betas)


def average_exact_steps(system: System, num_layers: int) -> Steps:
    """Mean over vectors of the steps that conjugate gradient computes for each."""
    alpha, beta = (values.mean(-1) for values in exact_steps(system, num_layers))
    return Steps(alpha, beta[:-1], torch.zeros_like(alpha))


def chebyshev(load: float, num_layers: int) -> Steps:
    """Steps for the squared Marchenko-Pastur spectrum, from which training starts here."""
    alpha, beta = squared_chebyshev_steps(load, num_layers)
    return Steps(alpha, beta, torch.zeros_like(alpha))


def run_table_1(
    system: System, num_layers: int, *, printed_start: bool = False, printed_loop: bool = False
) -> Trace:
    """Table 1 with the steps that it computes; without corrections where they are said not to be.

    Args:
        system: what is solved.
        num_layers: iterations.
        printed_start: p(0) = s(0) = 0, in place of p(0) = A r(0).
        printed_loop: q stays q(0), in place of q = A p, which is missing as step 3.1.
    """
    s, r = torch.zeros_like(system.right), [system.right]
    image = system.times(r[0])
    p = [s if printed_start else image]
    q, energy = [system.times(p[0])], image.square().sum(-1, keepdim=True)
    for layer in range(num_layers):
        alpha = energy / q[layer].square().sum(-1, keepdim=True)
        s = s + alpha * p[layer]
        r.append(r[layer] - alpha * q[layer])
        image = system.times(r[-1])
        following = image.square().sum(-1, keepdim=True)
        p.append(image + following / energy * p[layer])
        q.append(q[0] if printed_loop else system.times(p[-1]))
        energy = following
    return Trace(s, r, p, q)


def blind_loss(system: System, steps: Steps) -> Tensor:
    """Eq. 4, summed over channels."""
    return run_fixed(system, steps).r[-1].square().sum()


def printed_gradients(system: System, steps: Steps) -> Steps:
    """Eqs 6, 8 and 9 as printed, times the factor 2 that eq. 5 drops, summed over channels."""
    trace, (alpha, beta, _) = run_fixed(system, steps), steps
    last = trace.r[-1]

    def inner(vector: Tensor) -> Tensor:
        return 2 * (last * vector).sum()

    of_alpha = [-inner(q) for q in trace.q]
    # beta(l), l = 1..L-1, multiplies p(l-1); the product runs over the later betas.
    of_beta = [
        -alpha[-1] * inner(trace.q[layer]) * beta[layer + 1 :].prod() for layer in range(len(beta))
    ]
    of_rho = [-a * inner(p) for a, p in zip(alpha, trace.p, strict=True)]
    return Steps(torch.stack(of_alpha), torch.stack(of_beta), torch.stack(of_rho))


def squared_error(system: System, steps: Steps) -> Tensor:
    """Eq. A.1, summed over channels."""
    return (run_fixed(system, steps).s - system.x).square().sum()


def printed_error_gradients(system: System, steps: Steps) -> tuple[Tensor, Tensor, Tensor]:
    """Eqs A.2 and A.3 for every alpha, A.4 for the last beta, A.5 for every beta."""
    trace, (alpha, beta, _) = run_fixed(system, steps), steps
    error = trace.s - system.x

    def inner(vector: Tensor) -> Tensor:
        return 2 * (error * vector).sum()

    of_alpha = torch.stack([inner(p) for p in trace.p])
    last = alpha[-1] * inner(trace.p[len(beta) - 1])
    of_beta = torch.stack(
        [
            -alpha[-1] * inner(trace.p[layer]) * beta[layer + 1 :].prod()
            for layer in range(len(beta))
        ]
    )
    return of_alpha, last, of_beta


def true_gradients(
    system: System, steps: Steps, loss: Callable[[System, Steps], Tensor] = blind_loss
) -> Steps:
    """The gradients of a loss, by automatic differentiation."""
    leaves = Steps(*(value.detach().clone().requires_grad_() for value in steps))
    parts = torch.autograd.grad(loss(system, leaves), tuple(leaves), allow_unused=True)
    filled = (torch.zeros_like(v) if g is None else g for v, g in zip(steps, parts, strict=True))
    return Steps(*filled)
