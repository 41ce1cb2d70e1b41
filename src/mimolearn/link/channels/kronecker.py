"""Rayleigh fading with antennas correlated at both ends."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from mimolearn.foundation.plainmodel import Real
from mimolearn.kernels.link.transmission import correlate
from mimolearn.link.channels.base import ChannelModel
from mimolearn.link.channels.correlation import exponential_root
from mimolearn.link.randomness import CounterGenerator, RandomSource, complex_normal

Correlation = Annotated[Real, Field(ge=-1, le=1)]


class Kronecker(ChannelModel):
    """Rayleigh fading with correlated antennas, H = Rr^(1/2) U Rt^(1/2).

    Choose it for antennas that are too close for independent fading.

    The entries of U are independent CN(0, entry_variance). Rr and Rt follow the exponential model,
    r_ij = r^(j-i) and r_ji its conjugate (Wei et al. 2020, eqs 28-29). Their diagonals are 1, so
    E|h_ij|^2 is entry_variance.

    Attributes:
        model: "kronecker".
        entry_variance: mean E|h_ij|^2: "1" (default), "1/Nr" or "1/Nt".
        rx_correlation: |r| or -|r| of neighbouring receive antennas, -1 to 1; default 0.5.
        tx_correlation: the same of transmit antennas; default 0.5.
        rx_phase_rad: phase of r at the receiver, radians; default 0.
        tx_phase_rad: phase of r at the transmitter, radians; default 0.

    >>> model = Kronecker(rx_correlation=0.5, tx_correlation=0.5)
    >>> model.draw(10, 8, 4, torch.Generator().manual_seed(1)).shape
    torch.Size([10, 8, 4])
    """

    model: Literal["kronecker"] = "kronecker"
    rx_correlation: Correlation = 0.5
    tx_correlation: Correlation = 0.5
    rx_phase_rad: Real = 0.0
    tx_phase_rad: Real = 0.0

    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        u = complex_normal((num_channels, num_rx_ant, num_tx_ant), generator, dtype)
        u.mul_(math.sqrt(self.entry_var(num_rx_ant, num_tx_ant)))
        rx = exponential_root(num_rx_ant, self.rx_correlation, self.rx_phase_rad)
        tx = exponential_root(num_tx_ant, self.tx_correlation, self.tx_phase_rad)
        if isinstance(generator, CounterGenerator) and dtype == torch.complex64:
            # The rounding of a BLAS product depends on the processor. A draw must not.
            return correlate(u, rx, tx)
        return rx.to(u) @ u @ tx.to(u)
