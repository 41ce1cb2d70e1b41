"""Learned MIMO transceivers next to every classical method, on the same channels and noise."""

from mimolearn.constellation import Constellation
from mimolearn.detection import (
    Detection,
    GaussianDetection,
    HardDetection,
    LLRDetection,
    LogitDetection,
)
from mimolearn.detectors import Detector, detector_names, make_detector
from mimolearn.errors import InvalidInputError, MimolearnError, NotSoftError, ResultsFileError
from mimolearn.scenario import Scenario
from mimolearn.simulation import Comparison, Contender, RunPlan, compare, load_results, simulate

__version__ = "0.1.0"

__all__ = [
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
    "ResultsFileError",
    "RunPlan",
    "Scenario",
    "compare",
    "detector_names",
    "load_results",
    "make_detector",
    "simulate",
]
