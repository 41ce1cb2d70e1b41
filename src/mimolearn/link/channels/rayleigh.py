"""Independent Rayleigh fading, and DetNet's real Gaussian channel."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from mimolearn.link.channels.base import ChannelModel
from mimolearn.link.randomness import RandomSource, complex_normal, normal


class Rayleigh(ChannelModel):
    """Independent entries h_ij ~ CN(0, entry_variance): rich scattering, no line of sight.

    Attributes:
        model: "rayleigh".
        entry_variance: mean E|h_ij|^2: "1" (default), "1/Nr" or "1/Nt".
    """

    model: Literal["rayleigh"] = "rayleigh"

    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        shape = (num_channels, num_rx_ant, num_tx_ant)
        return complex_normal(shape, generator, dtype, self.entry_var(num_rx_ant, num_tx_ant))


class RealGaussian(ChannelModel):
    """Independent real entries h_ij ~ N(0, entry_variance), as DetNet and WeSNet use.

    The tensor is complex with zero imaginary part, and the noise is circular. Its imaginary part
    carries no information about real symbols. So detectors that use that symbols are real
    (``wl-lmmse``, ``ml``, ``sphere``) work on DetNet's real model exactly.

    Attributes:
        model: "real-gaussian".
        entry_variance: mean E|h_ij|^2: "1" (default), "1/Nr" or "1/Nt".
    """

    is_real: ClassVar[bool] = True

    model: Literal["real-gaussian"] = "real-gaussian"

    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        shape = (num_channels, num_rx_ant, num_tx_ant)
        var = self.entry_var(num_rx_ant, num_tx_ant)
        return normal(shape, generator, dtype.to_real(), var).to(dtype)
