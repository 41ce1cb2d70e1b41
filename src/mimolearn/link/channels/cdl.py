"""Clustered delay lines of 3GPP TR 38.901 between two linear arrays, seen at one subcarrier."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from mimolearn.foundation.plainmodel import Real
from mimolearn.link.channels.base import (
    ChannelModel,
    PowerNormalisation,
    chunk_lengths,
    unit_power_per_draw,
)
from mimolearn.link.channels.tr38901 import (
    SpecVersion,
    sionna_draws_from,
    sionna_precision,
    sionna_tr38901,
)
from mimolearn.link.randomness import RandomSource, as_torch

Spacing = Annotated[Real, Field(gt=0, le=1000)]

# Spacings are in wavelengths and a draw is one instant, so any carrier gives the same channel.
_CARRIER_HZ = 1e9
_RAYS = 20


class CDL(ChannelModel):
    """CDL-A to -E: 3GPP's rays of tabulated angles, so antennas are correlated as geometry has it.

    Choose it for a standard channel that is neither independent nor Kronecker.
    H(f) = sum over paths p of a_p e^(-j 2 pi f tau_p) at f = frequency_offset_hz from the carrier,
    a_p drawn by Sionna (TR 38.901 section 7.7.1: random phases and random coupling of the rays,
    tables of the release spec_version). D and E have a line of sight.
    direction: "uplink", where the receiver is the base station, or "downlink".
    rx_spacing_wavelengths, tx_spacing_wavelengths: of the uniform linear arrays, along the
    horizon, of vertically polarised omnidirectional elements.
    normalise: "mean", E|h_ij|^2 = entry_variance over draws; "per_draw", every channel is scaled
    to have it over its own entries (Arvinte et al. 2021).
    Draws are independent and each is one instant, so a Doppler shift has no part in them.
    Cost: about 30 microseconds a draw and antenna pair; the first draw imports Sionna (seconds).

    >>> CDL(profile="A").draw(3, 4, 2, torch.Generator().manual_seed(1)).shape
    torch.Size([3, 4, 2])
    """

    model: Literal["cdl"] = "cdl"
    profile: Literal["A", "B", "C", "D", "E"] = "A"
    direction: Literal["uplink", "downlink"] = "uplink"
    delay_spread_s: Annotated[Real, Field(ge=0, le=1e-3)] = 30e-9
    frequency_offset_hz: Annotated[Real, Field(ge=-1e9, le=1e9)] = 0.0
    rx_spacing_wavelengths: Spacing = 0.5
    tx_spacing_wavelengths: Spacing = 0.5
    normalise: PowerNormalisation = "mean"
    spec_version: SpecVersion = "19.2"

    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        device, source = str(generator.device), as_torch(generator)
        sionna_cdl = self._sionna_model(num_rx_ant, num_tx_ant, sionna_precision(dtype), device)
        chunks = []
        # 24 clusters at most, each of 20 rays.
        for length in chunk_lengths(num_channels, 24 * _RAYS * num_rx_ant * num_tx_ant):
            with sionna_draws_from(source):
                # (length, 1, Nr, 1, Nt, P, 1) and (length, 1, 1, P)
                paths, delays = sionna_cdl(length, num_time_steps=1, sampling_frequency=1.0)
            turns = delays[:, 0] * (-2 * math.pi * self.frequency_offset_hz)
            response = torch.polar(torch.ones_like(turns), turns)
            chunks.append(torch.einsum("crtp,cop->crt", paths[:, 0, :, 0, :, :, 0], response))
        h = torch.cat(chunks)
        if self.normalise == "per_draw":
            h = unit_power_per_draw(h)
        return h.mul_(math.sqrt(self.entry_var(num_rx_ant, num_tx_ant)))

    def _sionna_model(
        self, num_rx_ant: int, num_tx_ant: int, precision: str, device: str
    ) -> Callable[..., tuple[Tensor, Tensor]]:
        tr38901 = sionna_tr38901()

        def array(num_ant: int, spacing: float) -> object:
            return tr38901.PanelArray(
                num_rows_per_panel=1,
                num_cols_per_panel=num_ant,
                polarization="single",
                polarization_type="V",
                antenna_pattern="omni",
                carrier_frequency=_CARRIER_HZ,
                element_horizontal_spacing=spacing,
                precision=precision,
                device=device,
            )

        rx = array(num_rx_ant, self.rx_spacing_wavelengths)
        tx = array(num_tx_ant, self.tx_spacing_wavelengths)
        base_station, terminal = (rx, tx) if self.direction == "uplink" else (tx, rx)
        return tr38901.CDL(
            self.profile,
            self.delay_spread_s,
            _CARRIER_HZ,
            ut_array=terminal,
            bs_array=base_station,
            direction=self.direction,
            precision=precision,
            device=device,
            spec_version=self.spec_version,
        )
