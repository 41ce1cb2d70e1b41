"""What cannot be simulated subcarrier by subcarrier."""

from __future__ import annotations

import warnings

from mimolearn.foundation.errors import invalid
from mimolearn.link.channels.fading.raster import Raster

LIGHT_M_S = 299_792_458.0
# Above this share of the subcarrier spacing, subcarriers disturb each other noticeably.
_MOST_DOPPLER = 0.02


def check_delays(profile: str, delay_spread_s: float, longest: float, raster: Raster) -> None:
    """Refuse delays beyond the cyclic prefix; longest: delay over the delay spread."""
    prefix = raster.cyclic_prefix_s
    if longest * delay_spread_s > prefix:
        expected = (
            f"at most {prefix / longest:.3g}: the longest delay of profile {profile} is "
            f"{longest:.3g} times as long, and the cyclic prefix lasts {prefix:.3g} s"
        )
        raise invalid("channel.delay_spread_s", delay_spread_s, expected)


def warn_of_doppler(doppler_hz: float, raster: Raster) -> None:
    """Warn of Doppler shifts that simulated subcarriers would have to feel."""
    share = doppler_hz / raster.subcarrier_spacing_hz
    if share > _MOST_DOPPLER:
        text = (
            f"channel.speed_m_s: the Doppler shift of {doppler_hz:.0f} Hz is {100 * share:.1f} % "
            "of the subcarrier spacing; above 2 % subcarriers disturb each other, which is not "
            "simulated"
        )
        warnings.warn(text, stacklevel=3)
