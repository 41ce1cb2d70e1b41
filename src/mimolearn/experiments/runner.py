"""Run an experiment, taking up what an earlier run has left, and judge its statements."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mimolearn.errors import InvalidInputError, check_one_of, check_positive_int
from mimolearn.experiments.accuracy import Place, add_curve, run_accuracy
from mimolearn.experiments.beam_panel import BeamPanel, run_beam_panel
from mimolearn.experiments.contenders import resolve
from mimolearn.experiments.experiment import Experiment, Statement, check_statement
from mimolearn.experiments.findings import Finding, Findings
from mimolearn.experiments.panels import (
    Accuracy,
    AccuracyCurve,
    AccuracyPanel,
    ErrorRatePanel,
    Panel,
    Table,
    TablePanel,
    budgets,
)
from mimolearn.experiments.rates import run_error_rates
from mimolearn.experiments.verdict import Verdict
from mimolearn.simulation import (
    BeamComparison,
    BeamProgress,
    Comparison,
    Contender,
    ProgressEvent,
)
from mimolearn.simulation.chunk import batch_channels
from mimolearn.weights import library_versions, write_atomically

RESULTS_NAME = "results.sqlite"


class Step(NamedTuple):
    """Sent after every chunk, batch or panel: done of total, the total being an estimate.

    fresh: False for what an earlier run had left.
    """

    experiment: str
    panel: str
    done: int
    total: int
    fresh: bool


Progress = Callable[[Step], None]


@dataclass(frozen=True)
class Judged:
    """A statement and what became of it."""

    statement: Statement
    verdict: Verdict


@dataclass(frozen=True)
class ExperimentResult:
    """Everything that one run of an experiment found.

    findings: by panel. judged: the statements. fresh: chunks and batches that this run computed.
    """

    experiment: Experiment
    budget: str
    findings: Findings
    judged: tuple[Judged, ...]
    fresh: int
    seconds: float
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "experiment": self.experiment.name,
            "title": self.experiment.title,
            "budget": self.budget,
            "statements": [
                {
                    "claim": item.statement.claim,
                    "source": item.statement.source,
                    "of": item.statement.of,
                    **item.verdict._asdict(),
                }
                for item in self.judged
            ],
            "missing": {name: dict(why) for name, why in self.findings.missing.items() if why},
            "panels": {name: _plain(found) for name, found in self.findings.panels.items()},
            "versions": self.versions,
        }


def run_experiment(
    experiment: Experiment,
    folder: str | Path,
    *,
    budget: str = "default",
    workers: int = 1,
    progress: Progress | None = None,
) -> ExperimentResult:
    """Run every panel and check every statement.

    folder: holds error counts (``results.sqlite``), mean squares (``accuracy/``), networks trained
    here (``weights/``) and the result as JSON; experiments share it, and what is there is not
    computed again. budget: "quick", "default" or "full". Ctrl-C loses nothing that was finished.
    Raises InvalidInputError for bad arguments, ResultsFileError for a damaged file.
    """
    check_one_of("budget", budget, budgets())
    check_positive_int("workers", workers)
    run = _Run(experiment, Path(folder), budget, workers, progress or (lambda _: None))
    start = time.monotonic()
    findings = run.findings()
    judged = tuple(Judged(s, check_statement(s, findings)) for s in experiment.all_statements())
    seconds = time.monotonic() - start
    versions = library_versions()
    result = ExperimentResult(experiment, budget, findings, judged, run.fresh, seconds, versions)
    text = json.dumps(result.to_dict(), indent=1, allow_nan=False) + "\n"
    write_atomically(Path(folder) / f"{file_stem(experiment)}.json", text.encode())
    return result


def file_stem(experiment: Experiment) -> str:
    """The experiment's name as part of a file name."""
    return experiment.name.replace("/", "-")


class _Run:
    """One run, counting what it computes."""

    def __init__(
        self, experiment: Experiment, folder: Path, budget: str, workers: int, progress: Progress
    ) -> None:
        self.fresh = 0
        self._experiment, self._folder = experiment, folder
        self._budget, self._workers, self._progress = budget, workers, progress
        self._missing: dict[str, dict[str, str]] = {}

    def findings(self) -> Findings:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"out: {self._folder} cannot be made: {error.strerror}"
            raise InvalidInputError(text) from None
        panels = {panel.name: self._find(panel) for panel in self._experiment.panels}
        return Findings(panels, self._missing)

    def _find(self, panel: Panel) -> Finding:
        if isinstance(panel, TablePanel):
            table = panel.compute()
            self._step(panel, 1, 1, False)
            return table
        if isinstance(panel, BeamPanel):
            return self._beams(panel)
        resolved = resolve(
            panel.contenders, self._folder / "weights", may_train=self._budget != "quick"
        )
        self._missing[panel.name] = resolved.missing
        if isinstance(panel, AccuracyPanel):
            return self._accuracy(panel, resolved.contenders)
        return self._rates(panel, resolved.contenders)

    def _rates(self, panel: ErrorRatePanel, contenders: tuple[Contender, ...]) -> Comparison:
        def forward(event: ProgressEvent) -> None:
            self._step(panel, event.done_chunks, event.total_chunks, True)

        store = self._folder / RESULTS_NAME
        return run_error_rates(panel, contenders, self._budget, store, self._workers, forward)

    def _beams(self, panel: BeamPanel) -> BeamComparison:
        def forward(event: BeamProgress) -> None:
            self._step(panel, event.done, event.total, event.fresh)

        found, missing = run_beam_panel(panel, self._budget, self._folder, forward)
        self._missing[panel.name] = missing
        return found

    def _accuracy(self, panel: AccuracyPanel, contenders: tuple[Contender, ...]) -> Accuracy:
        channels = panel.channels.of(self._budget)
        places = [(scenario, snr) for scenario in panel.scenarios for snr in panel.snr_db]
        batches = [-(-channels // batch_channels(scenario)) for scenario, _ in places]
        total, done, drawn = len(contenders) * sum(batches), 0, []

        def step(fresh: bool) -> None:
            nonlocal done
            done += 1
            self._step(panel, done, total, fresh)

        curves: dict[str, AccuracyCurve] = {}
        for contender in contenders:
            found = []
            for scenario, snr in places:
                tally, flat = run_accuracy(
                    scenario,
                    contender,
                    snr,
                    channels,
                    self._folder / "accuracy",
                    shrunk=contender.label in panel.shrunk,
                    step=step,
                )
                found.append(Place(panel.place(scenario, snr, contender), tally, flat))
                drawn.append(tally.channels)
            add_curve(curves, panel, contender, found)
        return Accuracy(panel, tuple(curves.values()), min(drawn, default=0))

    def _step(self, panel: Panel, done: int, total: int, fresh: bool) -> None:
        self.fresh += fresh
        self._progress(Step(self._experiment.name, panel.name, done, total, fresh))


def _plain(found: Finding) -> dict[str, Any]:
    if isinstance(found, Comparison | BeamComparison):
        return found.to_dict()
    if isinstance(found, Table):
        return {**found._asdict(), "missing": dict(found.missing)}
    return {
        "metric": found.panel.metric,
        "axis": found.panel.axis,
        "channels": found.channels,
        "curves": [asdict(curve) for curve in found.curves],
    }
