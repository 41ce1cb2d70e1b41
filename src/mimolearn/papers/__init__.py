"""Published figures and tables as data, run again and judged claim by claim.

A paper is a TOML file: scenarios, networks, panels (what is run), and claims with the verbs that
judge them; ``README.md`` beside this file lists all of it. What verbs cannot say is a function with
``python_panel``. Runner, plots and pages are shared by all.
"""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.catalogue import experiment, experiment_names, select_experiments
from mimolearn.papers.experiment import Experiment, Paper, Reference, Statement
from mimolearn.papers.files.loading import read_paper, shipped_papers
from mimolearn.papers.findings import Findings
from mimolearn.papers.panels import (
    Accuracy,
    AccuracyPanel,
    ErrorRatePanel,
    Table,
    TablePanel,
    TableRun,
    budgets,
)
from mimolearn.papers.python_panel import PythonPanel, python_panel
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
    "PythonPanel",
    "Reference",
    "Statement",
    "Step",
    "Table",
    "TablePanel",
    "TableRun",
    "Verdict",
    "budgets",
    "experiment",
    "experiment_names",
    "file_stem",
    "python_panel",
    "read_paper",
    "run_experiment",
    "select_experiments",
    "shipped_papers",
]
