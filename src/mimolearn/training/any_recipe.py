"""Recipes of every family, found by name or file."""

from __future__ import annotations

from pathlib import Path

from mimolearn.foundation.tomlfile import read_toml
from mimolearn.training.beam_recipe import BeamRecipe, shipped_beam_recipes
from mimolearn.training.recipe import Recipe, shipped_recipes
from mimolearn.training.soft_bits import SoftBitRecipe, shipped_soft_bit_recipes

AnyRecipe = Recipe | BeamRecipe | SoftBitRecipe


def _kind_of(kind: object) -> type[AnyRecipe]:
    """Which recipe a file is: what is no beamformer's and names a kind is of soft bits."""
    if kind is None:
        return Recipe
    return BeamRecipe if kind == "beamformer" else SoftBitRecipe


def read_recipe(recipe: AnyRecipe | str | Path) -> AnyRecipe:
    """A recipe, given itself, its shipped name or its file."""
    if isinstance(recipe, AnyRecipe):
        return recipe
    if str(recipe) in shipped_beam_recipes():
        return BeamRecipe.shipped(str(recipe))
    if str(recipe).endswith(".toml") or str(recipe) not in shipped_recipes():
        path = Path(recipe)
        if isinstance(recipe, Path) or path.suffix == ".toml":
            return _kind_of(read_toml(path).get("kind")).from_toml(path)
    if str(recipe) in shipped_soft_bit_recipes():
        return SoftBitRecipe.shipped(str(recipe))
    return Recipe.shipped(str(recipe))
