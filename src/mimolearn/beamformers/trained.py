"""Beamformers with trained parameters, by the name of their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mimolearn.beamformers import HybridArray, LearnedBeamformer, make_beamformer
from mimolearn.constellation import Constellation, as_constellation
from mimolearn.errors import InvalidInputError, invalid
from mimolearn.weights import load_into, read_weights


def load_beamformer(
    name: str | Path,
    array: HybridArray | None = None,
    constellation: Constellation | str | None = None,
) -> LearnedBeamformer:
    """A trained beamformer: a shipped name, or a .safetensors file with its card.

    array: another than the card's, which scalar and Gauss-Newton steps serve too; a smaller one
    needs none, since fewer users and antennas are served as they come. constellation: the card's.
    Raises InvalidInputError, one line, for weights that are not sound or not a beamformer's.
    """
    weights = read_weights(name)
    card = weights.card
    if card.kind != "beamformer":
        raise invalid("weights", str(name), "those of a beamformer")
    fields: dict[str, Any] = card.recipe["scenario"]["array"]
    try:
        made = make_beamformer(
            card.network, array or HybridArray(**fields), card.constellation, **card.options
        )
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: its card: {error}") from None
    assert isinstance(made, LearnedBeamformer)
    if constellation is not None and as_constellation(constellation) != made.constellation:
        got = as_constellation(constellation).name
        raise invalid("constellation", got, f"{card.constellation!r}, which {name} is made for")
    load_into(made, weights)
    return made.eval().requires_grad_(False)
