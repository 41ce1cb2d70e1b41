"""The link for which an export is made and checked, by default that of the training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from mimolearn.beamformers import beamformer_names
from mimolearn.detectors import Detector, detector_names
from mimolearn.detectors.text import detector_from_text
from mimolearn.exporting.pairs import ExportError
from mimolearn.foundation.errors import InvalidInputError, check_one_of, check_real
from mimolearn.link.scenario import Scenario
from mimolearn.quantizers import Quantizer
from mimolearn.quantizers.trained import load_quantizer
from mimolearn.weights import Card, is_weights_name, read_card, shipped_beams, shipped_weights

_TEACHER = "lmmse"
# The bit-error rate at which a file is checked: errors are frequent enough to be counted.
_WANTED_RATE = 1e-2


class Subject(NamedTuple):
    """What is exported, and the link that it is checked on.

    Attributes:
        part: the detector or quantiser.
        card: of its weights, or None.
        scenario: the link.
        snr_db: the SNR of the check, dB.
        teacher: name of the detector whose LLRs a quantiser is checked on.
        is_asked: whether the caller gave snr_db.
    """

    part: Detector | Quantizer
    card: Card | None
    scenario: Scenario
    snr_db: float
    teacher: str
    is_asked: bool


def find_subject(
    part: str | Path | Detector | Quantizer, scenario: Scenario | None, snr_db: float | None
) -> Subject:
    """Load the part, and choose the link and SNR of its check.

    Args:
        part: trained weights or a detector, by name or as an object.
        scenario: the link; None for that of the training.
        snr_db: of the check, in dB; None for one of the training.

    Raises:
        InvalidInputError: a part or a scenario that does not exist or fit.
        ExportError: a part that ONNX has no operators for.
    """
    card = None
    if isinstance(part, str | Path):
        name = str(part)
        if name in (*shipped_beams(), *beamformer_names()):
            raise ExportError(
                f"export: {name!r} is a beamformer: it starts from singular vectors and solves "
                "general linear systems, for which ONNX has no operators"
            )
        card = read_card(name) if is_weights_name(name) else None
    recipe: dict[str, Any] = card.recipe if card is not None else {}
    if scenario is None and "scenario" in recipe:
        scenario = Scenario(**recipe["scenario"])
    if scenario is None:
        if isinstance(part, str):
            check_one_of("name", part.split(":")[0], (*shipped_weights(), *detector_names()))
        raise InvalidInputError("scenario: name one: what is exported was trained on none")
    # Errors are counted before decoding, on the antennas as they are.
    scenario = Scenario(**{**scenario.model_dump(), "coding": None, "draws": "full"})
    return Subject(
        _load(part, card, scenario),
        card,
        scenario,
        _snr_db(card, scenario) if snr_db is None else check_real("snr_db", snr_db),
        str(recipe.get("teacher", _TEACHER)),
        snr_db is not None,
    )


def _load(
    part: str | Path | Detector | Quantizer, card: Card | None, scenario: Scenario
) -> Detector | Quantizer:
    if not isinstance(part, str | Path):
        return part
    if card is not None and card.kind == "quantizer":
        return load_quantizer(part, scenario.points())
    return detector_from_text(str(part), scenario.points()).eval()


def _snr_db(card: Card | None, scenario: Scenario) -> float:
    """Return the SNR of a card whose error rate is nearest to 1e-2, else the middle of training."""
    if card is None or card.recipe["scenario"]["constellation"] != scenario.points().plain():
        raise InvalidInputError("snr_db: give the SNR to check at: there is none for this link")
    measured = [(m.snr_db, m.ber) for m in card.measured if m.ber > 0]
    if measured:
        return min(measured, key=lambda m: abs(math.log(m[1] / _WANTED_RATE)))[0]
    if card.soft_bits:
        return card.soft_bits[0].snr_db
    snr = card.recipe["snr"]
    return (snr["low_db"] + snr["high_db"]) / 2
