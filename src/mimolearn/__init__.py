"""Learned MIMO transceivers next to every classical method, on the same channels and noise."""

# Before all else: other imports take time, in which Ctrl-C may come.
from mimolearn.foundation import interrupt as interrupt  # isort: skip

from importlib.metadata import version
from typing import TYPE_CHECKING

from mimolearn.foundation.lazy import lazy_names
from mimolearn.foundation.plugins import add_module

if TYPE_CHECKING:
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
    from mimolearn.link.coding import Coding
    from mimolearn.link.grid_scenario import GridScenario
    from mimolearn.link.harq import Harq
    from mimolearn.link.scenario import ChannelKnowledge, Scenario, shipped_scenarios
    from mimolearn.quantizers import (
        Codes,
        Quantizer,
        fit_quantizer,
        make_quantizer,
        quantizer_names,
    )
    from mimolearn.results.goodput import GoodputStudy
    from mimolearn.results.llrs import LlrCheck, check_llrs
    from mimolearn.studies import (
        BeamPlan,
        Comparison,
        Contender,
        Difference,
        RunPlan,
        compare,
        compare_beams,
        compare_mcs,
        diff,
        diff_beams,
        diff_results,
        list_results,
        load_results,
        simulate,
    )
    from mimolearn.training import BeamRecipe, Recipe, shipped_recipes, train
    from mimolearn.zoo import load, zoo_names
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "mimolearn.beamformers": (
                "Beamformer Beams HybridArray beamformer_names make_beamformer symbol_error_rate"
            ),
            "mimolearn.constellation": "Constellation",
            "mimolearn.detection": (
                "AxisGaussianDetection AxisLogitDetection Detection GaussianDetection "
                "HardDetection LLRDetection LogitDetection llr_from_soft_bits"
            ),
            "mimolearn.detectors": "Detector detector_names make_detector",
            "mimolearn.exporting": "Exported ExportError OnnxDetector export",
            "mimolearn.foundation.errors": (
                "InvalidInputError MimolearnError NotSoftError ResultsFileError"
            ),
            "mimolearn.interop": "SionnaDetector",
            "mimolearn.link": "channels",
            "mimolearn.link.beam_scenario": "BeamScenario",
            "mimolearn.link.coding": "Coding",
            "mimolearn.link.harq": "Harq",
            "mimolearn.link.grid_scenario": "GridScenario",
            "mimolearn.link.scenario": "ChannelKnowledge Scenario shipped_scenarios",
            "mimolearn.results.goodput": "GoodputStudy",
            "mimolearn.results.llrs": "LlrCheck check_llrs",
            "mimolearn.quantizers": (
                "Codes Quantizer fit_quantizer make_quantizer quantizer_names"
            ),
            "mimolearn.studies": (
                "BeamPlan Comparison Contender Difference RunPlan compare compare_beams "
                "compare_mcs diff diff_beams diff_results list_results load_results simulate"
            ),
            "mimolearn.training": "BeamRecipe Recipe shipped_recipes train",
            "mimolearn.zoo": "load zoo_names",
        },
    )


# Other libraries' detectors are contenders by name as well.
add_module("mimolearn.detectors", "mimolearn.interop")
# Exported files are contenders by their path.
add_module("mimolearn.detector_files", "mimolearn.exporting.runtime")
# Results are shown by the report.
add_module("mimolearn.views", "mimolearn.report.views")

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
    "Difference",
    "ExportError",
    "Exported",
    "GaussianDetection",
    "GoodputStudy",
    "GridScenario",
    "HardDetection",
    "Harq",
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
    "compare_mcs",
    "detector_names",
    "diff",
    "diff_beams",
    "diff_results",
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
