"""`mimolearn plan`: what a curve will cost before it is simulated."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.text import Text

from mimolearn.cli.app import AsJson, app, emit, stdout
from mimolearn.cli.arguments import (
    Contenders,
    Metric,
    MinErrors,
    Quiet,
    ScenarioFile,
    ScenarioName,
    SnrDb,
    one_scenario,
)
from mimolearn.report.text.fitted import Column, FittedTable
from mimolearn.report.text.terminal import TerminalConsole, is_animated


@app.command()
def plan(
    file: ScenarioFile = None,
    scenario: ScenarioName = None,
    contender: Contenders = None,
    snr_db: SnrDb = None,
    metric: Metric = None,
    min_errors: MinErrors = None,
    target_error: Annotated[
        float, typer.Option("--target-error", help="How far down the curves should reach.")
    ] = 1e-6,
    pilot_s: Annotated[
        float, typer.Option("--pilot-s", help="Seconds of pilot for each contender, about.")
    ] = 20.0,
    hours: Annotated[float, typer.Option("--hours", help="Within how many hours.")] = 8.0,
    processors: Annotated[
        int | None, typer.Option("--processors", help="Of each machine (as many as this one has).")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say how many vectors, processor hours and machines a comparison needs, from a short pilot.

    Example: mimolearn plan --scenario lcgnet-32x64-bpsk --target-error 1e-6
    """
    from mimolearn.studies import forecast

    source = one_scenario(file, scenario)
    processors = processors or os.cpu_count() or 1
    with _progress(quiet) as progress:
        result = forecast(
            source,
            contender,
            snr_db,
            target_error=target_error,
            metric=metric,
            min_errors=min_errors,
            pilot_s=pilot_s,
            progress=progress,
        )
    machines = result.machines(hours, processors) if result.snr_db else None
    if as_json:
        content = {**_plain(result), "hours": hours, "processors": processors, "machines": machines}
        emit(json.dumps(content, indent=2))
        return
    console = stdout()
    console.print(_table(result))
    for curve in result.curves:
        if curve.note:
            console.print(f"{curve.label}: {curve.note}")
    if not result.snr_db:
        return
    console.print(
        f"All on common draws: {_span(result.cpu_s, _duration)} of one processor like this one; "
        f"within {hours:g} h on {machines} machine{'s' * (machines != 1)} of {processors}.",
        style="bold",
    )
    console.print(
        f"Run: --snr-db {','.join(f'{snr:g}' for snr in result.snr_db)} --target {target_error:g} "
        f"--min-errors {result.min_errors} --max-vectors {result.max_vectors}",
        soft_wrap=True,
    )


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[Any], None] | None]:
    """One line on a terminal that says where the pilot is."""
    console = TerminalConsole(stderr=True)
    if quiet or not is_animated(console):
        yield None
        return

    def say(event: Any) -> None:
        state = event.contenders[0]
        words = (
            f"pilot: {state.label} at {event.snr_db:g} dB, {state.errors} errors in "
            f"{state.vectors} vectors"
        )
        status.update(console.render_str(words))

    # "dots" are braille letters.
    spinner = "dots" if console.encoding.startswith("utf") else "line"
    with console.status(Text("pilot"), spinner=spinner) as status:
        yield say


def _table(result: Any) -> FittedTable:
    table = FittedTable(
        Column("contender", "name"),
        Column(f"pilot reached ({result.metric})", rank=1),
        Column(f"SNR at {result.target_error:g} [dB]"),
        Column("vectors"),
        Column("time of one processor"),
    )
    for curve in result.curves:
        table.add_row(
            curve.label,
            f"{curve.measured_rate:.1e} at {curve.measured_snr_db:g} dB",
            _span(curve.required_snr_db, "{:.1f}".format),
            _span(curve.vectors, "{:.1e}".format),
            _span(curve.cpu_s, _duration),
        )
    return table


def _span(values: Any, write: Any) -> str:
    if not all(map(math.isfinite, values)):
        return "not known"
    low, high = write(values.low), write(values.high)
    return low if low == high else f"{low} to {high}"


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _plain(result: Any) -> dict[str, Any]:
    """JSON has no NaN: what is not known is null."""
    curves = [
        {
            name: [None if math.isnan(end) else end for end in value]
            if isinstance(value, tuple)
            else value
            for name, value in curve._asdict().items()
        }
        for curve in result.curves
    ]
    return {**result._asdict(), "curves": curves}
