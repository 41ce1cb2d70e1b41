"""Honest Monte Carlo: the same draws for every contender, counts that do not depend on the run."""

from mimolearn.simulation.contender import Contender
from mimolearn.simulation.counts import Counts, ErrorPositions
from mimolearn.simulation.crossing import SnrEstimate, SnrGap
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
    load_comparison,
    metrics,
    parse_snr_db,
)
from mimolearn.simulation.statistics import Interval, PairedDifference

__all__ = [
    "METRIC_LABELS",
    "Comparison",
    "Contender",
    "CostReport",
    "Counts",
    "Curve",
    "ErrorPositions",
    "Interval",
    "Metric",
    "PairedDifference",
    "Point",
    "Provenance",
    "RunPlan",
    "SnrEstimate",
    "SnrGap",
    "Timing",
    "load_comparison",
    "metrics",
    "parse_snr_db",
]
