"""`mimolearn compare`, `simulate` and `report`: error rates, costs, and which receiver to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from mimolearn.cli.app import AsJson, app, emit, stdout
from mimolearn.cli.arguments import (
    RESULTS_NAME,
    BudgetUs,
    Contenders,
    Cores,
    CsvFile,
    Draws,
    Executor,
    MaxVectors,
    Mcs,
    Metric,
    MinErrors,
    Out,
    Overlay,
    Quiet,
    RayAddress,
    Replicate,
    ScenarioFile,
    ScenarioName,
    SnrDbOrAuto,
    Target,
    Workers,
    chosen_executor,
    one_scenario,
    results_file,
    results_folder,
)
from mimolearn.cli.studies.goodput import checked_budget, finish_goodput, print_goodput
from mimolearn.foundation.errors import InvalidInputError, ResultsFileError, invalid, user_path
from mimolearn.foundation.signatures import takes_arguments_of
from mimolearn.report.text.terminal import TerminalConsole

if TYPE_CHECKING:
    from mimolearn.plans.plan import AnyScenario
    from mimolearn.report import Published
    from mimolearn.results.goodput import Budget


class _Run(NamedTuple):
    """What a command line asks for.

    link, plan: the scenario, and the plan by which it is run. folder: of the results. options: of
    ``studies.simulate`` besides. csv, as_json, quiet: as given.
    """

    link: AnyScenario
    plan: Any
    folder: Path
    options: dict[str, Any]
    csv: Path | None
    as_json: bool
    quiet: bool

    def simulate(self, *, timing: bool) -> Any:
        """Run it with its progress on standard error.

        Returns the comparison, or those of all MCS where the plan has some.
        """
        from mimolearn import studies

        store = self.folder / RESULTS_NAME
        run: Any = studies.simulate_mcs if self.plan.mcs else studies.simulate
        with run_progress(self.link, self.plan, self.quiet) as progress:
            return run(
                self.link,
                plan=self.plan,
                store=store,
                progress=progress,
                timing=timing,
                **self.options,
            )

    def write_csv(self, result: Any) -> None:
        """Write results as the file of ``--csv``, where it is given."""
        if self.csv is not None:
            result.to_csv(self.csv)


def _run(
    file: ScenarioFile = None,
    scenario: ScenarioName = None,
    contender: Contenders = None,
    snr_db: SnrDbOrAuto = None,
    mcs: Mcs = None,
    metric: Metric = None,
    target: Target = None,
    min_errors: MinErrors = None,
    max_vectors: MaxVectors = None,
    workers: Workers = 1,
    draws: Draws = None,
    replicate: Replicate = None,
    executor: Executor = None,
    ray_address: RayAddress = None,
    out: Out = None,
    csv: CsvFile = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> _Run:
    """The arguments of `compare` and `simulate`, and what they ask for."""
    from mimolearn.link.grid_scenario import GridScenario
    from mimolearn.studies import adjust_plan, load_comparison, snr_around_target

    source = one_scenario(file, scenario)
    link, plan = load_comparison(
        source,
        contenders=contender,
        snr_db=None if snr_db == "auto" else snr_db,
        mcs=mcs,
        metric=metric,
        target=target,
        min_errors=min_errors,
        max_vectors=max_vectors,
    )
    if draws is not None:
        if isinstance(link, GridScenario):
            raise invalid("draws", draws, "none: the scenario is of a resource grid")
        link = link.with_(draws=draws)
    if replicate is not None:
        link = link.with_(replicate=replicate)
    if snr_db == "auto":
        plan = adjust_plan(plan, snr_db=snr_around_target(link, plan))
    options = {
        "workers": workers,
        "executor": chosen_executor(executor, ray_address),
        "ray_address": ray_address,
    }
    return _Run(link, plan, results_folder(out, source), options, csv, as_json, quiet)


@app.command()
@takes_arguments_of(_run)
def compare(
    *,
    budget_us: BudgetUs = None,
    cores: Cores = 1,
    overlay: Overlay = None,
    **arguments: Any,
) -> None:
    """Compare receivers on a link and say which to run: a table, plots and an HTML report.

    Interrupted, it loses nothing that was finished; the same command goes on.

    Example: mimolearn compare --scenario lcgnet-32x64-bpsk --workers 2
    """
    run = _run(**arguments)
    budget = checked_budget(budget_us, cores, run.link)
    published = _published(overlay, "several MCS are compared" if run.plan.mcs else "")
    result = run.simulate(timing=True)
    run.write_csv(result)
    if run.plan.mcs:
        finish_goodput(result, run.folder, budget, run.as_json)
    else:
        _finish(result, run.folder, budget, published, run.as_json)


@app.command()
@takes_arguments_of(_run)
def simulate(**arguments: Any) -> None:
    """Count errors only: no timing, no plots. `mimolearn report` makes them later.

    Example: mimolearn simulate --scenario oamp-4x4-16qam -c lmmse -c ep --snr-db 0:20:2
    """
    from mimolearn.report import (
        Answers,
        gmi_table,
        harq_notes,
        harq_table,
        rate_notes,
        rate_table,
        slot_table,
    )

    run = _run(**arguments)
    result = run.simulate(timing=False)
    run.write_csv(result)
    if run.as_json:
        emit(result.to_json())
        return
    console = stdout()
    if run.plan.mcs:
        print_goodput(console, result)
    else:
        answers = Answers(result)
        console.print(rate_table(answers))
        for line in [*rate_notes(answers), *harq_notes(answers)]:
            console.print(line, style="dim", highlight=False, markup=False)
        _print_tables(console, slot_table(answers), gmi_table(answers), harq_table(answers))
    console.print(f"Counts: {run.folder / RESULTS_NAME}", soft_wrap=True)


@app.command()
def report(
    results: Annotated[Path, typer.Argument(help="A results file, or the folder that holds it.")],
    scenario: Annotated[
        str | None, typer.Option("--scenario", "-s", help="Key or name, if the file holds several.")
    ] = None,
    target: Target = None,
    metric: Metric = None,
    budget_us: BudgetUs = None,
    cores: Cores = 1,
    overlay: Overlay = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Make the table, plots and HTML report again from stored results; nothing is simulated.

    Example: mimolearn report mimolearn-results/lcgnet-32x64-bpsk --target 1e-4
    """
    from mimolearn.studies import list_results
    from mimolearn.studies.mcs_run import mcs_families

    path = results_file(results)
    held = [item for item in list_results(path) if item.kind != "accuracy"]
    words = ", ".join(item.label for item in held)
    chosen = held
    if scenario is not None:
        chosen = [i for i in held if scenario in (i.scenario.name, i.label, i.scenario.key())]
        if not chosen:
            raise InvalidInputError(f"scenario: got {scenario!r}, {path} holds {words}")
    families = mcs_families(chosen)
    together = len(chosen) > 1 and [len(family) for family in families.values()] == [len(chosen)]
    if scenario is not None and not together:
        chosen = chosen[:1]
    if len(chosen) > 1 and not together:
        raise ResultsFileError(f"{path}: holds several scenarios, name one: {words}")
    link = chosen[0].scenario if chosen else None
    rates = bool(chosen) and chosen[0].kind == "rates"
    why = "the results are rates of beamformers" if rates else ""
    published = _published(overlay, "several MCS are compared" if together else why)
    budget = checked_budget(budget_us, cores, link)
    given = _Reading(path, link, metric, target, budget, published)
    folder = out or path.parent
    if rates:
        _report_beams(given, folder, as_json)
    elif together:
        _report_goodput(given, folder, as_json)
    else:
        _report_errors(given, folder, as_json)


class _Reading(NamedTuple):
    """What is read of a results file: a scenario, or none where it holds one alone; and how."""

    path: Path
    link: Any
    metric: str | None
    target: float | None
    budget: Budget | None
    published: Sequence[Published]


def _report_errors(given: _Reading, folder: Path, as_json: bool) -> None:
    from mimolearn.plans.plan import check_metric
    from mimolearn.studies import adjust_plan, load_results

    result = load_results(given.path, given.link)
    plan = adjust_plan(result.plan, metric=given.metric, target=given.target)
    check_metric(plan.metric, result.scenario)
    result = replace(result, plan=plan)
    _finish(result, _made(folder), given.budget, given.published, as_json)


def _report_goodput(given: _Reading, folder: Path, as_json: bool) -> None:
    from mimolearn.studies import load_mcs_results

    study = load_mcs_results(given.path, given.link)
    study = study.read_by(metric=given.metric, target=given.target)
    finish_goodput(study, _made(folder), given.budget, as_json)


def _report_beams(given: _Reading, folder: Path, as_json: bool) -> None:
    from mimolearn.studies import load_beam_results

    for name, value in {"target": given.target, "metric": given.metric}.items():
        if value is not None:
            raise invalid(name, value, "none: the results are rates of beamformers")
    finish_beams(load_beam_results(given.path, given.link), _made(folder), as_json)


def _made(folder: Path) -> Path:
    folder = user_path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"out: {folder} cannot be made: {error.strerror}") from None
    return folder


def run_progress(scenario: AnyScenario, plan: Any, quiet: bool) -> Any:
    """A context that gives the progress callback of a run; None when quiet.

    Args:
        scenario: of the run.
        plan: of the run.
        quiet: show nothing.
    """
    from contextlib import nullcontext

    from mimolearn.report import live_progress

    return nullcontext() if quiet else live_progress(TerminalConsole(stderr=True), scenario, plan)


def _published(overlay: Path | None, refusal: str) -> Sequence[Published]:
    """The curves of ``--overlay``.

    Args:
        overlay: as given.
        refusal: why nothing can be drawn over these results; else empty.
    """
    from mimolearn.report import read_published

    if overlay is None:
        return ()
    if refusal:
        raise invalid("overlay", str(overlay), f"none: {refusal}")
    return read_published(overlay)


def _finish(
    result: Any,
    folder: Path,
    budget: Budget | None,
    published: Sequence[Published],
    as_json: bool,
) -> None:
    from mimolearn import report as reports

    answers = reports.Answers(result, published)
    served = reports.within_budget(result, budget)
    page = reports.write_report(answers, folder, served)
    if as_json:
        emit(result.to_json())
        return
    console = stdout()
    console.print(reports.rate_table(answers))
    tables = reports.slot_table, reports.gmi_table, reports.harq_table
    _print_tables(console, *(table(answers) for table in tables))
    console.print(reports.answer_table(answers))
    for line in [*reports.notes(answers), *reports.harq_notes(answers)]:
        console.print(line, style="dim")
    console.print()
    for line in [*reports.verdict(answers), *served]:
        console.print(line, style="bold")
    console.print(f"\nReport: {page}", soft_wrap=True)


def finish_beams(result: Any, folder: Path, as_json: bool) -> None:
    """Write the report of a comparison of beamformers, and print what it says.

    Args:
        result: the comparison.
        folder: for page and figures; it exists.
        as_json: print the comparison as JSON in place of tables.
    """
    from mimolearn.report import BeamAnswers, beam_notes, beam_table, write_beam_report

    answers = BeamAnswers(result)
    page = write_beam_report(answers, folder)
    if as_json:
        emit(result.to_json())
        return
    console = stdout()
    console.print(beam_table(answers))
    for line in beam_notes(answers):
        console.print(line, style="dim")
    console.print(f"\nReport: {page}", soft_wrap=True)


def _print_tables(console: TerminalConsole, *tables: Any) -> None:
    for table in tables:
        if table is not None:
            console.print(table)
