"""`mimolearn llr-check`: what recorded LLRs are worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mimolearn.cli.app import AsJson, app, emit, stdout


@app.command("llr-check")
def llr_check(
    file: Annotated[Path, typer.Argument(help="LLRs in a .npy, .npz, .mat or HDF5 file.")],
    llr: Annotated[str, typer.Option("--llr", help="Name of the array of LLRs in FILE.")] = "",
    bits: Annotated[
        str, typer.Option("--bits", help="Name of the array of sent bits, 0 or 1, if any.")
    ] = "",
    bits_file: Annotated[
        Path | None, typer.Option("--bits-file", help="Another file, of the sent bits.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for a figure, PNG and SVG.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check recorded LLRs: sign, calibration, best scale, and what 3 to 8 bits of each lose.

    Decibels are those of a binary-input Gaussian channel of the same mutual information.

    Example: mimolearn llr-check received.npz --llr llr --bits sent
    """
    from mimolearn.foundation.errors import user_path
    from mimolearn.report.text.llrs import llr_sentences, reliability_table, storage_table
    from mimolearn.results.llrs.check import check_llrs
    from mimolearn.results.llrs.recorded import read_recording

    recorded = read_recording(str(file), llr, bits, "" if bits_file is None else str(bits_file))
    check = check_llrs(*recorded)
    paths: list[Path] = []
    if out is not None:
        from mimolearn.report.plots.llrs import save_llr_figure

        folder = user_path(out)
        folder.mkdir(parents=True, exist_ok=True)
        paths = save_llr_figure(check, folder)
    if as_json:
        emit(json.dumps(check.to_dict(), indent=2))
        return
    console = stdout()
    for sentence in llr_sentences(check):
        console.print(sentence, highlight=False, markup=False)
    if check.has_bits:
        console.print(reliability_table(check))
    console.print(storage_table(check))
    if paths:
        console.print(f"Figure: {paths[0]}", highlight=False, markup=False)
