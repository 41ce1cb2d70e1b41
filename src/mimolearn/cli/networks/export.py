"""`mimolearn export`: a trained part as an ONNX file, and whether the file counts the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mimolearn.cli.app import AsJson, app, complain, emit, stdout
from mimolearn.cli.arguments import link_of
from mimolearn.cli.words import complete_parts, complete_scenarios
from mimolearn.report.text.fitted import Column, FittedTable


@app.command()
def export(
    name: Annotated[
        str,
        typer.Argument(
            help="Trained weights (a name or a file), or a detector as ep:num_iter=5.",
            autocompletion=complete_parts,
        ),
    ],
    file: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            "-s",
            help="A shipped scenario or a TOML file: antennas, constellation, frames to check on.",
            autocompletion=complete_scenarios,
        ),
    ] = None,
    snr_db: Annotated[
        float | None, typer.Option("--snr-db", help="SNR in dB of the frames to check on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a detector or quantiser as ONNX, and count its errors beside the library's.

    Both get the same frames; where the counts differ the command fails. Needs the extra
    mimolearn[onnx]; running the file needs onnxruntime alone.

    Example: mimolearn export tap-net-any out.onnx --scenario lcgnet-32x64-qpsk --snr-db 7
    """
    from mimolearn.exporting import export as run_export

    link = None if scenario is None else link_of(scenario)
    exported = run_export(name, file, scenario=link, snr_db=snr_db)
    if as_json:
        content = {**exported.check._asdict(), "same": exported.check.same}
        content |= {who: content[who]._asdict() for who in ("library", "onnx")}
        content["files"] = [str(path) for path in exported.files]
        emit(json.dumps(content, indent=2))
    else:
        _print(exported)
    if not exported.check.same:
        raise typer.Exit(complain("the file counts other errors than the library", 1))


def _print(exported: Any) -> None:
    check, console = exported.check, stdout()
    names = ("bit errors", "symbol errors", "vector errors", "not finite")
    table = FittedTable(Column("same frames", "name"), *map(Column, names))
    table.add_row("library", *(str(count) for count in check.library))
    table.add_row("ONNX Runtime", *(str(count) for count in check.onnx))
    console.print(table)
    console.print(
        f"{check.bits} bits in {check.vectors} vectors at {check.snr_db:g} dB. Largest difference "
        f"of an LLR: {check.llr_difference:.2g}, where half are above {check.llr_size:.3g}.",
    )
    if check.different_codes:
        words = f"{check.different_codes} words are encoded differently, by rounding at a border."
        console.print(words)
    if check.ties:
        console.print(
            f"{check.ties} bits are decided otherwise, at LLRs that are 0 but for rounding."
        )
    for path in exported.files:
        console.print(f"File: {path}", soft_wrap=True)
