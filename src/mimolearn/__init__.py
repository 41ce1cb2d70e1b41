"""Learned MIMO transceivers next to every classical method, on the same channels and noise."""

# Before all else: the other imports take a second, in which Ctrl-C may come.
from mimolearn.foundation import interrupt as interrupt  # isort: skip

from importlib.metadata import version

from mimolearn.beamformers import (
    Beamformer,
    Beams,
    HybridArray,
    beamformer_names,
    make_beamformer,
    symbol_error_rate,
)
from mimolearn.constellation import Constellation
from mimolearn.detection import (
    AxisGaussianDetection,
    AxisLogitDetection,
    Detection,
    GaussianDetection,
    HardDetection,
    LLRDetection,
    LogitDetection,
    llr_from_soft_bits,
)
from mimolearn.detectors import Detector, detector_names, make_detector
from mimolearn.exporting import Exported, ExportError, OnnxDetector, export
from mimolearn.foundation.errors import (
    InvalidInputError,
    MimolearnError,
    NotSoftError,
    ResultsFileError,
)
from mimolearn.interop import SionnaDetector
from mimolearn.link import channels
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.scenario import ChannelKnowledge, Coding, Scenario, shipped_scenarios
from mimolearn.quantizers import Codes, Quantizer, fit_quantizer, make_quantizer, quantizer_names
from mimolearn.results.llrs import LlrCheck, check_llrs
from mimolearn.studies import (
    BeamPlan,
    Comparison,
    Contender,
    RunPlan,
    compare,
    compare_beams,
    list_results,
    load_results,
    simulate,
)
from mimolearn.training import BeamRecipe, Recipe, shipped_recipes, train
from mimolearn.zoo import load, zoo_names

__version__ = version("mimolearn")

__all__ = [
    "AxisGaussianDetection",
    "AxisLogitDetection",
    "BeamPlan",
    "BeamRecipe",
    "BeamScenario",
    "Beamformer",
    "Beams",
    "ChannelKnowledge",
    "Codes",
    "Coding",
    "Comparison",
    "Constellation",
    "Contender",
    "Detection",
    "Detector",
    "ExportError",
    "Exported",
    "GaussianDetection",
    "HardDetection",
    "HybridArray",
    "InvalidInputError",
    "LLRDetection",
    "LlrCheck",
    "LogitDetection",
    "MimolearnError",
    "NotSoftError",
    "OnnxDetector",
    "Quantizer",
    "Recipe",
    "ResultsFileError",
    "RunPlan",
    "Scenario",
    "SionnaDetector",
    "beamformer_names",
    "channels",
    "check_llrs",
    "compare",
    "compare_beams",
    "detector_names",
    "export",
    "fit_quantizer",
    "list_results",
    "llr_from_soft_bits",
    "load",
    "load_results",
    "make_beamformer",
    "make_detector",
    "make_quantizer",
    "quantizer_names",
    "shipped_recipes",
    "shipped_scenarios",
    "simulate",
    "symbol_error_rate",
    "train",
    "zoo_names",
]
