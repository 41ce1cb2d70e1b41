"""Honest Monte Carlo: the same draws for every contender, counts that do not depend on the run."""

from mimolearn.simulation.beam_contender import BeamContender
from mimolearn.simulation.beam_results import BeamComparison, BeamCurve, BeamPoint
from mimolearn.simulation.beam_run import (
    BeamPlan,
    BeamProgress,
    compare_beams,
    load_beam_comparison,
)
from mimolearn.simulation.contender import Contender
from mimolearn.simulation.counts import Counts, ErrorPositions
from mimolearn.simulation.crossing import SnrEstimate, SnrGap
from mimolearn.simulation.engine import compare, list_results, load_results, simulate
from mimolearn.simulation.forecast import CurveForecast, Forecast, forecast
from mimolearn.simulation.progress import ContenderProgress, ProgressEvent
from mimolearn.simulation.results import (
    Comparison,
    CostReport,
    Curve,
    Point,
    Provenance,
    Timing,
)
from mimolearn.simulation.run import (
    METRIC_LABELS,
    Metric,
    RunPlan,
    adjust_plan,
    load_comparison,
    load_shipped_comparison,
    metrics,
    parse_snr_db,
)
from mimolearn.simulation.statistics import Interval, PairedDifference
from mimolearn.simulation.store import StoredScenario
from mimolearn.simulation.timing import cost_report, measure_timing

__all__ = [
    "METRIC_LABELS",
    "BeamComparison",
    "BeamContender",
    "BeamCurve",
    "BeamPlan",
    "BeamPoint",
    "BeamProgress",
    "Comparison",
    "Contender",
    "ContenderProgress",
    "CostReport",
    "Counts",
    "Curve",
    "CurveForecast",
    "ErrorPositions",
    "Forecast",
    "Interval",
    "Metric",
    "PairedDifference",
    "Point",
    "ProgressEvent",
    "Provenance",
    "RunPlan",
    "SnrEstimate",
    "SnrGap",
    "StoredScenario",
    "Timing",
    "adjust_plan",
    "compare",
    "compare_beams",
    "cost_report",
    "forecast",
    "list_results",
    "load_beam_comparison",
    "load_comparison",
    "load_results",
    "load_shipped_comparison",
    "measure_timing",
    "metrics",
    "parse_snr_db",
    "simulate",
]
