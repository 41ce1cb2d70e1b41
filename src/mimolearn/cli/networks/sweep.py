"""`mimolearn train --sweep`: what a sweep prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from mimolearn.cli.app import complain, emit, stdout
from mimolearn.report.text.fitted import Column, FittedTable
from mimolearn.report.text.terminal import TerminalConsole


def run_sweep(
    recipe: str,
    texts: list[str],
    out: Path,
    executor: str,
    workers: int,
    ray_address: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train all members of a sweep and print one table, or JSON, of what they measured.

    Args:
        recipe: a TOML file, or the name of one that ships.
        texts: axes, as "seed=1,2,3".
        out: folder for weights.
        executor: "serial" or "ray".
        workers: processors of a Ray cluster that starts here.
        ray_address: of a running Ray cluster.
        as_json: print the cards as JSON in place of a table; null where training kept its start.
        quiet: show no progress.

    Raises:
        typer.Exit: where all of them kept their starts.
    """
    from mimolearn.training import parse_axis, sweep

    axes = [parse_axis(text) for text in texts]
    results = sweep(
        recipe,
        axes,
        out=out,
        executor=executor,
        workers=workers,
        ray_address=ray_address,
        progress=None if quiet else _say,
    )
    if as_json:
        content = [card and card.model_dump(mode="json") for _, card in results]
        emit(json.dumps(content, indent=2))
    losses = [card.validation_loss for _, card in results if card]
    if not losses:
        raise typer.Exit(complain("no step of any training lowered its validation loss", 1))
    if as_json:
        return
    table = FittedTable(
        *(Column(axis.field, "name") for axis in axes),
        Column("validation loss"),
        Column("measured", "words"),
        Column("steps", rank=1),
        Column("CPU s", rank=2),
        Column("weights", "words"),
    )
    for member, card in results:
        if card is None:
            table.add_row(*map(str, member.values), "kept its start", "", "", "", "none")
            continue
        table.add_row(
            *map(str, member.values),
            f"{card.validation_loss:.4g}" + (" *" if card.validation_loss == min(losses) else ""),
            measured(card),
            str(card.steps),
            f"{card.seconds:.0f}",
            card.name,
        )
    console = stdout()
    console.print(table)
    console.print(f"* the least of {len(results)}, on each one's own validation set.")
    console.print(f"Folder: {out}", soft_wrap=True)


def measured(card: Any) -> str:
    """What a card says of new channels, in a few words."""
    words = [f"BER {m.ber:.2e} at {m.snr_db:g} dB" for m in card.measured]
    words += [f"{m.kl_mbit:.2f} mbit at {m.snr_db:g} dB" for m in card.soft_bits]
    words += [f"SER {m.ser:.2e} at {m.snr_db:g} dB" for m in card.beams_measured]
    return ", ".join(words)


def _say(event: Any) -> None:
    outcome = "there already" if event.kept else "trained"
    TerminalConsole(stderr=True).print(f"{event.done}/{event.total} {event.name}: {outcome}")
