"""One training loop for all learned parts; what to train, on what and how is a recipe."""

from mimolearn.training.any_recipe import read_recipe
from mimolearn.training.beam_recipe import BeamRecipe, shipped_beam_recipes
from mimolearn.training.finetune import fine_tune_recipe
from mimolearn.training.loop import Trained, TrainingEvent, train
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
from mimolearn.training.soft_bits import (
    FittedSoftBits,
    SoftBitMeasurement,
    SoftBitRecipe,
    fit_soft_bits,
    shipped_soft_bit_recipes,
)
from mimolearn.training.sweep import Axis, Member, SweepEvent, members, parse_axis, sweep

__all__ = [
    "Adam",
    "Axis",
    "Batch",
    "BeamRecipe",
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
    "shipped_beam_recipes",
    "shipped_recipes",
    "shipped_soft_bit_recipes",
    "sweep",
    "train",
]
