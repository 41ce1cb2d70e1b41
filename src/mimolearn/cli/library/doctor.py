"""`mimolearn doctor`."""

from __future__ import annotations

import json
from typing import Any

from mimolearn.cli.app import AsJson, app, emit, stdout
from mimolearn.report.text.fitted import Column, FittedTable


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what this machine has: versions, processor, devices, compiled kernels and their cache.

    Example: mimolearn doctor --json
    """
    from mimolearn.report.facts.machine import machine

    report = machine()
    if as_json:
        emit(json.dumps(report, indent=2))
        return
    report["kernels"] = {kernel["name"]: _cached(kernel["cached"]) for kernel in report["kernels"]}
    columns = Column("topic", "name"), Column("name", "name"), Column("value", "words")
    table = FittedTable(*columns, show_header=False)
    for topic, content in report.items():
        rows = content.items() if isinstance(content, dict) else [("", content)]
        for i, (name, value) in enumerate(rows):
            table.add_row("" if i else _words(topic), _words(name), _text(value))
    stdout().print(table)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cached(count: int) -> str:
    return f"machine code of {count} on disk" if count else "compiled on first use"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not there" if value is None else str(value)
