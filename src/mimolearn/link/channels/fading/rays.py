"""Clustered delay lines of 3GPP over a resource grid."""

from __future__ import annotations

import functools
import math
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mimolearn.foundation.plainmodel import Real
from mimolearn.link.channels.base import chunk_lengths
from mimolearn.link.channels.cdl import Spacing, sionna_cdl
from mimolearn.link.channels.fading.limits import LIGHT_M_S, check_delays, warn_of_doppler
from mimolearn.link.channels.fading.model import FadingModel
from mimolearn.link.channels.fading.raster import Moments, Raster, mean_products
from mimolearn.link.channels.tr38901 import SpecVersion, sionna_draws_from, sionna_precision
from mimolearn.link.randomness import CounterGenerator, RandomSource, as_torch, uniform

# Rays of 24 clusters at most.
_RAYS = 24 * 20
_MEASURED_SLOTS = 256


class CDLFading(FadingModel):
    """CDL-A to -E of 3GPP over a resource grid: rays of tabulated angles, with Doppler.

    Choose it for antennas and users that are correlated as by geometry. H(t, f) = sum over paths p
    of a_p(t) e^(-j 2 pi f tau_p), with a_p(t) of Sionna (TR 38.901, section 7.7.1). Each user sees
    the base station turned by an angle of its own, evenly distributed over the sector: otherwise
    all users would share all angles. Arrays are uniform, linear and horizontal, of vertically
    polarised omnidirectional elements. Users move in random directions. Delays beyond the cyclic
    prefix are refused, and a Doppler shift above 2 % of the subcarrier spacing is warned of. A slot
    takes milliseconds; ``tdl-process`` takes a tenth of it.

    Attributes:
        model: "cdl-fading".
        entry_variance: mean E|h_ij|^2: "1" (default), "1/Nr" or "1/Nt".
        profile: "A" (default) to "E".
        delay_spread_s: RMS delay spread, s; default 100e-9.
        speed_m_s: speed of the users, m/s; default 3.
        carrier_hz: carrier frequency, Hz; default 3.5e9.
        sector_deg: width of the sector that users are in, degrees; default 120.
        rx_spacing_wavelengths: spacing of the receive antennas; default 0.5.
        tx_spacing_wavelengths: spacing of the transmit antennas of a user; default 0.5.
        spec_version: release of the tables, "16.1" or "19.2" (default).
    """

    one_element = Raster(1, 1, 1.0, 1.0, math.inf)

    model: Literal["cdl-fading"] = "cdl-fading"
    profile: Literal["A", "B", "C", "D", "E"] = "A"
    delay_spread_s: Annotated[Real, Field(ge=0, le=1e-3)] = 100e-9
    speed_m_s: Annotated[Real, Field(ge=0, le=10_000)] = 3.0
    carrier_hz: Annotated[Real, Field(gt=0, le=1e13)] = 3.5e9
    sector_deg: Annotated[Real, Field(ge=0, le=360)] = 120.0
    rx_spacing_wavelengths: Spacing = 0.5
    tx_spacing_wavelengths: Spacing = 0.5
    spec_version: SpecVersion = "19.2"

    def check_grid(
        self, raster: Raster, num_rx_ant: int, num_users: int, layers_per_user: int
    ) -> None:
        """Raise InvalidInputError for delays beyond the cyclic prefix; warn of fast fading.

        Args:
            raster: times and frequencies of the grid.
            num_rx_ant: Nr.
            num_users: U.
            layers_per_user: L; S = U L.
        """
        longest = _longest_delay(self.profile, self.spec_version)
        check_delays(self.profile, self.delay_spread_s, longest, raster)
        warn_of_doppler(self.speed_m_s / LIGHT_M_S * self.carrier_hz, raster)

    def draw_grid(
        self,
        num_slots: int,
        raster: Raster,
        num_rx_ant: int,
        num_users: int,
        layers_per_user: int,
        generator: RandomSource,
    ) -> Tensor:
        source = as_torch(generator)
        num, size = num_slots * num_users, (num_rx_ant, layers_per_user)
        turned = (uniform((num,), source) - 0.5) * math.radians(self.sector_deg)
        chunks = [
            self._draw_users(angles, raster, size, source)
            for angles in turned.split(chunk_lengths(num, _RAYS * raster.num_symbols * size[0]))
        ]
        # (N, U, T, F, Nr, L)
        h = torch.cat(chunks).unflatten(0, (num_slots, num_users)).permute(0, 2, 3, 4, 1, 5)
        scale = math.sqrt(self.entry_var(num_rx_ant, num_users * layers_per_user))
        return h.flatten(-2).mul(scale).contiguous()

    def _draw_users(
        self, angles: Tensor, raster: Raster, size: tuple[int, int], source: torch.Generator
    ) -> Tensor:
        """Channels (n, T, F, Nr, L) of users that see the base station turned by these angles."""
        device = str(source.device)
        orientation = torch.stack([angles, 0 * angles, 0 * angles], -1)
        model = sionna_cdl(
            self.profile,
            self.delay_spread_s,
            size,
            (self.rx_spacing_wavelengths, self.tx_spacing_wavelengths),
            precision=sionna_precision(torch.complex64),
            device=device,
            spec_version=self.spec_version,
            carrier_hz=self.carrier_hz,
            bs_orientation=orientation,
            min_speed=self.speed_m_s,
            max_speed=self.speed_m_s,
        )
        rate = 1 / raster.symbol_duration_s
        with sionna_draws_from(source):
            # (n, 1, Nr, 1, L, P, T) and (n, 1, 1, P)
            paths, delays = model(len(angles), raster.num_symbols, rate)
        hertz = torch.arange(raster.num_subcarriers, dtype=torch.float32, device=device)
        turns = hertz * raster.subcarrier_spacing_hz * delays[:, 0, 0, :, None]
        response = torch.polar(torch.ones_like(turns), -2 * math.pi * turns)
        return torch.einsum("nrlpt,npf->ntfrl", paths[:, 0, :, 0], response)

    def moments(self, raster: Raster) -> Moments:
        """Average the second moments of 256 drawn slots, always the same ones.

        Args:
            raster: times and frequencies of the grid.
        """
        return _measured(self.model_dump_json(), raster)


@functools.lru_cache(maxsize=16)
def _measured(model: str, raster: Raster) -> Moments:
    h: Any = CDLFading.model_validate_json(model).draw_grid(
        _MEASURED_SLOTS, raster, 2, 1, 1, CounterGenerator(0)
    )
    rows = h.to(torch.complex128).numpy()
    in_time = mean_products(np.moveaxis(rows, 1, 0).reshape(raster.num_symbols, -1))
    in_frequency = mean_products(np.moveaxis(rows, 2, 0).reshape(raster.num_subcarriers, -1))
    both = in_time / in_time[0].real, in_frequency / in_frequency[0].real
    return Moments(both[0][None], both[1][None])


@functools.lru_cache(maxsize=16)
def _longest_delay(profile: str, spec_version: str) -> float:
    """The longest delay of a profile over its RMS delay spread."""
    model = sionna_cdl(
        profile,
        1.0,
        (1, 1),
        (0.5, 0.5),
        precision="double",
        device="cpu",
        spec_version=spec_version,
    )
    with sionna_draws_from(torch.Generator().manual_seed(0)):
        _, delays = model(1, num_time_steps=1, sampling_frequency=1.0)
    return float(delays.max())
