"""What the figures of the LcgNet paper share: the paper, scenarios and receivers."""

from __future__ import annotations

from mimolearn.channels import Rayleigh
from mimolearn.experiments.contenders import Entry, Network
from mimolearn.experiments.experiment import Paper
from mimolearn.scenario import Scenario

PAPER = Paper(
    "lcgnet",
    "Learned Conjugate Gradient Descent Network for Massive MIMO Detection",
    "Wei, Zhao, Hong, Zhao, Lei",
    2020,
)

LINEAR = (
    "For a given channel LcgNetV is linear in y: a product with a fixed vector is a diagonal "
    "matrix. Its gain over LMMSE at BPSK is that of knowing the symbols to be real, which the "
    "widely linear LMMSE has without training."
)

CG32 = "cg:num_iter=32,label=cg"


def rayleigh(num_tx_ant: int, num_rx_ant: int, constellation: str) -> Scenario:
    """Independent fading of variance 1/Nr, SNR = E||s||^2 / E||n||^2, as the authors' code has."""
    return Scenario(
        name=f"lcgnet-{num_tx_ant}x{num_rx_ant}-{constellation.replace('-', '')}",
        num_tx_ant=num_tx_ant,
        num_rx_ant=num_rx_ant,
        constellation=constellation,  # type: ignore[arg-type]  # checked by the model
        channel=Rayleigh(entry_variance="1/Nr"),
        snr_definition="per_symbol",
    )


def networks(weights: str) -> tuple[Network, Network]:
    """LcgNetS and LcgNetV of a configuration such as "32x64-bpsk"."""
    return (
        Network("lcgnet-s", f"lcgnet-s-{weights}"),
        Network("lcgnet-v", f"lcgnet-v-{weights}"),
    )


def bpsk_receivers(weights: str) -> tuple[Entry, ...]:
    """The paper's receivers at BPSK, and the three it leaves out: wl-lmmse, wl-cg, exact ML."""
    return ("zf", "lmmse", CG32, "wl-lmmse", "wl-cg", *networks(weights), "sphere")
