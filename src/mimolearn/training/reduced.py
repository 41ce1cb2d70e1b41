"""Training channels drawn as small as theory allows: the triangle of a QR decomposition.

H = Q R, so Q^H y = R x + Q^H n with noise of the same law, and R^H R = H^H H, R^H (Q^H y) = H^H y:
whoever looks at these two alone cannot tell (R, Q^H y) from (H, y). For independent Gaussian
entries R has a known law (Bartlett 1933; complex: Goodman 1963), with Nt (Nt + 1) / 2 numbers in
place of Nr Nt and no product to take.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Generator, Tensor

from mimolearn.channels import Rayleigh, RealGaussian
from mimolearn.errors import invalid
from mimolearn.randomness import complex_normal
from mimolearn.scenario import Scenario


def is_reducible(scenario: Scenario) -> bool:
    """Whether ``draw_reduced`` can stand for the scenario's channel.

    Independent Gaussian entries, Nr >= Nt, and perfect channel knowledge: an error of H is not one
    of R with the same law.
    """
    return (
        isinstance(scenario.channel, Rayleigh | RealGaussian)
        and scenario.num_rx_ant >= scenario.num_tx_ant
        and scenario.csi.error_var == 0
    )


def draw_reduced(
    scenario: Scenario,
    num_channels: int,
    generator: Generator,
    dtype: torch.dtype = torch.complex64,
) -> Tensor:
    """Upper triangular R (N, Nt, Nt) with the law of R in H = Q R, H (N, Nr, Nt) of the scenario.

    Off the diagonal R_ij ~ CN(0, g); on it R_ii^2 ~ g Gamma(Nr - i, 1), i from 0, g = E|h_ij|^2.
    Real channels: N(0, g) and g Gamma((Nr - i) / 2, 2). Raises InvalidInputError where
    ``is_reducible`` says no.
    """
    if not is_reducible(scenario):
        expected = "a channel of independent Gaussian entries, known perfectly, with Nr >= Nt"
        raise invalid("scenario", f"<{scenario.channel.model}>", expected)
    nr, nt = scenario.num_rx_ant, scenario.num_tx_ant
    real = scenario.channel.is_real
    # torch draws no gamma variates from a generator of its own: numpy's stream starts from one.
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    degrees = np.arange(nr, nr - nt, -1) / (2 if real else 1)
    energy = np.random.Generator(np.random.PCG64(seed)).standard_gamma(
        np.broadcast_to(degrees, (num_channels, nt))
    )
    diagonal = torch.as_tensor(np.sqrt(energy * (2 if real else 1)), device=generator.device)
    shape = (num_channels, nt, nt)
    if real:
        full = torch.randn(
            shape, generator=generator, dtype=dtype.to_real(), device=generator.device
        ).to(dtype)
    else:
        full = complex_normal(shape, generator, dtype)
    upper = full.triu_(1)
    upper.diagonal(dim1=-2, dim2=-1).copy_(diagonal)
    return upper.mul_(math.sqrt(scenario.channel.entry_var(nr, nt)))
