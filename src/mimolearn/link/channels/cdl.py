"""Clustered delay lines of 3GPP TR 38.901 between two linear arrays, at one subcarrier."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from mimolearn.foundation.errors import invalid
from mimolearn.foundation.plainmodel import Real
from mimolearn.link.channels.base import (
    ChannelModel,
    PowerNormalisation,
    chunk_lengths,
    unit_power_per_draw,
)
from mimolearn.link.channels.fading.raster import Raster
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
    """CDL-A to -E of 3GPP: rays of tabulated angles, which correlate the antennas.

    Choose it for a standard channel that is neither independent nor Kronecker.

    H(f) = sum over paths p of a_p e^(-j 2 pi f tau_p). Sionna draws a_p by TR 38.901, section
    7.7.1: random phases and random coupling of the rays. D and E have a line of sight. Draws are
    independent. Each is one instant, so there is no Doppler shift. The arrays are uniform, linear
    and horizontal, of vertically polarised omnidirectional elements.
    A draw takes about 30 microseconds for each pair of antennas. The first draw imports Sionna,
    which takes seconds.

    Attributes:
        model: "cdl".
        entry_variance: mean E|h_ij|^2: "1" (default), "1/Nr" or "1/Nt".
        profile: "A" (default) to "E".
        direction: "uplink" (default), where the receiver is the base station, or "downlink".
        delay_spread_s: RMS delay spread, s; default 30e-9.
        frequency_offset_hz: f, Hz from the carrier; default 0.
        rx_spacing_wavelengths: spacing of the receive antennas; default 0.5.
        tx_spacing_wavelengths: spacing of the transmit antennas; default 0.5.
        normalise: "mean" (default) gives entry_variance over draws. "per_draw" scales every
            channel to have it over its entries (Arvinte et al. 2021).
        spec_version: release of the tables, "16.1" or "19.2" (default).

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

    def check_grid(
        self, raster: Raster, num_rx_ant: int, num_users: int, layers_per_user: int
    ) -> None:
        """Refuse every grid: the model knows neither other subcarriers nor other instants."""
        expected = "'cdl-fading', which fades over a frame; 'cdl' is one subcarrier at one instant"
        raise invalid("channel.model", self.model, expected)

    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        device, source = str(generator.device), as_torch(generator)
        model = sionna_cdl(
            self.profile,
            self.delay_spread_s,
            (num_rx_ant, num_tx_ant),
            (self.rx_spacing_wavelengths, self.tx_spacing_wavelengths),
            precision=sionna_precision(dtype),
            device=device,
            spec_version=self.spec_version,
            direction=self.direction,
        )
        chunks = []
        # 24 clusters at most, each of 20 rays.
        for length in chunk_lengths(num_channels, 24 * _RAYS * num_rx_ant * num_tx_ant):
            with sionna_draws_from(source):
                # (length, 1, Nr, 1, Nt, P, 1) and (length, 1, 1, P)
                paths, delays = model(length, num_time_steps=1, sampling_frequency=1.0)
            turns = delays[:, 0] * (-2 * math.pi * self.frequency_offset_hz)
            response = torch.polar(torch.ones_like(turns), turns)
            chunks.append(torch.einsum("crtp,cop->crt", paths[:, 0, :, 0, :, :, 0], response))
        h = torch.cat(chunks)
        if self.normalise == "per_draw":
            h = unit_power_per_draw(h)
        return h.mul_(math.sqrt(self.entry_var(num_rx_ant, num_tx_ant)))


def sionna_cdl(
    profile: str,
    delay_spread_s: float,
    num_ant: tuple[int, int],
    spacing: tuple[float, float],
    *,
    precision: str,
    device: str,
    spec_version: str,
    direction: str = "uplink",
    carrier_hz: float = _CARRIER_HZ,
    **motion: Any,
) -> Any:
    """Make Sionna's CDL between two uniform linear arrays.

    Args:
        profile: "A" to "E".
        delay_spread_s: RMS delay spread, s.
        num_ant: receive and transmit antennas.
        spacing: of both arrays, wavelengths.
        precision: "single" or "double".
        device: of its draws.
        spec_version: release of the tables.
        direction: "uplink" or "downlink".
        carrier_hz: carrier frequency, Hz.
        motion: speeds and orientations, by Sionna's names.
    """
    tr38901 = sionna_tr38901()
    rx, tx = (
        tr38901.PanelArray(
            num_rows_per_panel=1,
            num_cols_per_panel=num,
            polarization="single",
            polarization_type="V",
            antenna_pattern="omni",
            carrier_frequency=carrier_hz,
            element_horizontal_spacing=wavelengths,
            precision=precision,
            device=device,
        )
        for num, wavelengths in zip(num_ant, spacing, strict=True)
    )
    base_station, terminal = (rx, tx) if direction == "uplink" else (tx, rx)
    return tr38901.CDL(
        profile,
        delay_spread_s,
        carrier_hz,
        ut_array=terminal,
        bs_array=base_station,
        direction=direction,
        precision=precision,
        device=device,
        spec_version=spec_version,
        **motion,
    )
