"""`mimolearn board`: a fixed set of links, results that anyone can count again, and their page."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mimolearn.cli.app import AsJson, app, complain, emit, stdout
from mimolearn.cli.arguments import RESULTS_NAME, Quiet, Workers
from mimolearn.cli.studies.compare import run_progress
from mimolearn.cli.words import complete_contenders
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.report.text.fitted import Column, FittedTable

if TYPE_CHECKING:
    from mimolearn.board import Board, LinkCheck, LinkRun, Submission
    from mimolearn.plans.contender import Contender

board_app = typer.Typer(
    name="board",
    help="An open board: fixed links, results that anyone can count again, and their page.\n\n"
    "Example: mimolearn board list",
    rich_markup_mode=None,
    no_args_is_help=True,
)
app.add_typer(board_app)

_FOLDER = Path("mimolearn-results") / "board"

Folder = Annotated[
    Path | None,
    typer.Option("--board", help="Folder of another board: board.toml and links/NAME.toml."),
]
Links = Annotated[
    list[str] | None, typer.Option("--link", "-l", help="A link of the board. Repeat it.")
]
Detectors = Annotated[
    list[str],
    typer.Argument(
        metavar="DETECTOR...",
        help="As k-best:k=16, lab.receivers:Mine, net.safetensors or receiver.onnx.",
        autocompletion=complete_contenders,
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")]


@board_app.command("list")
def list_links(board: Folder = None, as_json: AsJson = False) -> None:
    """List the links of the board, and the digest of its draws.

    Example: mimolearn board list
    """
    from mimolearn.board import load_board

    chosen = load_board(board)
    if as_json:
        links = [{**link.identity(), "about": link.about} for link in chosen.links]
        content = {"title": chosen.title, "version": chosen.version, "sha256": chosen.digest}
        emit(json.dumps({**content, "links": links}, indent=2))
        return
    table = FittedTable(
        Column("link", "name"),
        Column("goal"),
        Column("SNR [dB]"),
        Column("vectors"),
        Column("reference", "name"),
        Column("what it is there for", "words"),
        title=f"{chosen.title}, version {chosen.version}",
    )
    for link in chosen.links:
        goal = f"{link.metric.upper()} {link.target:g}"
        span = f"{link.snr_db[0]:g} to {link.snr_db[-1]:g}"
        vectors = f"{len(link.snr_db)} x {link.vectors:,}"
        table.add_row(link.name, goal, span, vectors, link.reference.label, link.about)
    console = stdout()
    console.print(table)
    console.print(f"Digest of the draws: {chosen.digest}", soft_wrap=True)


@board_app.command()
def run(
    detectors: Detectors,
    link: Links = None,
    board: Folder = None,
    out: Out = _FOLDER,
    workers: Workers = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run detectors on the links of the board, beside its reference and its yardstick.

    What was finished is kept: the same command goes on where it was stopped.

    Example: mimolearn board run k-best:k=16 --link 4x4-16qam
    """
    from mimolearn.board import load_board, run_board

    chosen, contenders = load_board(board), _parsed(detectors)
    store = out / RESULTS_NAME
    options: dict[str, Any] = {"links": link, "workers": workers, "progress": _progress(quiet)}
    runs = run_board(chosen, contenders, store, **options)
    if as_json:
        emit(json.dumps([_run_content(item) for item in runs], indent=2))
        return
    _print_runs(chosen, contenders, runs)
    stdout().print(f"Counts: {store}", soft_wrap=True)


@board_app.command()
def submit(
    detectors: Detectors,
    board: Folder = None,
    out: Out = _FOLDER,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="The JSON file, or a folder (LABEL.json in --out)."),
    ] = None,
    about: Annotated[str, typer.Option("--about", help="What it is, in a few words.")] = "",
    source: Annotated[str, typer.Option("--source", help="Where its code or paper is.")] = "",
) -> None:
    """Write what detectors did on the board as JSON files, one each, signed by their digest.

    Nothing is run: links that `mimolearn board run` has finished are in it.

    Example: mimolearn board submit k-best:k=16 --about "16 survivors"
    """
    from mimolearn.board import (
        load_board,
        make_submission,
        refusal,
        stored_runs,
        write_submission,
    )

    chosen, contenders = load_board(board), _parsed(detectors)
    if file is not None and len(contenders) > 1 and not file.is_dir():
        raise InvalidInputError(f"file: got {str(file)!r}, expected a folder for several detectors")
    results = stored_runs(chosen, contenders, out / RESULTS_NAME)
    for contender in contenders:
        run_on = {
            item.name
            for item, result in results
            for curve in result.curves
            if curve.points and curve.contender.key() == contender.key()
        }
        others = [item for item in chosen.links if item.name not in run_on]
        reasons = {item.name: refusal(item, contender) for item in others}
        refused = {name: reason for name, reason in reasons.items() if reason}
        made = make_submission(chosen, contender, results, refused, about=about, source=source)
        path = write_submission(made, out if file is None else file)
        names = [item.name for item in chosen.links]
        missing = [name for name in names if name not in made.links and name not in refused]
        console = stdout()
        console.print(
            f"{path}: {made.label} on {len(made.links)} of {len(chosen.links)} links, "
            f"digest {made.sha256[:16]}",
            soft_wrap=True,
        )
        if missing:
            console.print(f"Not run yet: {', '.join(missing)}", style="dim")


@board_app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="A submission.")],
    link: Links = None,
    detector: Annotated[
        str | None,
        typer.Option("--detector", help="The same detector, where a file of its lies elsewhere."),
    ] = None,
    digest_only: Annotated[
        bool, typer.Option("--digest-only", help="See that the file is whole; run nothing.")
    ] = False,
    board: Folder = None,
    workers: Workers = 1,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Count a submission again and say whether every integer is the same, or where they differ.

    Example: mimolearn board check k-best.json --link 4x4-16qam
    """
    from mimolearn.board import check_submission, load_board, read_submission
    from mimolearn.plans.contender import Contender

    chosen = load_board(board)
    submission = read_submission(file, chosen)
    if digest_only:
        stdout().print(f"{file}: whole, {len(submission.links)} links", soft_wrap=True)
        return
    given = None if detector is None else Contender.parse(detector)
    options: dict[str, Any] = {"links": link, "workers": workers, "progress": _progress(quiet)}
    checks = check_submission(submission, chosen, contender=given, **options)
    if as_json:
        emit(json.dumps([item._asdict() for item in checks], indent=2))
    else:
        _print_checks(submission, checks)
    if any(item.differences for item in checks):
        raise typer.Exit(complain("the submission counts other errors than this machine", 1))


@board_app.command()
def build(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="For the page; it is made.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE.json]...", help="Submissions beside those that ship."),
    ] = None,
    board: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make the page of the board, of the submissions that ship and of others.

    Example: mimolearn board build board-page
    """
    from mimolearn.board import (
        build_site,
        load_board,
        read_submission,
        shipped_submissions,
        standing_rows,
        standings,
    )

    chosen = load_board(board)
    paths = [*(shipped_submissions() if board is None else ()), *(files or ())]
    submissions = [read_submission(path, chosen) for path in paths]
    page = build_site(chosen, submissions, folder)
    if as_json:
        emit(json.dumps(standing_rows(standings(chosen, submissions)), indent=2))
        return
    stdout().print(f"Board of {len(submissions)} submissions: {page}", soft_wrap=True)


def _parsed(detectors: list[str]) -> list[Contender]:
    """The contenders that are asked for, each once."""
    from mimolearn.plans.contender import Contender, unique_contenders

    contenders = [Contender.parse(text) for text in detectors]
    unique_contenders(contenders)
    return contenders


def _progress(quiet: bool) -> Callable[[Any, Any], AbstractContextManager[Any]]:
    """From a link and its plan to its live table, with the link's name before it."""

    def of_link(link: Any, plan: Any) -> AbstractContextManager[Any]:
        if not quiet:
            stderr().print(f"{link.name}", style="bold")
        return run_progress(link.scenario, plan, quiet)

    return of_link


def stderr() -> Any:
    """The console for progress."""
    from mimolearn.report.text.terminal import TerminalConsole

    return TerminalConsole(stderr=True)


def _print_runs(board: Board, contenders: list[Contender], runs: list[LinkRun]) -> None:
    from mimolearn.report import Answers
    from mimolearn.report.numbers import format_count, format_required, format_us

    yardstick = board.yardstick
    table = FittedTable(
        Column("link", "name"),
        Column("detector", "name"),
        Column("CSI"),
        Column("SNR needed [95 %]"),
        Column("beyond the reference [95 %]"),
        Column("time"),
        Column(f"over {yardstick.label}", rank=1),
        Column("real mult./vector", rank=2),
    )
    for item in runs:
        if item.comparison is None:
            continue
        result, answers = item.comparison, Answers(item.comparison)
        labels = {curve.contender.key(): curve.label for curve in result.curves}
        reference = labels[item.link.reference.key()]
        beside = answers.cost(labels[yardstick.key()], answers.time)
        for row in answers.rows:
            contender = result.curve(row.label).contender
            if contender.key() not in {c.key() for c in contenders}:
                continue
            over = "–" if not (row.time_us and beside) else f"{row.time_us / beside:.3g}x"
            table.add_row(
                item.link.name,
                row.label,
                item.link.csi(contender),
                format_required(row.required),
                _gap_words(result.gap(reference, row.label), reference),
                format_us(row.time_us),
                over,
                format_count(row.multiplications),
            )
    console = stdout()
    console.print(table)
    for item in runs:
        for label, why in item.refused.items():
            console.print(f"{item.link.name}: not served by {label}: {why}", style="dim")


def _gap_words(gap: Any, reference: str) -> str:
    if gap.value_db is None:
        return f"– {reference}"
    if gap.low_db is None or gap.high_db is None:
        return f"{gap.value_db:+.2f} dB {reference}"
    return f"{gap.value_db:+.2f} dB [{gap.low_db:+.2f}, {gap.high_db:+.2f}] {reference}"


def _run_content(item: LinkRun) -> dict[str, Any]:
    result = None if item.comparison is None else item.comparison.to_dict()
    return {"link": item.link.name, "refused": item.refused, "comparison": result}


def _print_checks(submission: Submission, checks: list[LinkCheck]) -> None:
    console = stdout()
    for item in checks:
        words = f"{item.points} SNRs, equal to the last bit"
        if item.differences:
            words = "; ".join(item.differences)
        console.print(f"{submission.label} on {item.link}: {words}", soft_wrap=True)
