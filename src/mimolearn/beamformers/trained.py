"""Loading of trained beamformers, by the name of their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mimolearn.beamformers.base import Beamformer, LearnedBeamformer
from mimolearn.beamformers.registry import beamformer_class, make_beamformer
from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.link.array import HybridArray
from mimolearn.weights import Card, OversizedError, Weights, bounded_by, load_into, read_weights


def load_beamformer(
    name: str | Path,
    array: HybridArray | None = None,
    constellation: Constellation | str | None = None,
) -> LearnedBeamformer:
    """Load a trained beamformer.

    Args:
        name: a shipped name, or a .safetensors file with its card beside it.
        array: an array other than the card's; networks of scalar numbers accept any. Default
            None, the card's, which also accepts channels of fewer users and antennas.
        constellation: refuse a card with another one; default None, no check.

    Raises:
        InvalidInputError: for weights that are damaged or not a beamformer's, and for an array or
            constellation that they are not made for.
    """
    weights = read_weights(name)
    card = weights.card
    if card.kind != "beamformer":
        raise invalid("weights", str(name), "those of a beamformer")
    try:
        card_array = trained_array(card.recipe)
        if not issubclass(beamformer_class(card.network), LearnedBeamformer):
            raise invalid("its card: network", card.network, "a beamformer that is trained")
        made = _made(card, weights, array or card_array)
        if array is not None and (made is None or not _same_shapes(made, weights)):
            _check_fits(str(name), card_array, array)
            made = _made(card, weights, card_array)
        if made is None:
            raise invalid("its card: options", card.options, "a network of the file's size")
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error}") from None
    if constellation is not None and as_constellation(constellation) != made.constellation:
        got = as_constellation(constellation).name
        raise invalid("constellation", got, f"{card.constellation!r}, which {name} is made for")
    load_into(made, weights)
    return made.eval().requires_grad_(False)


def _made(card: Card, weights: Weights, array: HybridArray) -> LearnedBeamformer | None:
    """Build the network for an array, or None if it would be far larger than the file."""
    try:
        with bounded_by(weights):
            made = make_beamformer(card.network, array, card.constellation, **card.options)
    except OversizedError:
        return None
    assert isinstance(made, LearnedBeamformer)
    return made


def trained_array(recipe: dict[str, Any]) -> HybridArray:
    """Read the array of the training from the recipe of a card."""
    scenario = recipe.get("scenario")
    array = scenario.get("array") if isinstance(scenario, dict) else None
    if not isinstance(array, dict):
        raise invalid("its card: recipe.scenario.array", array, "a table")
    return HybridArray(**array)


def _same_shapes(made: Beamformer, weights: Weights) -> bool:
    shapes = {key: tensor.shape for key, tensor in made.state_dict().items()}
    return shapes == {key: tensor.shape for key, tensor in weights.tensors.items()}


def _check_fits(name: str, trained: HybridArray, array: HybridArray) -> None:
    """Refuse an array that learned matrices do not fit.

    They fit fewer users and antennas, with the same chains and streams.
    """
    for field in ("num_tx_chains", "num_rx_chains", "num_streams"):
        if getattr(array, field) != getattr(trained, field):
            expected = f"{getattr(trained, field)}, which {name} is made for"
            raise invalid(field, getattr(array, field), expected)
    for field in ("num_users", "num_tx_ant", "num_rx_ant"):
        if getattr(array, field) > getattr(trained, field):
            expected = f"at most {getattr(trained, field)}, which {name} is made for"
            raise invalid(field, getattr(array, field), expected)
