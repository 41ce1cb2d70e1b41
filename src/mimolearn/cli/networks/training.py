"""`mimolearn train` and `mimolearn fine-tune`: networks from recipes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import TimeRemainingColumn

from mimolearn.cli.app import AsJson, app, complain, emit, stdout
from mimolearn.cli.networks.sweep import run_sweep
from mimolearn.cli.progress import Shown, progress_bar
from mimolearn.cli.words import complete_recipes, complete_scenarios, complete_weights
from mimolearn.report.text.fitted import Column, FittedTable

Out = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for weights, card, log and checkpoint.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]

_WEIGHTS_FOLDER = Path("mimolearn-weights")


@app.command()
def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A recipe: a TOML file, or the name of one that ships.",
            autocompletion=complete_recipes,
        ),
    ],
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            "--sweep", help="One training for each value: seed=1,2,3 or num_layers=5,10. Repeat it."
        ),
    ] = None,
    executor: Annotated[
        str, typer.Option("--executor", help="Of a sweep: serial or ray.")
    ] = "serial",
    workers: Annotated[
        int, typer.Option("--workers", "-w", help="Processors of a Ray cluster that starts here.")
    ] = 1,
    ray_address: Annotated[
        str | None,
        typer.Option("--ray-address", help="A running Ray cluster: auto or host:port."),
    ] = None,
    out: Out = _WEIGHTS_FOLDER,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a network as a recipe says: safetensors, a JSON card and a log come out.

    Interrupted, it goes on from its last checkpoint with the same command, bit for bit. With
    --sweep every combination of values is trained, and one table compares them.

    Example: mimolearn train lcgnet-v-32x64-bpsk --sweep seed=1,2,3
    """
    from mimolearn.training import read_recipe

    if sweep:
        chosen = "ray" if ray_address is not None else executor
        run_sweep(recipe, sweep, out, chosen, workers, ray_address, as_json, quiet)
        return
    _train(read_recipe(recipe), out, as_json, quiet)


@app.command("fine-tune")
def fine_tune(
    weights: Annotated[
        str,
        typer.Argument(
            help="Weights: a shipped name or a .safetensors file.",
            autocompletion=complete_weights,
        ),
    ],
    scenario: Annotated[
        str,
        typer.Option(
            "--scenario",
            "-s",
            help="A shipped scenario, or a TOML file.",
            autocompletion=complete_scenarios,
        ),
    ],
    name: Annotated[str | None, typer.Option("--name", help="Name of the new weights.")] = None,
    steps: Annotated[int, typer.Option("--steps", help="Training steps.")] = 200,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Adam's.")] = 5e-3,
    out: Out = _WEIGHTS_FOLDER,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Go on training weights on another scenario.

    Example: mimolearn fine-tune lcgnet-v-32x64-bpsk --scenario lcgnet-32x64-bpsk-correlated
    """
    from mimolearn.plans.plan import load_scenario
    from mimolearn.training import fine_tune_recipe

    link = load_scenario(scenario)
    recipe = fine_tune_recipe(weights, link, name=name, steps=steps, learning_rate=learning_rate)
    _train(recipe, out, as_json, quiet)


def _train(recipe: Any, out: Path, as_json: bool, quiet: bool) -> None:
    from mimolearn.training import Recipe, beside_classical
    from mimolearn.training import train as run_training

    with progress_bar(quiet, _shown, TimeRemainingColumn()) as progress:
        result = run_training(recipe, out=out, progress=progress)
    card = result.card
    if card is None:
        loss = f"no step lowered the validation loss of {result.achieved.start_loss:.4g}"
        kept = "the network is still random, and no weights are written"
        if recipe.start_from:
            kept = "the weights it began with stay as they are, and no others are written"
        raise typer.Exit(complain(f"{recipe.name}: {loss}: {kept}", 1))
    if as_json:
        emit(json.dumps(card.model_dump(mode="json"), indent=2))
        return
    console = stdout()
    table = _numbers("SNR [dB]", "NMSE [dB]", "BER", "SER")
    if card.soft_bits:
        table = _numbers("SNR [dB]", "lost [mbit]", "GMI", "GMI of the true ones")
    for s in card.soft_bits:
        table.add_row(f"{s.snr_db:g}", f"{s.kl_mbit:.2f}", f"{s.gmi:.4f}", f"{s.gmi_true:.4f}")
    for m in card.measured:
        table.add_row(f"{m.snr_db:g}", f"{m.nmse_db:.2f}", f"{m.ber:.2e}", f"{m.ser:.2e}")
    if card.measured or card.soft_bits:
        console.print(table)
    if card.beams_measured:
        console.print(_beams_table(card))
    if isinstance(recipe, Recipe):
        beside = beside_classical(recipe, card.measured)
        if beside is not None:
            console.print(str(beside))
    console.print(str(result.achieved))
    console.print(f"{card.steps} steps in {card.seconds:.0f} s.")
    console.print(f"Weights: {result.path}", soft_wrap=True)


def _numbers(first: str, *others: str) -> FittedTable:
    return FittedTable(Column(first, "name"), *map(Column, others))


def _beams_table(card: Any) -> FittedTable:
    table = _numbers("SNR [dB]", "SER", "geometric", "start")
    for m in card.beams_measured:
        rates = (f"{value:.2e}" for value in (m.ser, m.geometric_ser, m.start_ser))
        table.add_row(f"{m.snr_db:g}", *rates)
    return table


def _shown(event: Any) -> Shown:
    return Shown(_line(event), event.step, event.total_steps)


def _line(event: Any) -> str:
    return (
        f"step {event.step}/{event.total_steps}: loss {event.loss:.4g}, validation "
        f"{event.validation_loss:.4g} (best {event.best_loss:.4g})"
    )
