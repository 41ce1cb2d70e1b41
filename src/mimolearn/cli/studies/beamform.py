"""`mimolearn beamform`: hybrid beamformers on common channels, how good and how fast."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mimolearn.cli.app import AsJson, app
from mimolearn.cli.arguments import (
    RESULTS_NAME,
    Executor,
    Out,
    Quiet,
    RayAddress,
    Replicate,
    ScenarioFile,
    chosen_executor,
    one_scenario,
    results_folder,
)
from mimolearn.cli.progress import Shown, progress_bar
from mimolearn.cli.studies.compare import finish_beams


@app.command()
def beamform(
    file: ScenarioFile = None,
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
    replicate: Replicate = None,
    executor: Executor = None,
    ray_address: RayAddress = None,
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare hybrid beamformers: exact error rates, time, parameters, and an HTML report.

    Interrupted, it loses nothing that was finished; the same command goes on.

    Example: mimolearn beamform --scenario mser-qpsk --snr-db 5,15 --channels 64
    """
    from mimolearn.studies import compare_beams, load_beam_comparison

    source = one_scenario(file, scenario)
    link, plan = load_beam_comparison(
        source, contenders=contender, snr_db=snr_db, channels=channels
    )
    if replicate is not None:
        link = link.with_(replicate=replicate)
    folder = results_folder(out, source)
    with progress_bar(quiet, _shown, topic=lambda event: event.measured) as progress:
        result = compare_beams(
            link,
            plan,
            store=folder / RESULTS_NAME,
            progress=progress,
            workers=workers,
            executor=chosen_executor(executor, ray_address),
            ray_address=ray_address,
        )
    finish_beams(result, folder, as_json)


def _shown(event: Any) -> Shown:
    return Shown(_line(event), event.done_chunks, event.total_chunks)


def _line(event: Any) -> str:
    from mimolearn.report import format_left

    left = format_left(event.eta_s)
    label, chunks = ", ".join(event.measured), f"{event.done_chunks}/{event.total_chunks}"
    return f"{label} at {event.snr_db:g} dB ({chunks}, {left})"
