"""One training loop for all learned parts; what to train, on what and how is a recipe."""

from mimolearn.training.finetune import fine_tune_recipe
from mimolearn.training.loop import Trained, TrainingEvent, train
from mimolearn.training.measure import measure
from mimolearn.training.recipe import (
    Adam,
    AnyRecipe,
    Batch,
    BeamRecipe,
    Descent,
    LayerByLayer,
    Loss,
    Measurement,
    Recipe,
    SnrMix,
    SoftBitMeasurement,
    SoftBitRecipe,
    Stage,
    Validation,
    read_recipe,
    shipped_recipes,
)
from mimolearn.training.soft_bits import FittedSoftBits, fit_soft_bits
from mimolearn.training.sweep import Axis, Member, SweepEvent, members, parse_axis, sweep

__all__ = [
    "Adam",
    "AnyRecipe",
    "Axis",
    "Batch",
    "BeamRecipe",
    "Descent",
    "FittedSoftBits",
    "LayerByLayer",
    "Loss",
    "Measurement",
    "Member",
    "Recipe",
    "SnrMix",
    "SoftBitMeasurement",
    "SoftBitRecipe",
    "Stage",
    "SweepEvent",
    "Trained",
    "TrainingEvent",
    "Validation",
    "fine_tune_recipe",
    "fit_soft_bits",
    "measure",
    "members",
    "parse_axis",
    "read_recipe",
    "shipped_recipes",
    "sweep",
    "train",
]
