"""`mimolearn schema`: JSON schemas of TOML files, for editors."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from mimolearn.cli.app import app, emit


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="paper, scenario or recipe.")],
) -> None:
    """Print the JSON schema of a kind of TOML file, by which an editor completes and checks it.

    Example: mimolearn schema paper
    """
    from mimolearn.papers.files.json_schema import json_schema

    emit(json.dumps(json_schema(kind), indent=1))
