"""Channels drawn as small as theory allows: the triangle of a QR decomposition.

H = Q R, so Q^H y = R x + Q^H n with noise of the same law, and R^H R = H^H H, R^H (Q^H y) = H^H y:
whoever looks at these two alone cannot tell (R, Q^H y) from (H, y). For independent Gaussian
entries R has a known law (Bartlett 1933; complex: Goodman 1963), with Nt (Nt + 1) / 2 numbers in
place of Nr Nt and no product to take.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from mimolearn.foundation.errors import invalid
from mimolearn.kernels.link.transmission import assemble_triangle
from mimolearn.link.channels.base import ChannelModel
from mimolearn.link.channels.rayleigh import Rayleigh, RealGaussian
from mimolearn.link.randomness import CounterGenerator, RandomSource, complex_normal, part_deviation


def is_reducible(channel: ChannelModel, num_rx_ant: int, num_tx_ant: int) -> bool:
    """Whether ``draw_reduced`` can stand for the channel: independent Gaussian entries, Nr >= Nt.

    It cannot where the receiver knows the channel with errors: an error of H is not one of R with
    the same law.
    """
    return isinstance(channel, Rayleigh | RealGaussian) and num_rx_ant >= num_tx_ant


def draw_reduced(
    channel: ChannelModel,
    num_channels: int,
    num_rx_ant: int,
    num_tx_ant: int,
    generator: RandomSource,
    dtype: torch.dtype = torch.complex64,
) -> Tensor:
    """Upper triangular R (N, Nt, Nt) with the law of R in H = Q R, H (N, Nr, Nt) of the model.

    Off the diagonal R_ij ~ CN(0, g); on it R_ii^2 ~ g Gamma(Nr - i, 1), i from 0, g = E|h_ij|^2.
    Real channels: N(0, g) and g Gamma((Nr - i) / 2, 2). From a counter in single precision,
    whatever the dtype. Raises InvalidInputError where ``is_reducible`` says no.
    """
    if not is_reducible(channel, num_rx_ant, num_tx_ant):
        expected = "a channel of independent Gaussian entries with Nr >= Nt"
        raise invalid("channel", f"<{type(channel).__name__}>", expected)
    size = num_channels, num_rx_ant, num_tx_ant
    variance = channel.entry_var(num_rx_ant, num_tx_ant)
    if isinstance(generator, CounterGenerator):
        return _from_counter(*size, channel.is_real, variance, generator).to(dtype)
    upper = _from_torch(*size, channel.is_real, generator, dtype)
    return upper.mul_(math.sqrt(variance))


class TriangleLaw(NamedTuple):
    """The numbers that a triangle is made of; see ``draw_reduced``.

    shapes: (Nt) of the gamma variates on the diagonal. above: the deviation of the real numbers
    above it. scale: what all entries, and the roots of the variates, are multiplied by.
    """

    shapes: np.ndarray
    above: float
    scale: float

    @classmethod
    def of(cls, num_rx_ant: int, num_tx_ant: int, is_real: bool, variance: float) -> TriangleLaw:
        """variance: E|h_ij|^2."""
        rows = np.arange(num_rx_ant, num_rx_ant - num_tx_ant, -1, dtype=np.float32)
        # A complex entry of variance 1 has parts of variance 1/2, a real one Gamma(., 2) beside it.
        parts = 2 if is_real else 1
        return cls(rows / parts, part_deviation(1.0, False), math.sqrt(variance * parts))


def _from_counter(
    num: int, nr: int, nt: int, real: bool, variance: float, generator: CounterGenerator
) -> Tensor:
    law = TriangleLaw.of(nr, nt, real, variance)
    energy = torch.empty(num, nt, dtype=torch.float32)
    generator.fill_gamma(energy, torch.from_numpy(law.shapes))
    above = torch.empty(num, nt * (nt - 1) // 2, 1 if real else 2, dtype=torch.float32)
    generator.fill_normal(above, law.above)
    return assemble_triangle(energy, above, real, law.scale)


def _from_torch(
    num: int, nr: int, nt: int, real: bool, generator: Generator, dtype: torch.dtype
) -> Tensor:
    # torch draws no gamma variates from a generator of its own: numpy's stream starts from one.
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    degrees = np.arange(nr, nr - nt, -1) / (2 if real else 1)
    energy = np.random.Generator(np.random.PCG64(seed)).standard_gamma(
        np.broadcast_to(degrees, (num, nt))
    )
    lengths = np.sqrt(energy * (2 if real else 1))
    diagonal = torch.as_tensor(lengths, dtype=torch.float64, device=generator.device)
    shape = (num, nt, nt)
    if real:
        full = torch.randn(
            shape, generator=generator, dtype=dtype.to_real(), device=generator.device
        ).to(dtype)
    else:
        full = complex_normal(shape, generator, dtype)
    upper = full.triu_(1)
    upper.diagonal(dim1=-2, dim2=-1).copy_(diagonal)
    return upper
