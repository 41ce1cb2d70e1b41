"""One training loop for all learned parts; what to train, on what and how is a recipe."""

from mimolearn.training.classical import BesideClassical, beside_classical
from mimolearn.training.finetune import fine_tune_recipe
from mimolearn.training.loop import Achieved, Trained, TrainingEvent, train
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
from mimolearn.training.sweep import Axis, Member, SweepEvent, members, parse_axis, sweep

__all__ = [
    "Achieved",
    "Adam",
    "AnyRecipe",
    "Axis",
    "Batch",
    "BeamRecipe",
    "BesideClassical",
    "Descent",
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
    "beside_classical",
    "fine_tune_recipe",
    "measure",
    "members",
    "parse_axis",
    "read_recipe",
    "shipped_recipes",
    "sweep",
    "train",
]
