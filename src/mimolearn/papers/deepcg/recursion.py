"""The paper's recursion on real numbers with free steps, and its printed gradients."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

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
        matrix: (C, 2K, 2K).
        right: (C, 2K) right sides.
        x: (C, 2K) transmitted symbols.
    """

    matrix: Tensor
    right: Tensor
    x: Tensor


def draw_systems(scenario: Scenario, snr_db: float, count: int, seed: int) -> System:
    """Normal equations of independent channels, in float64.

    Args:
        scenario: the link.
        snr_db: in dB.
        count: how many channels.
        seed: of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    block = scenario.draw(snr_db, count, generator, torch.complex128)
    matrix = stack_real_matrix(gram(block.h))
    right = stack_real_vector(matched_filter(block.h, block.y))[:, 0]
    x = stack_real_vector(scenario.points().map(block.indices, torch.complex128))[:, 0]
    scale = matrix.diagonal(dim1=-2, dim2=-1).mean(-1)
    return System(matrix / scale[:, None, None], right / scale[:, None], x)


def run_fixed(system: System, steps: Steps) -> Trace:
    """The recursion of Table 1 with p(0) = A r(0), step 3.1 in its place, and given steps."""
    matrix, right, _ = system
    rho = steps.rho

    def product(vector: Tensor, layer: int) -> Tensor:
        return (matrix @ vector.unsqueeze(-1)).squeeze(-1) + rho[layer] * vector

    s, r, q = torch.zeros_like(right), [right], []
    p = [product(right, 0)]
    for layer in range(len(steps.alpha)):
        q.append(product(p[layer], layer))
        s = s + steps.alpha[layer] * p[layer]
        r.append(r[layer] - steps.alpha[layer] * q[layer])
        if layer < len(steps.beta):
            p.append(product(r[layer + 1], layer) + steps.beta[layer] * p[layer])
    return Trace(s, r, p, q)


def average_exact_steps(system: System, num_layers: int) -> Steps:
    """Mean over channels of the steps that conjugate gradient computes for each."""
    matrix, right, _ = system

    def product(vector: Tensor) -> Tensor:
        return (matrix @ vector.unsqueeze(-1)).squeeze(-1)

    alphas, betas = [], [torch.zeros(0, dtype=right.dtype)]
    r = right
    image = product(r)
    p, energy = image, image.square().sum(-1, keepdim=True)
    for _ in range(num_layers):
        q = product(p)
        alpha = energy / q.square().sum(-1, keepdim=True)
        r = r - alpha * q
        image = product(r)
        following = image.square().sum(-1, keepdim=True)
        beta = following / energy
        p, energy = image + beta * p, following
        alphas.append(alpha.mean())
        betas.append(beta.mean().reshape(1))
    return Steps(
        torch.stack(alphas), torch.cat(betas[:-1]), torch.zeros(num_layers, dtype=torch.float32)
    )


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


def true_gradients(system: System, steps: Steps) -> Steps:
    """The gradients of the loss, by automatic differentiation."""
    leaves = Steps(*(value.detach().clone().requires_grad_() for value in steps))
    return Steps(*torch.autograd.grad(blind_loss(system, leaves), tuple(leaves)))
