"""`mimolearn warm-up`: kernels compiled before they are needed."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from mimolearn.cli.app import AsJson, app, emit
from mimolearn.cli.arguments import Quiet


@app.command("warm-up")
def warm_up(
    kernels: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KERNELS]...", help="As 'search.*', see `doctor`; all by default."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", help="Processes (as many as processors).")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compile kernels ahead, so that no first use waits for them.

    Machine code stays on disk, see `mimolearn doctor`; what is there already is kept.

    Example: mimolearn warm-up --workers 2
    """
    from mimolearn.cli.progress import Shown, progress_bar
    from mimolearn.studies.execution.warm_up import warm_up as run

    def shown(event: Any) -> Shown:
        return Shown(f"compiled {event.module}", event.done, event.total)

    with progress_bar(quiet, shown) as progress:
        counts = run(tuple(kernels or ()), workers=workers, progress=progress)
    if as_json:
        emit(json.dumps(counts, indent=2))
        return
    emit(f"{sum(counts.values())} kernels of {len(counts)} modules are ready.")
