"""Tapped delay lines of 3GPP over a resource grid, as a Gaussian process of few numbers."""

from __future__ import annotations

import functools
import math
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mimolearn.foundation.plainmodel import Real
from mimolearn.kernels.link.transmission import correlate, fade
from mimolearn.link.channels.correlation import exponential_root
from mimolearn.link.channels.fading.limits import LIGHT_M_S, check_delays, warn_of_doppler
from mimolearn.link.channels.fading.model import FadingModel
from mimolearn.link.channels.fading.raster import Moments, Raster, low_rank_factor
from mimolearn.link.channels.profiles import power_delay_profile
from mimolearn.link.channels.tr38901 import SpecVersion
from mimolearn.link.randomness import RandomSource, complex_normal

Correlation = Annotated[Real, Field(ge=-1, le=1)]
# TR 38.901, section 7.7.2: the line of sight has this share of the largest Doppler shift.
_LINE_OF_SIGHT_SHIFT = 0.7


class TDLProcess(FadingModel):
    """TDL-A to -E with Doppler over a resource grid: fading in time and frequency.

    Choose it for links over a frame. h(t, f) is Gaussian with the second moments of the delay line,
    J0(2 pi f_d dt) in time and sum over taps P_p e^(-j 2 pi df tau_p) in frequency (TR 38.901,
    section 7.7.2, Jakes' spectrum). It is drawn as L_t G L_f^T from a few independent numbers G;
    the factors lack 1e-7 of the power. Profiles D and E add a line of sight of constant magnitude,
    whose phase is random for each pair of antennas and which has 0.7 of the largest Doppler shift.
    Subcarriers do not disturb each other: delays beyond the cyclic prefix are refused, and a
    Doppler shift above 2 % of the subcarrier spacing is warned of.

    Without a grid (one element) profiles A to C are correlated Rayleigh fading.

    Attributes:
        model: "tdl-process".
        entry_variance: mean E|h_ij|^2: "1" (default), "1/Nr" or "1/Nt".
        profile: "A" (default) to "E".
        delay_spread_s: RMS delay spread, s; default 100e-9.
        speed_m_s: speed of the users, m/s; default 3.
        carrier_hz: carrier frequency, Hz; default 3.5e9.
        rx_correlation: correlation of neighbouring receive antennas; default 0. It does not
            concern the line of sight.
        tx_correlation: the same of the transmit antennas of one user; default 0.
        spec_version: release of the tables, "16.1" or "19.2" (default).

    >>> TDLProcess(speed_m_s=30.0).doppler_hz
    350.242...
    """

    one_element = Raster(1, 1, 0.0, 0.0, math.inf)

    model: Literal["tdl-process"] = "tdl-process"
    profile: Literal["A", "B", "C", "D", "E"] = "A"
    delay_spread_s: Annotated[Real, Field(ge=0, le=1e-3)] = 100e-9
    speed_m_s: Annotated[Real, Field(ge=0, le=10_000)] = 3.0
    carrier_hz: Annotated[Real, Field(gt=0, le=1e13)] = 3.5e9
    rx_correlation: Correlation = 0.0
    tx_correlation: Correlation = 0.0
    spec_version: SpecVersion = "19.2"

    @property
    def doppler_hz(self) -> float:
        """The largest Doppler shift, Hz."""
        return self.speed_m_s / LIGHT_M_S * self.carrier_hz

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
        delays = power_delay_profile(self.profile, self.spec_version).delays
        check_delays(self.profile, self.delay_spread_s, float(delays.max()), raster)
        warn_of_doppler(self.doppler_hz, raster)

    def moments(self, raster: Raster) -> Moments:
        time, frequency, share = _lags(*self._key(), raster)
        if share == 0:
            return Moments(time[None].astype(complex), frequency[None])
        constant = np.full(raster.num_subcarriers, share, complex)
        turning = self._line_of_sight(raster)
        return Moments(np.stack([time.astype(complex), turning]), np.stack([frequency, constant]))

    def draw_grid(
        self,
        num_slots: int,
        raster: Raster,
        num_rx_ant: int,
        num_users: int,
        layers_per_user: int,
        generator: RandomSource,
    ) -> Tensor:
        time, frequency, share = _factors(*self._key(), raster)
        num_tx = num_users * layers_per_user
        var = self.entry_var(num_rx_ant, num_tx)
        shape = (num_slots, time.shape[1], frequency.shape[1], num_rx_ant, num_tx)
        g = complex_normal(shape, generator, var=var)
        if self.rx_correlation or (self.tx_correlation and layers_per_user > 1):
            rx = exponential_root(num_rx_ant, self.rx_correlation)
            one_user = exponential_root(layers_per_user, self.tx_correlation)
            tx = torch.block_diag(*[one_user] * num_users)
            correlate(g.view(-1, num_rx_ant, num_tx), rx, tx)
        h = fade(time, frequency, g)
        if share > 0:
            phase = complex_normal((num_slots, 1, 1, num_rx_ant, num_tx), generator)
            phase = phase / phase.abs().clamp_min(1e-20) * math.sqrt(share * var)
            turns = torch.from_numpy(self._line_of_sight(raster)).to(h)
            h = h + turns[None, :, None, None, None] * phase
        return h

    def _key(self) -> tuple[str, str, float, float]:
        """What the moments depend on."""
        return self.profile, self.spec_version, self.delay_spread_s, self.doppler_hz

    def _line_of_sight(self, raster: Raster) -> np.ndarray:
        """e^(j 2 pi 0.7 f_d t), (T) complex128."""
        seconds = np.arange(raster.num_symbols) * raster.symbol_duration_s
        return np.exp(2j * math.pi * _LINE_OF_SIGHT_SHIFT * self.doppler_hz * seconds)


@functools.lru_cache(maxsize=16)
def _lags(
    profile: str, spec_version: str, delay_spread_s: float, doppler_hz: float, raster: Raster
) -> tuple[np.ndarray, np.ndarray, float]:
    """Moments of the scattered part, time (T) and frequency (F), and the line of sight's power."""
    from scipy.special import j0

    delays, powers, share = (part.numpy() for part in power_delay_profile(profile, spec_version))
    scattered = powers.copy()
    scattered[0] -= share
    seconds = np.arange(raster.num_symbols) * raster.symbol_duration_s
    hertz = np.arange(raster.num_subcarriers) * raster.subcarrier_spacing_hz
    turns = hertz[:, None] * (delays * delay_spread_s)[None, :]
    frequency = (scattered * np.exp(-2j * math.pi * turns)).sum(1)
    return j0(2 * math.pi * doppler_hz * seconds), frequency, float(share)


@functools.lru_cache(maxsize=16)
def _factors(
    profile: str, spec_version: str, delay_spread_s: float, doppler_hz: float, raster: Raster
) -> tuple[np.ndarray, np.ndarray, float]:
    """Factors of time (T, A) and frequency (F, B), and the power of the line of sight."""
    time, frequency, share = _lags(profile, spec_version, delay_spread_s, doppler_hz, raster)
    return np.real(low_rank_factor(time.astype(complex))), low_rank_factor(frequency), share
