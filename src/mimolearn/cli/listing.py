"""`mimolearn list`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from mimolearn.cli.app import AsJson, app, emit, stdout
from mimolearn.cli.words import complete_topics


@app.command("list")
def list_things(
    what: Annotated[
        str,
        typer.Argument(
            help="detectors, beamformers, quantizers, weights, scenarios, channels, snr or "
            "constellations.",
            autocompletion=complete_topics,
        ),
    ] = "all",
    as_json: AsJson = False,
) -> None:
    """List what there is: detectors, trained weights, scenarios, channels, SNR definitions.

    Example: mimolearn list weights
    """
    from mimolearn.report import inventory, inventory_tables

    content = inventory(what)
    if as_json:
        emit(json.dumps(content, indent=2))
        return
    console = stdout()
    for table in inventory_tables(content):
        console.print(table)
