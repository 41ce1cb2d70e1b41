"""`mimolearn reproduce`: published figures and tables, run again and judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import TimeElapsedColumn

from mimolearn.cli.app import AsJson, app, emit, stdout
from mimolearn.cli.progress import Shown, progress_bar
from mimolearn.cli.words import complete_experiments
from mimolearn.foundation.errors import InvalidInputError

_FOLDER = Path("mimolearn-results") / "reproduction"


@app.command()
def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXPERIMENT]...",
            help="As lcgnet/fig10, lcgnet for a paper, or my-paper.toml for a file of yours.",
            autocompletion=complete_experiments,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All experiments, on one page.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the experiments.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Seconds each, wide intervals.")] = False,
    full: Annotated[bool, typer.Option("--full", help="As many errors as a paper needs.")] = False,
    budget_min: Annotated[
        float | None,
        typer.Option(
            "--budget-min",
            help="Minutes for more draws, shared by the experiments, where claims are not settled; "
            "by default 3 for each, none with --quick and 30 with --full.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", "-w", help="Processes; counts do not depend on it.")
    ] = 1,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for results, plots and page.")
    ] = _FOLDER,
    gather: Annotated[
        Path | None,
        typer.Option(
            "--gather",
            help="Run nothing: write what --out holds to a Markdown file, or to a page for each "
            "paper in a folder.",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Run published figures again and say of each claim what becomes of it.

    What was finished is kept: the same command goes on where it was stopped.

    Example: mimolearn reproduce lcgnet/fig10 --workers 2
    """
    from mimolearn.papers import run_experiment

    chosen = _chosen(names or [], every, listed)
    if quick and full:
        raise InvalidInputError("quick: give either --quick or --full")
    if listed:
        _list(chosen, as_json)
        return
    if gather is not None:
        _gather(chosen, out, gather, " ".join(names or ["--all"]))
        return
    budget = "quick" if quick else "full" if full else "default"
    with _progress(quiet) as progress:
        results = [
            run_experiment(
                experiment,
                out,
                budget=budget,
                budget_min=None if budget_min is None else budget_min / len(chosen),
                workers=workers,
                progress=progress,
            )
            for experiment in chosen
        ]
    _finish(results, out, as_json)


def _chosen(names: list[str], every: bool, listed: bool) -> Any:
    from mimolearn.papers import experiment_names, select_experiments

    if every and names:
        raise InvalidInputError("all: give either --all or names of experiments")
    if not names and not every and not listed:
        raise InvalidInputError("experiment: name one, as lcgnet/fig10, or give --all or --list")
    return select_experiments(names or list(experiment_names()))


def _list(chosen: Any, as_json: bool) -> None:
    from mimolearn.report import experiment_table

    if as_json:
        content = [
            {"name": e.name, "paper": e.paper.title, "title": e.title, "shows": e.shows}
            for e in chosen
        ]
        emit(json.dumps(content, indent=2))
        return
    stdout().print(experiment_table([(e.name, e.title, e.shows) for e in chosen]))


def _gather(chosen: Any, folder: Path, path: Path, words: str) -> None:
    from mimolearn.report import write_reproduction_pages

    command = f"mimolearn reproduce {words} --gather {path.as_posix()}"
    try:
        pages = write_reproduction_pages(chosen, folder, path, command)
    except OSError as error:
        raise InvalidInputError(f"gather: {path} cannot be written: {error.strerror}") from None
    for page in pages:
        stdout().print(f"Page: {page}", soft_wrap=True)


def _finish(results: list[Any], folder: Path, as_json: bool) -> None:
    from mimolearn.papers import file_stem
    from mimolearn.report import outcome_counts, verdict_table, write_reproduction

    single = len(results) == 1
    name = file_stem(results[0].experiment) if single else "reproduction"
    page = write_reproduction(results, folder, name)
    if as_json:
        emit(json.dumps([result.to_dict() for result in results], indent=2))
        return
    console = stdout()
    console.print(verdict_table(results))
    counts = ", ".join(f"{count} {words}" for words, count in outcome_counts(results).items())
    console.print(f"Claims of papers: {counts}.", style="bold")
    console.print(f"Page: {page}", soft_wrap=True)


def _progress(quiet: bool) -> Any:
    return progress_bar(
        quiet,
        lambda step: Shown(f"{step.experiment} · {step.panel}", step.done, step.total),
        TimeElapsedColumn(),
        topic=lambda step: (step.experiment, step.panel),
        plain=lambda step: f"{step.experiment}: {step.panel}",
    )
