"""Honest Monte Carlo: the same draws for every contender, counts that do not depend on the run."""

from mimolearn.plans.beam_contender import BeamContender
from mimolearn.plans.beam_plan import BeamPlan, load_beam_comparison
from mimolearn.plans.contender import Contender
from mimolearn.plans.counts import Counts, ErrorPositions
from mimolearn.plans.plan import (
    METRIC_LABELS,
    Metric,
    RunPlan,
    adjust_plan,
    load_comparison,
    metrics,
    parse_snr_db,
)
from mimolearn.results.beam_comparison import BeamComparison, BeamCurve, BeamPoint
from mimolearn.results.beam_difference import diff_beams
from mimolearn.results.comparison import Comparison, Curve, Provenance
from mimolearn.results.costs import CostReport, Timing
from mimolearn.results.crossings import SnrEstimate, SnrGap
from mimolearn.results.difference import Difference, diff
from mimolearn.results.goodput import Goodput, GoodputStudy, Served
from mimolearn.results.point import Point
from mimolearn.results.statistics import Interval, PairedDifference
from mimolearn.studies.beam_run import compare_beams, load_beam_results
from mimolearn.studies.bracket import snr_around_target
from mimolearn.studies.diff_results import diff_results
from mimolearn.studies.engine import compare, list_results, load_results, simulate
from mimolearn.studies.forecast import CurveForecast, Forecast, forecast
from mimolearn.studies.mcs_run import compare_mcs, load_mcs_results, simulate_mcs
from mimolearn.studies.progress import ContenderProgress, ProgressEvent
from mimolearn.studies.storage.store import StoredScenario
from mimolearn.studies.timing import cost_report, measure_timing

__all__ = [
    "METRIC_LABELS",
    "BeamComparison",
    "BeamContender",
    "BeamCurve",
    "BeamPlan",
    "BeamPoint",
    "Comparison",
    "Contender",
    "ContenderProgress",
    "CostReport",
    "Counts",
    "Curve",
    "CurveForecast",
    "Difference",
    "ErrorPositions",
    "Forecast",
    "Goodput",
    "GoodputStudy",
    "Interval",
    "Metric",
    "PairedDifference",
    "Point",
    "ProgressEvent",
    "Provenance",
    "RunPlan",
    "Served",
    "SnrEstimate",
    "SnrGap",
    "StoredScenario",
    "Timing",
    "adjust_plan",
    "compare",
    "compare_beams",
    "compare_mcs",
    "cost_report",
    "diff",
    "diff_beams",
    "diff_results",
    "forecast",
    "list_results",
    "load_beam_comparison",
    "load_beam_results",
    "load_comparison",
    "load_mcs_results",
    "load_results",
    "measure_timing",
    "metrics",
    "parse_snr_db",
    "simulate",
    "simulate_mcs",
    "snr_around_target",
]
