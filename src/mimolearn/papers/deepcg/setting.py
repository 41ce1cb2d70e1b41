"""What the figures of the deep-unfolded CG paper share: the paper, and its link."""

from __future__ import annotations

from mimolearn.link.channels import Rayleigh
from mimolearn.link.scenario import Scenario
from mimolearn.papers.experiment import Paper

PAPER = Paper(
    "deep-cg",
    "Early results on deep unfolded conjugate gradient-based large-scale MIMO detection",
    "Ouameur, Massicotte",
    2021,
)

SNR_NOTE = (
    "The paper does not define its SNR; here it is K/sigma^2 at a receive antenna, where zero "
    "forcing is at 4.31 % RMS EVM at 20 dB."
)

SAME_PERCENT = 0.5
"""EVM that the paper itself counts as the same: "within 0.5 %" (section 4.3)."""


def uplink(
    num_users: int,
    constellation: str = "64-qam",
    *,
    channel_reuse: int = 1,
    snr_definition: str = "receive_antenna",
) -> Scenario:
    """K users on 128 antennas, independent fading of unit variance."""
    return Scenario(
        name=f"deepcg-{num_users}x128-{constellation.replace('-', '')}",
        num_tx_ant=num_users,
        num_rx_ant=128,
        constellation=constellation,  # type: ignore[arg-type]  # checked by the model
        channel=Rayleigh(entry_variance="1"),
        channel_reuse=channel_reuse,
        snr_definition=snr_definition,  # type: ignore[arg-type]  # checked by the model
    )
