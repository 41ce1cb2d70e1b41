"""Power delay profiles of the tapped delay lines of 3GPP TR 38.901."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from mimolearn.foundation.tensors.made_once import made_once
from mimolearn.link.channels.tr38901 import sionna_tr38901


class PowerDelayProfile(NamedTuple):
    """Taps of a delay line, with total power 1.

    Attributes:
        delays: (P) float64; in units of the RMS delay spread.
        powers: (P) float64; mean power of each tap, the line of sight included.
        line_of_sight: () float64; power of the constant part of the first tap.
    """

    delays: Tensor
    powers: Tensor
    line_of_sight: Tensor


@made_once(maxsize=16)
def power_delay_profile(profile: str, spec_version: str) -> PowerDelayProfile:
    """Read a profile, "A" to "E", from Sionna's tables."""
    tdl = sionna_tr38901().TDL(
        profile,
        delay_spread=1.0,
        carrier_frequency=1e9,
        precision="double",
        device="cpu",
        spec_version=spec_version,
    )
    constant = tdl.mean_power_los if tdl.los else tdl.mean_powers.new_zeros(())
    return PowerDelayProfile(tdl.delays, tdl.mean_powers, constant.reshape(()))
