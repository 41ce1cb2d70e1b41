"""What the figures of the hybrid-beamforming paper share: the paper, channels and contenders."""

from __future__ import annotations

from typing import Any

from mimolearn.beamformers import HybridArray
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.papers.experiment import Paper

PAPER = Paper(
    "mser",
    "Deep-Unfolding Neural-Network Aided Hybrid Beamforming Based on Symbol-Error Probability "
    "Minimization",
    "Shi, Cai, Hu, Champagne, Hanzo",
    2023,
)

CHANNEL_NOTE = (
    "The paper gives neither the number of rays nor their spreads. Two clusters of ten rays, 7.5 "
    "degrees, at its SNR less 8 dB, match its Table I plausibly; that is no identification. Means "
    "over channels have heavy tails: all methods see the same ones."
)

QPSK = BeamScenario.shipped("mser-qpsk")
QAM16 = BeamScenario.shipped("mser-16qam")
GAUSSIAN = BeamScenario.shipped("mser-qpsk-gaussian")

GD = "mser-gd:num_iter=500,label=GD"
SCALAR = "unfolded-mser-qpsk:label=unfolded"
CHEAP = "unfolded-mser-qpsk-cg:label=unfolded-cg"
NEWTON = "unfolded-mser-qpsk-gn:label=unfolded-gn"
MATRIX = "unfolded-mser-qpsk-matrix:label=unfolded-matrix"
CNN = "cnn-mser-qpsk:label=CNN"
CNN_MMSE = "cnn-mmse-qpsk:label=CNN-MMSE"

SNRS = (5.0, 10.0, 15.0, 20.0, 25.0)
QUICK = (5.0, 15.0)


def changed(
    scenario: BeamScenario, array: dict[str, int] | None = None, **fields: Any
) -> BeamScenario:
    """A scenario with other fields, and with other fields of its array."""
    kept: dict[str, Any] = {n: getattr(scenario, n) for n in BeamScenario.model_fields}
    if array is not None:
        fields["array"] = HybridArray(**{**scenario.array.model_dump(), **array})
    kept |= {**fields, "name": ""}
    return BeamScenario(**kept)
