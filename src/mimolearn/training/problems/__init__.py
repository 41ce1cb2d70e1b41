"""What the training loop trains: a problem for each kind of recipe."""

from __future__ import annotations

from typing import Any

from mimolearn.training.problems.base import Problem
from mimolearn.training.problems.beams import Beams
from mimolearn.training.problems.detection import Detection
from mimolearn.training.problems.soft_bits import SoftBits
from mimolearn.training.recipe import AnyRecipe, BeamRecipe, SoftBitRecipe


def problem_of(recipe: AnyRecipe) -> Problem[Any]:
    """The problem of a recipe.

    Args:
        recipe: of any kind.
    """
    if isinstance(recipe, SoftBitRecipe):
        return SoftBits(recipe)
    if isinstance(recipe, BeamRecipe):
        return Beams(recipe)
    return Detection(recipe)


__all__ = ["Problem", "problem_of"]
