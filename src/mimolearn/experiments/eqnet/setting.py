"""What the figures of the EQ-Net paper share: the paper, the coded links and their receivers."""

from __future__ import annotations

from mimolearn.experiments.experiment import Paper
from mimolearn.experiments.panels import Effort
from mimolearn.scenario import Scenario

PAPER = Paper(
    "eqnet",
    "EQ-Net: joint deep learning-based log-likelihood ratio estimation and quantization",
    "Arvinte, Vishwanath, Tewfik, Dimakis",
    2022,
)

SMALL = Scenario.shipped("eqnet-2x2-64qam-coded")
LARGE = Scenario.shipped("eqnet-4x4-16qam-coded")
REUSED = Scenario(**{**dict(SMALL), "name": "eqnet-2x2-64qam-coded-reuse", "channel_reuse": 6})

# Uses of 54 or 40 to a block: a few thousand blocks a point, more where asked.
VECTORS = Effort(54 * 256, 54 * 8_192, 54 * 65_536)
ERRORS = Effort(30, 200, 400)

SIC = "mmse-sic:order=sorted,label=mmse-sic"
CLIPPED_SIC = "mmse-sic:order=sorted,llr_clip=6.0,label=mmse-sic (clipped)"

AXES = (
    "SNR is 1/sigma^2 per stream with unit fading variance. The paper does not define its axis: "
    "its curves lie where Nt/sigma^2 or a channel that is kept for six uses would put them."
)
MISSING_LMMSE = (
    "The paper leaves LMMSE with the right error variance out: it is half a dB from ML at 2x2 "
    "64-QAM and several dB better than hard-decision cancellation."
)


def quantized(scheme: str, size: str, bits: int, detector: str = "ml") -> str:
    """A detector whose soft bits go through shipped weights of a quantiser."""
    return f"{detector}:quantizer={scheme}-{size}-{bits},label={scheme} {bits}"
