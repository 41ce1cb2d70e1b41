"""Trained parts that come with the library, by name.

``weights/`` (detectors) and ``beams/`` (beamformers) hold one NAME.safetensors and one card
NAME.json each; ``mimolearn train NAME`` makes them again from the recipe of that name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mimolearn.beamformers.trained import load_beamformer
from mimolearn.constellation import Constellation
from mimolearn.detectors.trained import load_detector
from mimolearn.quantizers.trained import load_quantizer
from mimolearn.weights import Card, read_card, shipped_beams, shipped_weights


def load(name: str | Path, constellation: Constellation | str | None = None) -> Any:
    """A trained part, a Detector, a Quantizer or a Beamformer.

    name: one of ``zoo_names()`` or ``beam_names()``, or a .safetensors file beside its card.

    constellation: that of the card; ``tap-net`` serves any other too.
    Raises InvalidInputError, one line, for an unknown name or weights that are not sound.

    >>> load("lcgnet-v-32x64-bpsk").num_layers
    15
    """
    if read_card(name).kind == "beamformer":
        return load_beamformer(name, constellation=constellation)
    if read_card(name).kind == "quantizer":
        return load_quantizer(name, constellation)
    return load_detector(name, constellation)


def zoo_names() -> tuple[str, ...]:
    """Names that ``load`` knows."""
    return shipped_weights()


def beam_names() -> tuple[str, ...]:
    """Names of trained beamformers."""
    return shipped_beams()


def card(name: str | Path) -> Card:
    """What trained weights are, were trained on, and measured."""
    return read_card(name)


__all__ = ["Card", "beam_names", "card", "load", "zoo_names"]
