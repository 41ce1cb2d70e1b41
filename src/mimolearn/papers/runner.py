"""Run an experiment, taking up what an earlier run has left, and judge its statements."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import (
    InvalidInputError,
    check_one_of,
    check_positive_int,
    check_real,
    user_path,
)
from mimolearn.link.scenario import Scenario
from mimolearn.papers.accuracy import (
    Measured,
    Measurement,
    accuracy_sessions,
    add_curve,
    run_accuracy,
)
from mimolearn.papers.beam_panel import BeamPanel, run_beam_panel
from mimolearn.papers.contenders import PerScenario, resolve
from mimolearn.papers.depths import logged_curve
from mimolearn.papers.experiment import Experiment, Statement
from mimolearn.papers.files.contenders import Competitor
from mimolearn.papers.findings import Finding, Findings
from mimolearn.papers.judging.growth import Growth
from mimolearn.papers.panels import (
    Accuracy,
    AccuracyCurve,
    AccuracyPanel,
    ErrorRatePanel,
    Panel,
    Table,
    TablePanel,
    TableRun,
    budgets,
)
from mimolearn.papers.rates import run_error_rates
from mimolearn.papers.verdict import Measured as Number
from mimolearn.papers.verdict import Verdict
from mimolearn.studies import BeamComparison, Comparison, Contender, ProgressEvent
from mimolearn.studies.kinds.accuracy import Estimator
from mimolearn.studies.session import Session
from mimolearn.weights import library_versions, shipped_weights

RESULTS_NAME = "results.sqlite"
_BUDGET_MIN = {"quick": 0.0, "default": 3.0, "full": 30.0}


class Step(NamedTuple):
    """What a run tells after every chunk or table.

    Attributes:
        experiment: its name.
        panel: its name.
        done: chunks or tables of the panel.
        total: of the panel, estimated.
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
    """The results of one run of an experiment.

    Attributes:
        experiment: what was run.
        budget: "quick", "default" or "full".
        findings: by panel.
        judged: the statements.
        fresh: chunks and batches that this run computed.
        seconds: that it took.
        versions: of the libraries, by name.
        finished: the day.
        draws: by panel, how many times the draws of the budget its most drawn point has.
    """

    experiment: Experiment
    budget: str
    findings: Findings
    judged: tuple[Judged, ...]
    fresh: int
    seconds: float
    versions: dict[str, str]
    finished: date
    draws: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "experiment": self.experiment.name,
            "title": self.experiment.title,
            "budget": self.budget,
            "finished": self.finished.isoformat(),
            "statements": [
                {
                    "id": item.statement.id,
                    "claim": item.statement.claim,
                    "source": item.statement.source,
                    "of": item.statement.of,
                    **item.verdict._asdict(),
                }
                for item in self.judged
            ],
            "missing": {name: dict(why) for name, why in self.findings.missing.items() if why},
            "panels": {name: _plain(finding) for name, finding in self.findings.panels.items()},
            "draws": self.draws,
            "versions": self.versions,
        }


def run_experiment(
    experiment: Experiment,
    folder: str | Path,
    *,
    budget: str = "default",
    budget_min: float | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> ExperimentResult:
    """Run every panel and judge every statement. Ctrl-C loses nothing that was finished.

    Claims whose intervals cross a bound get more draws, twice as many each time, while the minutes
    last (see ``judging.looks``); what is settled stays so.

    Args:
        experiment: what is run.
        folder: holds what was measured (``results.sqlite``), networks trained here (``weights/``)
            and the result as JSON; experiments share it, and what is there is not computed again.
        budget: "quick", "default" or "full".
        budget_min: minutes that further draws may take; None for none in a quick run, 3 in a
            default one and 30 in a full one.
        workers: as for ``simulate``.
        progress: called after every chunk or table.

    Raises:
        InvalidInputError: a bad argument.
        ResultsFileError: a results file that is damaged or of another version.
    """
    check_one_of("budget", budget, budgets())
    check_positive_int("workers", workers, 4096)
    if budget_min is None:
        budget_min = _BUDGET_MIN[budget]
    check_real("budget_min", budget_min, at_least=0.0, at_most=1e6)
    run = _Run(experiment, user_path(folder), budget, workers, progress or (lambda _: None))
    start = time.monotonic()
    run.until_settled(60 * budget_min)
    seconds = time.monotonic() - start
    versions = library_versions()
    result = ExperimentResult(
        experiment,
        budget,
        run.last,
        run.judged(),
        run.fresh,
        seconds,
        versions,
        date.today(),
        run.growth.times_of_panels(),
    )
    text = json.dumps(result.to_dict(), indent=1, allow_nan=False) + "\n"
    write_atomically(user_path(folder) / f"{file_stem(experiment)}.json", text)
    return result


def file_stem(experiment: Experiment) -> str:
    """The experiment's name as part of a file name."""
    return experiment.name.replace("/", "-")


class _OutOfTime(Exception):  # noqa: N818  # ends a look, is no error
    """The minutes for further draws are over; finished chunks are kept."""


class _Run:
    """One run, counting what it computes."""

    def __init__(
        self, experiment: Experiment, folder: Path, budget: str, workers: int, progress: Progress
    ) -> None:
        self.fresh = 0
        self._experiment, self._folder = experiment, folder
        self._budget, self._workers, self._progress = budget, workers, progress
        self._store = folder / RESULTS_NAME
        self._missing: dict[str, dict[str, str]] = {}
        self._deadline: float | None = None
        self.growth = Growth(experiment)
        self.last = Findings({}, {})

    def until_settled(self, seconds: float) -> None:
        """Run all panels, then add draws where claims need them, while the seconds last."""
        self.last = self.findings()
        self._deadline = time.monotonic() + seconds
        self.growth.look(self.last)
        while time.monotonic() < self._deadline and self.growth.grow(self.last):
            try:
                self.last = self.findings()
            except _OutOfTime:
                self.growth.undo()
                break
            self.growth.look(self.last)

    def judged(self) -> tuple[Judged, ...]:
        """All statements with what became of them."""
        return tuple(
            Judged(statement, self.growth.verdicts[statement.id])
            for statement in self._experiment.statements
        )

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
            return self._table(panel)
        if isinstance(panel, BeamPanel):
            return self._beams(panel)
        if isinstance(panel, AccuracyPanel):
            return self._accuracy(panel)
        return self._rates(panel, self._resolve(panel, panel.contenders))

    def _table(self, panel: TablePanel) -> Table:
        draws = panel.draws.of(self._budget) * self.growth.times(panel.name)
        table = panel.made(TableRun(self._budget, draws, self._folder))
        self._step(panel, 1, 1, False)
        return table

    def _resolve(
        self, panel: ErrorRatePanel | AccuracyPanel, entries: tuple[Competitor, ...]
    ) -> tuple[Contender, ...]:
        """Those that can compete; the others are noted as missing."""
        folder, may_train = self._folder / "weights", self._budget != "quick"

        def told(network: str, done: int, total: int) -> None:
            self._progress(Step(self._experiment.name, f"training {network}", done, total, False))

        resolved = resolve(entries, folder, may_train=may_train, progress=told)
        self._missing.setdefault(panel.name, {}).update(resolved.missing)
        return resolved.contenders

    def _rates(self, panel: ErrorRatePanel, contenders: tuple[Contender, ...]) -> Comparison:
        forward = self._forward(panel)
        times = self.growth.times_of_points(panel.name)
        return run_error_rates(
            panel, contenders, self._budget, self._store, self._workers, forward, times
        )

    def _beams(self, panel: BeamPanel) -> BeamComparison:
        forward = self._forward(panel)
        times = self.growth.times(panel.name)
        result, missing = run_beam_panel(
            panel, self._budget, self._store, forward, self._workers, times
        )
        self._missing[panel.name] = missing
        return result

    def _forward(self, panel: Panel) -> Callable[[ProgressEvent], None]:
        return lambda event: self._step(panel, event.done_chunks, event.total_chunks, True)

    def _accuracy(self, panel: AccuracyPanel) -> Accuracy:
        channels = panel.channels.of(self._budget) * self.growth.times(panel.name)
        rows = self._rows(panel)

        def estimator(row: dict[str, Contender], scenario: Scenario) -> Estimator:
            contender = row[scenario.key()]
            return Estimator(contender, contender.label in panel.shrunk)

        sessions = [
            session
            for scenario in panel.scenarios
            for session in accuracy_sessions(
                scenario, [estimator(row, scenario) for row in rows], panel.snr_db, channels
            )
        ]
        measured = self._measured(panel, sessions)
        curves: dict[str, AccuracyCurve] = {}
        for row in rows:
            measurements = [
                Measurement(panel.axis_value(scenario, snr, row[scenario.key()]), *measured[key])
                for scenario in panel.scenarios
                for snr in panel.snr_db
                for key in [(scenario.key(), estimator(row, scenario).key(), snr)]
            ]
            add_curve(curves, panel, next(iter(row.values())), measurements)
        for log in panel.logged:
            if log.weights in shipped_weights():
                curves[log.label] = logged_curve(panel, log)
        drawn = min((each.sums.channels for each in measured.values()), default=0)
        return Accuracy(panel, tuple(curves.values()), drawn)

    def _measured(
        self, panel: AccuracyPanel, sessions: list[Session]
    ) -> dict[tuple[str, str, float], Measured]:
        """What all sessions of a panel give."""
        total = sum(session.schedule.num_chunks()[1] for session in sessions)
        measured, done = {}, 0
        for session in sessions:
            before = done

            def forward(event: ProgressEvent, before: int = before) -> None:
                self._step(panel, before + event.done_chunks, total, True)

            measured |= run_accuracy(session, self._store, self._workers, forward)
            done += session.schedule.num_chunks()[0]
        return measured

    def _rows(self, panel: AccuracyPanel) -> list[dict[str, Contender]]:
        """Each receiver that can compete, as it is in every scenario, by the scenario's key."""
        rows: list[dict[str, Contender]] = []
        for entry in panel.contenders:
            row = {}
            for scenario in panel.scenarios:
                built = entry.entry(scenario) if isinstance(entry, PerScenario) else entry
                row |= {scenario.key(): c for c in self._resolve(panel, (built,))}
            if len(row) == len(panel.scenarios):
                rows.append(row)
        return rows

    def _step(self, panel: Panel, done: int, total: int, fresh: bool) -> None:
        self.fresh += fresh
        if self._deadline is not None and fresh and time.monotonic() > self._deadline:
            raise _OutOfTime
        self._progress(Step(self._experiment.name, panel.name, done, total, fresh))


def _plain(finding: Finding) -> dict[str, Any]:
    if isinstance(finding, Comparison | BeamComparison):
        return finding.to_dict()
    if isinstance(finding, Table):
        values = {k: v.value if isinstance(v, Number) else v for k, v in finding.values.items()}
        return {**finding._asdict(), "values": values, "missing": dict(finding.missing)}
    return {
        "metric": finding.panel.metric,
        "axis": finding.panel.axis,
        "channels": finding.channels,
        "curves": [asdict(curve) for curve in finding.curves],
    }
