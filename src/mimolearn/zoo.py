"""Trained detectors, quantisers and beamformers that come with the library, by name.

``weights/`` (detectors) and ``beams/`` (beamformers) hold one NAME.safetensors and one card
NAME.json each; ``mimolearn train NAME`` makes them again from the recipe of that name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mimolearn.beamformers.trained import load_beamformer
from mimolearn.constellation import Constellation
from mimolearn.detectors import detector_names
from mimolearn.detectors.trained import load_detector
from mimolearn.foundation.errors import invalid
from mimolearn.quantizers.trained import load_quantizer
from mimolearn.weights import Card, read_card, shipped_beams, shipped_weights


def load(name: str | Path, constellation: Constellation | str | None = None) -> Any:
    """Load a trained detector, quantiser or beamformer.

    Args:
        name: one of ``zoo_names()`` or ``beam_names()``, or the path of a .safetensors file with
            its card beside it.
        constellation: a Constellation or its name; default the one of the card. Only ``tap-net``
            accepts another.

    Returns:
        A Detector, Quantizer or Beamformer.

    Raises:
        InvalidInputError: for an unknown name, or weights that are damaged or do not fit.

    >>> load("lcgnet-v-32x64-bpsk").num_layers
    15
    """
    if str(name) in detector_names():
        raise invalid(
            "weights",
            name,
            f"trained ones; this is an algorithm: mimolearn.make_detector({name!r}, constellation)",
        )
    if read_card(name).kind == "beamformer":
        return load_beamformer(name, constellation=constellation)
    if read_card(name).kind == "quantizer":
        return load_quantizer(name, constellation)
    return load_detector(name, constellation)


def zoo_names() -> tuple[str, ...]:
    """Names of the trained detectors and quantisers that ``load`` knows."""
    return shipped_weights()


def beam_names() -> tuple[str, ...]:
    """Names of the trained beamformers that ``load`` knows."""
    return shipped_beams()


def card(name: str | Path) -> Card:
    """Read the card of trained weights: what they are, their training, and what was measured.

    Args:
        name: as for ``load``.

    Raises:
        InvalidInputError: for an unknown name or a damaged card.
    """
    return read_card(name)


__all__ = ["Card", "beam_names", "card", "load", "zoo_names"]
