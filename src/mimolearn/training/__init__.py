"""One training loop for all learned parts; what to train, on what and how is a recipe."""

from mimolearn.training.beam_recipe import BeamRecipe, shipped_beam_recipes
from mimolearn.training.finetune import fine_tune_recipe
from mimolearn.training.loop import Trained, TrainingEvent, read_recipe, train
from mimolearn.training.measure import measure
from mimolearn.training.recipe import (
    Adam,
    Batch,
    LayerByLayer,
    Loss,
    Measurement,
    Recipe,
    SnrMix,
    Stage,
    Validation,
    shipped_recipes,
)

__all__ = [
    "Adam",
    "Batch",
    "BeamRecipe",
    "LayerByLayer",
    "Loss",
    "Measurement",
    "Recipe",
    "SnrMix",
    "Stage",
    "Trained",
    "TrainingEvent",
    "Validation",
    "fine_tune_recipe",
    "measure",
    "read_recipe",
    "shipped_beam_recipes",
    "shipped_recipes",
    "train",
]
