"""Published figures and tables as data, run again and judged statement by statement.

A figure is one module that holds an ``Experiment``: panels (what is run), reference points and
statements (what is claimed, and how it is checked). Runner, plots and page are shared by all.
"""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.catalogue import experiment, experiment_names, select_experiments
from mimolearn.papers.experiment import Experiment, Paper, Reference, Statement
from mimolearn.papers.findings import Findings
from mimolearn.papers.panels import (
    Accuracy,
    AccuracyPanel,
    ErrorRatePanel,
    Table,
    TablePanel,
    budgets,
)
from mimolearn.papers.runner import ExperimentResult, Judged, Step, file_stem, run_experiment
from mimolearn.papers.verdict import Measured, NotMeasuredError, Outcome, Verdict

__all__ = [
    "Accuracy",
    "AccuracyPanel",
    "BeamPanel",
    "ErrorRatePanel",
    "Experiment",
    "ExperimentResult",
    "Findings",
    "Judged",
    "Measured",
    "NotMeasuredError",
    "Outcome",
    "Paper",
    "Reference",
    "Statement",
    "Step",
    "Table",
    "TablePanel",
    "Verdict",
    "budgets",
    "experiment",
    "experiment_names",
    "file_stem",
    "run_experiment",
    "select_experiments",
]
