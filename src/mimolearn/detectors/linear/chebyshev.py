"""Chebyshev's steps: fixed steps of the conjugate-gradient recursion that need no training."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor, float64, tensor


class Steps(NamedTuple):
    """Step sizes of x += alpha d, r -= alpha A d, d = r + beta d.

    Attributes:
        alpha: (L) real.
        beta: (L - 1) real.
    """

    alpha: Tensor
    beta: Tensor


class Edges(NamedTuple):
    """The range of the eigenvalues of a system.

    Attributes:
        low: the least eigenvalue.
        high: the largest eigenvalue.
    """

    low: float
    high: float


def chebyshev_steps(edges: Edges, num_layers: int) -> Steps:
    """Return the steps that are best for all spectra within the edges (Golub and Varga 1961).

    With c the centre and h the half-width: alpha_1 = 1/c, beta_1 = (h/c)^2 / 2,
    alpha_{k+1} = 1 / (c - beta_k / alpha_k), beta_{k+1} = (h alpha_{k+1} / 2)^2.
    A step does not depend on the steps after it, so any depth is a prefix of a deeper one.

    Args:
        edges: range of the eigenvalues.
        num_layers: number of steps L.

    >>> chebyshev_steps(Edges(1.0, 1.0), 2)
    Steps(alpha=tensor([1., 1.], dtype=torch.float64), beta=tensor([0.], dtype=torch.float64))
    """
    centre, half = (edges.high + edges.low) / 2, (edges.high - edges.low) / 2
    alpha, beta = [1 / centre], [(half / centre) ** 2 / 2]
    for _ in range(num_layers - 1):
        alpha.append(1 / (centre - beta[-1] / alpha[-1]))
        beta.append((half * alpha[-1] / 2) ** 2)
    steps = alpha, beta[: num_layers - 1]
    return Steps(*(tensor(values, dtype=float64, device="cpu") for values in steps))


def marchenko_pastur_edges(load: float, num_layers: int, widen: float = 1.0) -> Edges:
    """Return (1 -+ sqrt(load))^2, the range for H^H H of independent fading with mean diagonal 1.

    At load 1 the lower edge is 0, which no number of steps resolves. It is kept at the upper edge
    over num_layers^2, the condition number that as many steps resolve.

    Args:
        load: columns of H over rows.
        num_layers: number of steps.
        widen: factor on the upper edge, because a finite matrix exceeds the edges a little.
    """
    high = (1 + math.sqrt(load)) ** 2 * widen
    low = (1 - math.sqrt(load)) ** 2 / widen
    return Edges(max(low if load < 1 else 0.0, high / max(num_layers, 2) ** 2), high)
