"""Detectors with trained parameters, by the name of their weights."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.detectors.base import Detector
from mimolearn.detectors.learned import UnfoldedDetector
from mimolearn.detectors.nesting import NestingError, inside
from mimolearn.detectors.registry import make_detector
from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid
from mimolearn.weights import bounded_by, load_into, read_weights


def load_detector(name: str | Path, constellation: Constellation | str | None = None) -> Detector:
    """Load a trained detector, ready to detect; its parameters ask for no gradient.

    Args:
        name: a shipped name, or a .safetensors file with its card.
        constellation: of the symbols, or its name; default that of the card. Another one is
            accepted if the network serves any.

    Raises:
        InvalidInputError: for weights that are not sound or not a detector's, and for another
            constellation.
    """
    weights = read_weights(name)
    card = weights.card
    if card.kind != "detector":
        raise InvalidInputError(f"{name}: these are the weights of a {card.kind}, not a detector")
    try:
        with inside(str(name)), bounded_by(weights):
            detector = make_detector(card.network, card.constellation, **card.options)
    except NestingError:
        raise
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: its card: {error}") from None
    if card.layout == "small" and isinstance(detector, UnfoldedDetector):
        detector.load_small(weights)
    else:
        load_into(detector, weights)
    detector = detector.eval().requires_grad_(False)
    if constellation is None or as_constellation(constellation) == detector.constellation:
        return detector
    if not isinstance(detector, UnfoldedDetector):
        expected = f"{detector.constellation}, which {name} is made for"
        raise invalid("constellation", f"<{as_constellation(constellation)}>", expected)
    return detector.serving(constellation)


def load_part(name: str | Path, options: Mapping[str, Any]) -> Detector:
    """Load a part of a trained detector, as its first layers: what its method ``at`` returns.

    Args:
        name: as for ``load_detector``.
        options: of ``at``; without any the whole detector is returned.

    Raises:
        InvalidInputError: as for ``load_detector``, and for options that ``at`` does not take.
    """
    detector = load_detector(name)
    if not options:
        return detector
    at = getattr(detector, "at", None)
    if at is None:
        expected = f"none: {detector.name} cannot be cut"
        raise invalid(f"options of {name}", dict(options), expected)
    for option in options:
        check_one_of(f"option of {name}", option, inspect.signature(at).parameters)
    return at(**options).eval().requires_grad_(False)
