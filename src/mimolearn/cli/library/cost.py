"""`mimolearn cost`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from mimolearn.cli.app import AsJson, app, emit, stdout
from mimolearn.cli.words import complete_contenders, complete_scenarios


@app.command()
def cost(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DETECTOR]...",
            help="Detectors or weights; all by default.",
            autocompletion=complete_contenders,
        ),
    ] = None,
    scenario: Annotated[
        str,
        typer.Option(
            "--scenario",
            "-s",
            help="A shipped scenario, or a TOML file.",
            autocompletion=complete_scenarios,
        ),
    ] = "detnet-30x60-bpsk",
    snr_db: Annotated[
        float, typer.Option("--snr-db", help="Where searches are averaged over vectors.")
    ] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Count multiplications, FLOPs, parameters and bytes of detectors in a scenario.

    Example: mimolearn cost detnet equi-net lmmse --scenario detnet-30x60-bpsk
    """
    from mimolearn.plans.plan import load_scenario
    from mimolearn.report import cost_table, detector_costs

    costs = detector_costs(load_scenario(scenario), tuple(names or ()), snr_db)
    if as_json:
        emit(json.dumps(costs.to_dict(), indent=2))
        return
    console = stdout()
    console.print(cost_table(costs))
    for name, why in costs.missing.items():
        console.print(f"{name}: {why}", style="dim")
