"""Loading of fitted or trained quantisers, by the name of their weights."""

from __future__ import annotations

from pathlib import Path

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.quantizers import Quantizer, make_quantizer
from mimolearn.weights import bounded_by, load_into, read_weights


def load_quantizer(name: str | Path, constellation: Constellation | str | None = None) -> Quantizer:
    """Load a trained quantiser.

    Args:
        name: a shipped name, or a .safetensors file with its card beside it.
        constellation: refuse a card with another one; default None, no check.

    Raises:
        InvalidInputError: for weights that are damaged or not a quantiser's.
    """
    weights = read_weights(name)
    card = weights.card
    if card.kind != "quantizer":
        raise InvalidInputError(f"{name}: these are the weights of a {card.kind}, not a quantizer")
    try:
        with bounded_by(weights):
            quantizer = make_quantizer(card.network, card.constellation, **card.options)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: its card: {error}") from None
    if constellation is not None and as_constellation(constellation) != quantizer.constellation:
        expected = f"{quantizer.constellation}, which {name} is made for"
        raise invalid("constellation", f"<{as_constellation(constellation)}>", expected)
    load_into(quantizer, weights)
    return quantizer.eval().requires_grad_(False)
