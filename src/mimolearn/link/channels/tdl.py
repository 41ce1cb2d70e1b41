"""Tapped delay lines of 3GPP TR 38.901, at one subcarrier."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from mimolearn.foundation.plainmodel import Count, Real
from mimolearn.link.channels.base import ChannelModel, chunk_lengths
from mimolearn.link.channels.correlation import exponential_correlation
from mimolearn.link.channels.profiles import power_delay_profile
from mimolearn.link.channels.tr38901 import SpecVersion
from mimolearn.link.randomness import RandomSource, uniform

# |r| = 1 would make the correlation matrix singular, and it would have no Cholesky factor.
Correlation = Annotated[Real, Field(ge=-0.999, le=0.999)]


class TDL(ChannelModel):
    """TDL-A, -B or -C: Rayleigh taps of a tabulated power delay profile, correlated antennas.

    Choose it to compare with publications that use it. Otherwise ``kronecker`` is cheaper: one
    subcarrier has the same statistics, except that E|h_ij|^4 is lower here by the share
    sum(P_p^2) / (2 num_sinusoids), and each entry takes P num_sinusoids random numbers (P = 23 or
    24). The profile sets the correlation between subcarriers.

    H(f) = Lr [sum over taps p of sqrt(P_p) e^(-j 2 pi f tau_p) G_p] Lt^H (TR 38.901, section 7.7.2;
    the tables are Sionna's). tau_p is a tabulated delay times delay_spread_s. The entries of G_p
    are independent, each a sum of num_sinusoids waves of random phases (Xiao, Zheng and Beaulieu
    2006). Lr Lr^H and Lt Lt^H are the correlations of ``kronecker``. The defaults are those of Wei
    et al. 2020, Table II. Draws are independent. Each is one instant, so there is no Doppler shift.

    Attributes:
        model: "tdl".
        entry_variance: mean E|h_ij|^2: "1" (default), "1/Nr" or "1/Nt".
        profile: "A" (default), "B" or "C".
        delay_spread_s: RMS delay spread, s; default 30e-9.
        frequency_offset_hz: f, Hz from the carrier; default 0.
        num_sinusoids: waves of each entry and tap; default 48.
        rx_correlation: correlation of neighbouring receive antennas, below 1; default 0.5.
        tx_correlation: the same of transmit antennas; default 0.5.
        spec_version: release of the tables, "16.1" or "19.2" (default).

    >>> TDL(profile="A").draw(3, 4, 2, torch.Generator().manual_seed(1)).shape
    torch.Size([3, 4, 2])
    """

    model: Literal["tdl"] = "tdl"
    profile: Literal["A", "B", "C"] = "A"
    delay_spread_s: Annotated[Real, Field(ge=0, le=1e-3)] = 30e-9
    frequency_offset_hz: Annotated[Real, Field(ge=-1e9, le=1e9)] = 0.0
    num_sinusoids: Annotated[Count, Field(le=10_000)] = 48
    rx_correlation: Correlation = 0.5
    tx_correlation: Correlation = 0.5
    spec_version: SpecVersion = "19.2"

    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        delays, powers, _ = power_delay_profile(self.profile, self.spec_version)
        turns = -2 * math.pi * self.frequency_offset_hz * self.delay_spread_s * delays
        response = torch.polar((powers / self.num_sinusoids).sqrt(), turns)
        response = response.to(generator.device, dtype)
        shape = (num_rx_ant, num_tx_ant, len(delays), self.num_sinusoids)
        chunks = [
            _waves((length, *shape), generator, dtype) @ response
            for length in chunk_lengths(num_channels, math.prod(shape))
        ]
        rx = exponential_correlation(num_rx_ant, self.rx_correlation)
        tx = exponential_correlation(num_tx_ant, self.tx_correlation)
        scale = math.sqrt(self.entry_var(num_rx_ant, num_tx_ant))
        h = torch.cat(chunks).mul_(scale)
        return torch.linalg.cholesky(rx).to(h) @ h @ torch.linalg.cholesky(tx).mH.to(h)


def _waves(shape: tuple[int, ...], generator: RandomSource, dtype: torch.dtype) -> Tensor:
    """Draw (..., num_sinusoids) unit waves of random phases and sum them over the last axis."""
    phase = uniform(shape, generator, dtype.to_real())
    phase = phase.mul_(2 * math.pi).sub_(math.pi)
    return torch.complex(phase.cos().sum(-1), phase.sin().sum(-1))
