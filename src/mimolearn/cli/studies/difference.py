"""`mimolearn diff`: two results files against each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mimolearn.cli.app import AsJson, app, emit, stdout
from mimolearn.cli.arguments import CsvFile, Metric, Target, results_file
from mimolearn.foundation.errors import invalid


@app.command()
def diff(
    a: Annotated[Path, typer.Argument(help="A results file, or the folder that holds it.")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    pair: Annotated[
        list[str] | None,
        typer.Option("--pair", help="lmmse=sionna-lmmse: one of A against one of B. Repeat it."),
    ] = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", "-s", help="Key or name, if files hold several.")
    ] = None,
    metric: Metric = None,
    target: Target = None,
    csv: CsvFile = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 where a point is told apart.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Compare two results files: two versions, two machines, or ours against a stored peer.

    Example: mimolearn diff before/results.sqlite after/results.sqlite
    """
    from mimolearn.report.text.difference import (
        difference_notes,
        difference_table,
        difference_verdict,
        gap_table,
    )
    from mimolearn.studies.diff_results import diff_results

    differences = diff_results(
        results_file(a),
        results_file(b),
        _pairs(pair),
        scenario=scenario,
        metric=metric,
        target=target,
    )
    if csv is not None:
        if len(differences) > 1:
            raise invalid("csv", str(csv), "one scenario alone: name it by --scenario")
        differences[0].to_csv(csv)
    status = int(exit_code and any(difference.differs for difference in differences))
    if as_json:
        emit(json.dumps([item.to_dict() for item in differences], indent=2, allow_nan=False))
        return status
    console = stdout()
    for difference in differences:
        console.print(difference_table(difference))
        console.print(gap_table(difference))
        for line in difference_notes(difference):
            console.print(line, style="dim", highlight=False, markup=False)
        console.print(difference_verdict(difference), style="bold", highlight=False, markup=False)
    return status


def _pairs(texts: list[str] | None) -> dict[str, str] | None:
    if not texts:
        return None
    pairs = {}
    for text in texts:
        a, _, b = text.partition("=") if text.count("=") == 1 else text.partition(" = ")
        if not a or not b:
            expected = "one of A = one of B, as lmmse=sionna-lmmse"
            raise invalid("pair", text, f"{expected} (with spaces where a label has an = itself)")
        pairs[a.strip()] = b.strip()
    return pairs
