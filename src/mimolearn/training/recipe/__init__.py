"""Recipes: frozen descriptions of a training, as tables of TOML files.

A file's ``kind`` says which recipe it is: "detection" (also without ``kind``), "beams" or
"soft-bits".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimolearn.foundation.errors import InvalidInputError, check_one_of, user_path
from mimolearn.foundation.shipped import read_shipped_toml, shipped_names
from mimolearn.foundation.tomlfile import read_toml
from mimolearn.training.recipe.base import FOLDER, Adam, BaseRecipe, Db, PlainValue, SnrMix, Stage
from mimolearn.training.recipe.beams import (
    BeamBatch,
    BeamMeasurement,
    BeamRecipe,
    BeamValidation,
    Evolution,
)
from mimolearn.training.recipe.detection import (
    Batch,
    LayerByLayer,
    Loss,
    Measurement,
    Recipe,
    Share,
    Validation,
)
from mimolearn.training.recipe.soft_bits import (
    Descent,
    LossName,
    SoftBitMeasurement,
    SoftBitRecipe,
)

AnyRecipe = Recipe | BeamRecipe | SoftBitRecipe
_KINDS: dict[str, type[AnyRecipe]] = {
    "detection": Recipe,
    "beams": BeamRecipe,
    "soft-bits": SoftBitRecipe,
}


def recipe_class(content: Mapping[str, Any]) -> type[AnyRecipe]:
    """The class of a recipe.

    content: its fields, of which ``kind`` alone is read; without it, "detection".
    Raises InvalidInputError for an unknown kind.
    """
    return _KINDS[check_one_of("kind", content.get("kind", "detection"), _KINDS)]


def read_recipe(recipe: AnyRecipe | str | Path) -> AnyRecipe:
    """A recipe of any kind.

    recipe: itself, the name of a shipped one, or a TOML file.
    Raises InvalidInputError, one line that names the file, for what is wrong in it.
    """
    if isinstance(recipe, AnyRecipe):
        return recipe
    source = str(recipe)
    if isinstance(recipe, Path) or source.endswith(".toml"):
        content, folder = read_toml(recipe), user_path(recipe).parent
    else:
        content, folder = read_shipped_toml("recipe", FOLDER, source), Path()
    try:
        cls = recipe_class(content)
    except InvalidInputError as error:
        raise InvalidInputError(f"{source}: {error}") from None
    return cls.from_content(content, source, folder)


def shipped_recipes(kind: str | None = None) -> tuple[str, ...]:
    """Names of the recipes that come with the library; each makes the weights of its name.

    kind: "detection", "beams" or "soft-bits"; by default all.
    Raises InvalidInputError for another kind.
    """
    names = shipped_names(FOLDER)
    if kind is None:
        return names
    check_one_of("kind", kind, _KINDS)
    return tuple(n for n in names if read_shipped_toml("recipe", FOLDER, n).get("kind") == kind)


__all__ = [
    "Adam",
    "AnyRecipe",
    "BaseRecipe",
    "Batch",
    "BeamBatch",
    "BeamMeasurement",
    "BeamRecipe",
    "BeamValidation",
    "Db",
    "Descent",
    "Evolution",
    "LayerByLayer",
    "Loss",
    "LossName",
    "Measurement",
    "PlainValue",
    "Recipe",
    "Share",
    "SnrMix",
    "SoftBitMeasurement",
    "SoftBitRecipe",
    "Stage",
    "Validation",
    "read_recipe",
    "recipe_class",
    "shipped_recipes",
]
