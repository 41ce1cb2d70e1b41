"""`mimolearn beamform`: hybrid beamformers on common channels, how good and how fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mimolearn.cli.app import AsJson, app, emit, stdout
from mimolearn.cli.compare import one_scenario
from mimolearn.cli.progress import Shown, progress_bar
from mimolearn.foundation.errors import user_path

_RESULTS_NAME = "beams.sqlite"


@app.command()
def beamform(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[SCENARIO]", help="A TOML file, or a name as for --scenario."),
    ] = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", "-s", help="One that ships, or a TOML file.")
    ] = None,
    contender: Annotated[
        list[str] | None,
        typer.Option("--contender", "-c", help="As fd-mmse or mser-gd:num_iter=500. Repeat it."),
    ] = None,
    snr_db: Annotated[
        str | None, typer.Option("--snr-db", help="SNRs in dB: 5,15,25 or first:last:step.")
    ] = None,
    channels: Annotated[
        int | None, typer.Option("--channels", help="Channels, the same for all contenders.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", "-w", help="Processes; rates do not depend on it.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for results and report (mimolearn-results/NAME)."),
    ] = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Compare hybrid beamformers: exact error rates, time, parameters, and an HTML report.

    Interrupted, it loses nothing that was finished; the same command goes on.

    Example: mimolearn beamform --scenario mser-qpsk --snr-db 5,15 --channels 64
    """
    from mimolearn.report import beam_notes, beam_table, write_beam_report
    from mimolearn.studies import compare_beams, load_beam_comparison

    source = one_scenario(file, scenario)
    found, plan = load_beam_comparison(source)
    plan = plan.adjusted(contenders=contender, snr_db=snr_db, channels=channels)
    folder = user_path(out or Path("mimolearn-results") / Path(source).stem)
    with progress_bar(quiet, _shown, topic=lambda event: event.label) as progress:
        result = compare_beams(
            found, plan, store=folder / _RESULTS_NAME, progress=progress, workers=workers
        )
    page = write_beam_report(result, folder)
    if as_json:
        emit(result.to_json())
        return
    console = stdout()
    console.print(beam_table(result))
    for line in beam_notes(result):
        console.print(line, style="dim")
    console.print(f"\nReport: {page}", soft_wrap=True)


def _shown(event: Any) -> Shown:
    return Shown(_line(event), event.done, event.total)


def _line(event: Any) -> str:
    from mimolearn.report import format_left

    left = format_left(event.eta_s)
    return f"{event.label} at {event.snr_db:g} dB ({event.done}/{event.total}, {left})"
