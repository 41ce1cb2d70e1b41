"""Detectors with trained parameters, by the name of their weights."""

from __future__ import annotations

from pathlib import Path

from mimolearn.detectors import Detector, make_detector
from mimolearn.errors import InvalidInputError
from mimolearn.weights import load_into, read_weights


def load_detector(name: str | Path) -> Detector:
    """A trained detector, ready to detect: a shipped name, or a .safetensors file with its card.

    Raises InvalidInputError, one line, for weights that are not sound or not a detector's.
    """
    weights = read_weights(name)
    card = weights.card
    try:
        detector = make_detector(card.network, card.constellation, **card.options)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: its card: {error}") from None
    load_into(detector, weights)
    return detector.eval()
