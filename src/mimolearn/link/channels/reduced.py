"""Reduced draws: the triangle R of H = Q R in place of the channel H.

Q^H y = R x + Q^H n, and Q^H n has the distribution of n. Further, R^H R = H^H H and
R^H (Q^H y) = H^H y. So a detector that uses only these two gives the same result for (R, Q^H y) as
for (H, y). For independent Gaussian entries the distribution of R is known (Bartlett 1933; complex:
Goodman 1963). It takes Nt (Nt + 1) / 2 random numbers instead of Nr Nt.
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
    """Whether ``draw_reduced`` can replace the channel: independent Gaussian entries, Nr >= Nt.

    The receiver must know the channel without errors: an error of H has another distribution than
    one of R.
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
    """Draw upper triangular R with the distribution of R in H = Q R.

    Above the diagonal R_ij ~ CN(0, g), and on it R_ii^2 ~ g Gamma(Nr - i, 1), i from 0,
    g = E|h_ij|^2. Real channels have N(0, g) and g Gamma((Nr - i) / 2, 2). A ``CounterGenerator``
    draws in single precision, whatever the dtype.

    Args:
        channel: ``Rayleigh`` or ``RealGaussian``.
        num_channels: N.
        num_rx_ant: Nr, of H.
        num_tx_ant: Nt.
        generator: the only source of randomness.
        dtype: complex64 (default) or complex128.

    Returns:
        (N, Nt, Nt) complex.

    Raises:
        InvalidInputError: if ``is_reducible`` is false.
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
    """Parameters of the distribution of a triangle; see ``draw_reduced``.

    Attributes:
        shapes: (Nt) float32; shapes of the gamma variates on the diagonal.
        above: standard deviation of the real numbers above the diagonal.
        scale: factor of all entries, and of the square roots of the gamma variates.
    """

    shapes: np.ndarray
    above: float
    scale: float

    @classmethod
    def of(cls, num_rx_ant: int, num_tx_ant: int, is_real: bool, variance: float) -> TriangleLaw:
        """Compute the parameters; variance: E|h_ij|^2."""
        rows = np.arange(num_rx_ant, num_rx_ant - num_tx_ant, -1, dtype=np.float32)
        # Real entries have twice the variance of a part of a complex one.
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
    # torch cannot draw gamma variates from a given generator, so it draws a seed for NumPy's.
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
