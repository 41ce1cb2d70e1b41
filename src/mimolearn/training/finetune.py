"""Training that starts from trained weights, for another channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mimolearn.foundation.errors import invalid
from mimolearn.link.any_scenario import AnyScenario
from mimolearn.training.recipe import Recipe, Stage
from mimolearn.weights import read_card


def fine_tune_recipe(
    weights: str | Path,
    scenario: AnyScenario,
    *,
    name: str | None = None,
    steps: int = 200,
    learning_rate: float = 5e-3,
) -> Recipe:
    """The recipe that goes on from weights on another scenario, all layers at once.

    Args:
        weights: of a detector that was trained in blocks of symbols: a shipped name or a
            .safetensors file with its card. SNR mix, loss, batch and seed are those of its recipe.
        scenario: with as many streams as the weights were made for; over a resource grid the
            network learns from estimated channels.
        name: of the new weights; by default that of the old ones and "-tuned".
        steps: of Adam.
        learning_rate: of the first step.

    Raises:
        InvalidInputError: for weights that were trained otherwise, or another number of streams.
    """
    card = read_card(weights)
    kind = card.recipe.get("kind", "detection")
    if kind != "detection":
        raise invalid("weights", weights, f"those of a recipe of detection, not of {kind}")
    made_for = card.options.get("num_tx_ant", scenario.num_tx_ant)
    if scenario.num_tx_ant != made_for:
        expected = f"{made_for} streams, for which {card.name!r} is made"
        raise invalid("scenario.num_tx_ant", scenario.num_tx_ant, expected)
    left_out = ("layer_by_layer", "also")
    fields: dict[str, Any] = {k: v for k, v in card.recipe.items() if k not in left_out}
    # The link of the training may be recorded channels that are not here.
    fields["scenario"] = scenario
    fields["stage"] = [Stage(steps=steps)]
    original = Recipe(**fields)
    changed: dict[str, Any] = {
        "name": name or f"{card.name}-tuned",
        "scenario": scenario,
        "options": card.options,
        "stage": (Stage(steps=steps, learning_rate=learning_rate),),
        "start_from": str(weights),
        "also": (),
    }
    kept = {key: getattr(original, key) for key in Recipe.model_fields}
    return Recipe(**kept | changed)
