"""What the figures of the LcgNet paper share: the paper, scenarios and receivers."""

from __future__ import annotations

from mimolearn.detectors import LcgNetV, QLcgNetV, quantize_lcgnet
from mimolearn.link.channels import Rayleigh
from mimolearn.link.scenario import Scenario
from mimolearn.papers.contenders import Entry, Network
from mimolearn.papers.experiment import Paper
from mimolearn.training import Loss, Recipe, SnrMix, Stage
from mimolearn.training.recipe import PlainValue
from mimolearn.zoo import load

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

FULL_PRECISION = "lcgnet-v-32x64-bpsk"

READ_DB = 0.1
"""What the text calls equal may differ by this much: less cannot be read off a printed curve."""

PRINTED_DB = 0.5
"""How far a level that is printed as a whole number of dB may be from it."""

_STAGE = Stage(steps=600, learning_rate=0.02)

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


def trained_here(
    label: str,
    weights: str,
    scenario: Scenario,
    snr_db: tuple[float, float],
    *,
    num_layers: int = 15,
    network: str = "lcgnet-v",
    start: str = "zeros",
    stage: Stage = _STAGE,
) -> Network:
    """A network of a figure alone, trained in seconds by whoever runs it.

    Args:
        label: what the figure calls it.
        weights: name of its weights.
        scenario: on which it is trained.
        snr_db: SNRs of the training in dB, from and to.
        num_layers: learned layers.
        network: name of the detector.
        start: what the layers start from; "" for the default of the network.
        stage: of the training.
    """

    options: dict[str, PlainValue] = {"num_layers": num_layers}
    if start:
        options["start"] = start

    def recipe() -> Recipe:
        return Recipe(
            name=weights,
            network=network,
            scenario=scenario,
            options=options,
            snr=SnrMix(low_db=snr_db[0], high_db=snr_db[1]),
            loss=Loss(over_noise=True),
            stage=(stage,),
            seed=1,
        )

    return Network(label, weights, recipe)


def quantized(scheme: str, bits: int) -> QLcgNetV:
    """The shipped 32 x 64 BPSK network with its step sizes quantised, without training.

    "uniform" has one table of levels for all, as the paper; "lloyd-max" one for alpha and one for
    beta.
    """
    network = load(FULL_PRECISION)
    assert isinstance(network, LcgNetV)
    return quantize_lcgnet(network, scheme, bits, tables=1 if scheme == "uniform" else 2)


def bpsk_receivers(weights: str) -> tuple[Entry, ...]:
    """The paper's receivers at BPSK, and the three it leaves out: wl-lmmse, wl-cg, exact ML."""
    return ("zf", "lmmse", CG32, "wl-lmmse", "wl-cg", *networks(weights), "sphere")
