"""`mimolearn compare`, `simulate` and `report`: error rates, costs, and which receiver to run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mimolearn.cli.app import AsJson, app, emit, stdout
from mimolearn.cli.words import complete_contenders, complete_scenarios
from mimolearn.foundation.errors import InvalidInputError, ResultsFileError, invalid, user_path
from mimolearn.link.scenario import Scenario
from mimolearn.report.terminal import TerminalConsole

RESULTS_NAME = "results.sqlite"

ScenarioFile = Annotated[
    Path | None,
    typer.Argument(metavar="[SCENARIO]", help="A TOML file, or a name as for --scenario."),
]
ScenarioName = Annotated[
    str | None,
    typer.Option(
        "--scenario",
        "-s",
        help="A scenario that ships, see `list scenarios`, or a TOML file.",
        autocompletion=complete_scenarios,
    ),
]
Contenders = Annotated[
    list[str] | None,
    typer.Option(
        "--contender",
        "-c",
        help="A receiver, as lmmse or k-best:k=32. Repeat it.",
        autocompletion=complete_contenders,
    ),
]
SnrDb = Annotated[
    str | None, typer.Option("--snr-db", help="SNRs in dB: 0,5,10 or first:last:step.")
]
Metric = Annotated[
    str | None, typer.Option("--metric", help="ber, ser, ver; coded: bler, info-ber.")
]
Target = Annotated[float | None, typer.Option("--target", help="Error rate to answer for.")]
MinErrors = Annotated[int | None, typer.Option("--min-errors", help="Errors to count at a point.")]
MaxVectors = Annotated[
    int | None, typer.Option("--max-vectors", help="Vectors at which to give a point up.")
]
Workers = Annotated[
    int, typer.Option("--workers", "-w", help="Processes; counts do not depend on it.")
]
Draws = Annotated[
    str | None,
    typer.Option("--draws", help="full, or reduced: triangles of H, as exact and faster."),
]
Executor = Annotated[
    str | None,
    typer.Option("--executor", help="serial, processes or ray; counts do not depend on it."),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", help="A running Ray cluster: auto or host:port."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder for results and report (mimolearn-results/NAME)."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


@app.command()
def compare(
    file: ScenarioFile = None,
    scenario: ScenarioName = None,
    contender: Contenders = None,
    snr_db: SnrDb = None,
    metric: Metric = None,
    target: Target = None,
    min_errors: MinErrors = None,
    max_vectors: MaxVectors = None,
    workers: Workers = 1,
    draws: Draws = None,
    executor: Executor = None,
    ray_address: RayAddress = None,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare receivers on a link and say which to run: a table, plots and an HTML report.

    Interrupted, it loses nothing that was finished; the same command goes on.

    Example: mimolearn compare --scenario lcgnet-32x64-bpsk --workers 2
    """
    from mimolearn.studies import compare as run_compare

    found, plan = load_run(
        file, scenario, contender, snr_db, metric, target, min_errors, max_vectors
    )
    found = _with_draws(found, draws)
    folder = _folder(out, found, one_scenario(file, scenario))
    with run_progress(found, plan, quiet) as progress:
        result = run_compare(
            found,
            plan=plan,
            store=folder / RESULTS_NAME,
            workers=workers,
            executor=chosen_executor(executor, ray_address),
            ray_address=ray_address,
            progress=progress,
        )
    _finish(result, folder, as_json)


@app.command()
def simulate(
    file: ScenarioFile = None,
    scenario: ScenarioName = None,
    contender: Contenders = None,
    snr_db: SnrDb = None,
    metric: Metric = None,
    target: Target = None,
    min_errors: MinErrors = None,
    max_vectors: MaxVectors = None,
    workers: Workers = 1,
    draws: Draws = None,
    executor: Executor = None,
    ray_address: RayAddress = None,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Count errors only: no timing, no plots. `mimolearn report` makes them later.

    Example: mimolearn simulate --scenario oamp-4x4-16qam -c lmmse -c ep --snr-db 0:20:2
    """
    from mimolearn.report import gmi_table, rate_notes, rate_table
    from mimolearn.studies import simulate as run_simulate

    found, plan = load_run(
        file, scenario, contender, snr_db, metric, target, min_errors, max_vectors
    )
    found = _with_draws(found, draws)
    folder = _folder(out, found, one_scenario(file, scenario))
    with run_progress(found, plan, quiet) as progress:
        result = run_simulate(
            found,
            plan=plan,
            store=folder / RESULTS_NAME,
            workers=workers,
            executor=chosen_executor(executor, ray_address),
            ray_address=ray_address,
            progress=progress,
        )
    if as_json:
        emit(result.to_json())
        return
    console = stdout()
    console.print(rate_table(result))
    for line in rate_notes(result):
        console.print(line, style="dim", highlight=False, markup=False)
    _print_gmi(console, gmi_table(result))
    console.print(f"Counts: {folder / RESULTS_NAME}", soft_wrap=True)


@app.command()
def report(
    results: Annotated[Path, typer.Argument(help="A results file, or the folder that holds it.")],
    scenario: Annotated[
        str | None, typer.Option("--scenario", "-s", help="Key or name, if the file holds several.")
    ] = None,
    target: Target = None,
    metric: Metric = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Make the table, plots and HTML report again from stored results; nothing is simulated.

    Example: mimolearn report mimolearn-results/lcgnet-32x64-bpsk --target 1e-4
    """
    from mimolearn.studies import list_results

    results = user_path(results)
    path = results / RESULTS_NAME if results.is_dir() else results
    held = [item for item in list_results(path) if item.kind != "accuracy"]
    words = ", ".join(item.scenario.name or item.scenario.key() for item in held)
    chosen = held
    if scenario is not None:
        chosen = [i for i in held if scenario in (i.scenario.name, i.scenario.key())][:1]
        if not chosen:
            raise InvalidInputError(f"scenario: got {scenario!r}, {path} holds {words}")
    if len(chosen) > 1:
        raise ResultsFileError(f"{path}: holds several scenarios, name one: {words}")
    folder = out or path.parent
    run = _report_beams if chosen and chosen[0].kind == "rates" else _report_errors
    run(path, chosen[0].scenario if chosen else None, target, metric, folder, as_json)


def _report_errors(
    path: Path,
    scenario: Scenario | None,
    target: float | None,
    metric: str | None,
    folder: Path,
    as_json: bool,
) -> None:
    from mimolearn.plans.plan import check_metric
    from mimolearn.studies import adjust_plan, load_results

    result = load_results(path, scenario)
    plan = adjust_plan(result.plan, metric=metric, target=target)
    check_metric(plan.metric, result.scenario)
    _finish(replace(result, plan=plan), _made(folder), as_json)


def _report_beams(
    path: Path,
    scenario: Any,
    target: float | None,
    metric: str | None,
    folder: Path,
    as_json: bool,
) -> None:
    from mimolearn.studies import load_beam_results

    given = {"target": target, "metric": metric}
    for name, value in given.items():
        if value is not None:
            raise invalid(name, value, "none: the results are rates of beamformers")
    finish_beams(load_beam_results(path, scenario), _made(folder), as_json)


def load_run(
    file: Path | None,
    scenario: str | None,
    contender: list[str] | None,
    snr_db: str | None,
    metric: str | None,
    target: float | None,
    min_errors: int | None,
    max_vectors: int | None,
) -> tuple[Scenario, Any]:
    """The scenario and plan that a command line names."""
    from mimolearn.studies import adjust_plan, load_comparison, load_shipped_comparison

    source = one_scenario(file, scenario)
    found, plan = (load_comparison if _is_file(source) else load_shipped_comparison)(source)
    return found, adjust_plan(
        plan,
        contenders=contender,
        snr_db=snr_db,
        metric=metric,
        target=target,
        min_errors=min_errors,
        max_vectors=max_vectors,
    )


def one_scenario(file: Path | None, scenario: str | None) -> str:
    """The file or the name that a command line gives, in either place."""
    if file is not None and scenario is not None:
        raise InvalidInputError(f"scenario: got both {str(file)!r} and {scenario!r}, expected one")
    if file is None and scenario is None:
        raise InvalidInputError(
            "scenario: give a SCENARIO.toml or --scenario NAME, see `mimolearn list scenarios`"
        )
    return str(file) if file is not None else str(scenario)


def _is_file(source: str) -> bool:
    return source.endswith(".toml") or user_path(source).is_file()


def _with_draws(scenario: Scenario, draws: str | None) -> Scenario:
    return scenario if draws is None else Scenario(**{**scenario.model_dump(), "draws": draws})


def chosen_executor(executor: str | None, ray_address: str | None) -> str:
    """The executor that a command line names, by itself or by a cluster's address."""
    if executor is None:
        return "auto" if ray_address is None else "ray"
    return executor


def _folder(out: Path | None, scenario: Scenario, source: str) -> Path:
    name = Path(source).stem if _is_file(source) else scenario.name or scenario.key()
    # Made by the store, once all arguments have been checked.
    return out or Path("mimolearn-results") / name


def _made(folder: Path) -> Path:
    folder = user_path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"out: {folder} cannot be made: {error.strerror}") from None
    return folder


def run_progress(scenario: Scenario, plan: Any, quiet: bool) -> Any:
    """A context that gives the progress callback of a run, None when quiet."""
    from contextlib import nullcontext

    from mimolearn.report import live_progress

    return nullcontext() if quiet else live_progress(TerminalConsole(stderr=True), scenario, plan)


def _finish(result: Any, folder: Path, as_json: bool) -> None:
    from mimolearn.report import answer_table, gmi_table, notes, rate_table, verdict, write_report

    page = write_report(result, folder)
    if as_json:
        emit(result.to_json())
        return
    console = stdout()
    console.print(rate_table(result))
    _print_gmi(console, gmi_table(result))
    console.print(answer_table(result))
    for line in notes(result):
        console.print(line, style="dim")
    console.print()
    for line in verdict(result):
        console.print(line, style="bold")
    console.print(f"\nReport: {page}", soft_wrap=True)


def finish_beams(result: Any, folder: Path, as_json: bool) -> None:
    """Write the report of a comparison of beamformers, and print what it says."""
    from mimolearn.report import beam_notes, beam_table, write_beam_report

    page = write_beam_report(result, folder)
    if as_json:
        emit(result.to_json())
        return
    console = stdout()
    console.print(beam_table(result))
    for line in beam_notes(result):
        console.print(line, style="dim")
    console.print(f"\nReport: {page}", soft_wrap=True)


def _print_gmi(console: TerminalConsole, table: Any) -> None:
    if table is not None:
        console.print(table)
