"""Learned MIMO transceivers next to every classical method, on the same channels and noise."""

from importlib.metadata import version

from mimolearn import channels
from mimolearn.constellation import Constellation
from mimolearn.detection import (
    AxisGaussianDetection,
    AxisLogitDetection,
    Detection,
    GaussianDetection,
    HardDetection,
    LLRDetection,
    LogitDetection,
)
from mimolearn.detectors import Detector, detector_names, make_detector
from mimolearn.errors import InvalidInputError, MimolearnError, NotSoftError, ResultsFileError
from mimolearn.scenario import ChannelKnowledge, Scenario, shipped_scenarios
from mimolearn.simulation import (
    Comparison,
    Contender,
    RunPlan,
    compare,
    list_results,
    load_results,
    simulate,
)
from mimolearn.training import Recipe, shipped_recipes, train
from mimolearn.zoo import load, zoo_names

__version__ = version("mimolearn")

__all__ = [
    "AxisGaussianDetection",
    "AxisLogitDetection",
    "ChannelKnowledge",
    "Comparison",
    "Constellation",
    "Contender",
    "Detection",
    "Detector",
    "GaussianDetection",
    "HardDetection",
    "InvalidInputError",
    "LLRDetection",
    "LogitDetection",
    "MimolearnError",
    "NotSoftError",
    "Recipe",
    "ResultsFileError",
    "RunPlan",
    "Scenario",
    "channels",
    "compare",
    "detector_names",
    "list_results",
    "load",
    "load_results",
    "make_detector",
    "shipped_recipes",
    "shipped_scenarios",
    "simulate",
    "train",
    "zoo_names",
]
