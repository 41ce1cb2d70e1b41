"""How a quantiser of soft bits, or a network that estimates them, is fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mimolearn.detectors import Detector, make_detector
from mimolearn.foundation.plainmodel import Count, PlainModel, Real
from mimolearn.link.scenario import Scenario
from mimolearn.training.recipe.base import BaseRecipe, Db, PlainValue, SnrMix

LossName = Literal["kl", "weighted-square", "l1", "mse"]


class Descent(PlainModel):
    """How an estimator is trained: Adam, its rate on half a cosine down to nothing.

    Attributes:
        steps: of the optimiser.
        batch: channel uses a step.
        learning_rate: of the first step.
        loss: of LLRs "kl" or "weighted-square" (the paper's first stage), or of features, those of
            a quantiser's encoder, "l1" (the paper's second stage) or "mse".
    """

    steps: Annotated[Count, Field(le=10_000_000)] = 8000
    batch: Annotated[Count, Field(le=1_000_000)] = 256
    learning_rate: Annotated[Real, Field(gt=0, le=1)] = 3e-3
    loss: LossName = "kl"


class SoftBitMeasurement(PlainModel):
    """What the card reports of the finished part.

    Attributes:
        snr_db: SNRs, in dB.
        uses: channel uses at each.
    """

    snr_db: tuple[Db, ...] = ()
    uses: Annotated[Count, Field(le=10**8)] = 20_000


class SoftBitRecipe(BaseRecipe):
    """How a quantiser of soft bits, or a network that estimates them, is fitted.

    Attributes:
        kind: "soft-bits".
        name: of the weights.
        network: the scheme of a quantiser, or the estimating detector.
        options: of a quantiser's fit, or of the detector.
        scenario: the link, in TOML also by its shipped name; its coding plays no part.
        seed: of all draws.
        start_from: weights of the same kind to begin with.
        part: what is fitted, "quantizer" or "estimator".
        teacher, teacher_options: the detector whose LLRs are taken for true, for ``make_detector``.
        snr: SNRs of the samples.
        uses: channel uses that are drawn once, as samples.
        bits: a quantiser's, stored a soft bit.
        target: what a quantiser's LLRs shall be like: the teacher's ("teacher", default), or the
            bits that were sent ("sent"), for a teacher whose LLRs are not calibrated. Of quantisers
            "eq-net" and "max-mi" can aim at sent bits.
        fit: an estimator's descent.
        stage_one: of the estimator "eq-net-published", weights of the quantiser whose features it
            aims at.
        measure: see its table.
    """

    kind: Literal["soft-bits"] = "soft-bits"
    scenario: Scenario
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = 1
    part: Literal["quantizer", "estimator"] = "quantizer"
    teacher: str = "ml"
    teacher_options: dict[str, PlainValue] = Field(default_factory=dict)
    snr: SnrMix
    uses: Annotated[Count, Field(le=10**8)] = 400_000
    bits: Annotated[Real, Field(ge=0, le=16)] = 0.0
    target: Literal["teacher", "sent"] = "teacher"
    fit: Descent = Descent()
    stage_one: str = ""
    measure: SoftBitMeasurement = SoftBitMeasurement()

    def build_teacher(self) -> Detector:
        """The detector whose LLRs are the samples."""
        return make_detector(self.teacher, self.scenario.points(), **self.teacher_options)
