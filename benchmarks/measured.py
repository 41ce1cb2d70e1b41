"""Measured numbers have one home, ``docs/measured``, and pages show what stands there.

A measuring command calls ``publish``: it writes ``docs/measured/NAME.json``, and the tables that it
made from these numbers between the marks of every page that has them:

    <!-- measured: TABLE -->
    <!-- end of TABLE -->

A test compares all pages with the files, so that nobody edits a number by hand.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimolearn.studies.provenance import machine

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "measured"


def about(command: str, *packages: str) -> dict[str, str]:
    """What a measurement rests on: command, machine, versions and date."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"command": command, "machine": machine(), "versions": versions, "date": date}


def caption(record: Mapping[str, str]) -> str:
    """A line of Markdown that says what a table rests on."""
    rest = ", ".join((record["machine"], record["versions"], record["date"]))
    return f"*`{record['command']}`; {rest}.*"


def load(name: str) -> dict[str, Any]:
    """The numbers of an earlier measurement; empty where there is none."""
    file = FOLDER / f"{name}.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def publish(name: str, numbers: Mapping[str, Any], tables: Mapping[str, str]) -> None:
    """Keep numbers and their tables, and show these on the pages.

    Args:
        name: of the file.
        numbers: what was measured.
        tables: Markdown, by the name in the marks of the pages.
    """
    FOLDER.mkdir(exist_ok=True)
    record = {**numbers, "tables": dict(tables)}
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        before = after = page.read_text("utf-8")
        for table, content in tables.items():
            start, end = f"<!-- measured: {table} -->", f"<!-- end of {table} -->"
            block = f"{start}\n\n{content.strip()}\n\n{end}"
            pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
            after = pattern.sub(lambda _, block=block: block, after)
        if after != before:
            page.write_text(after, "utf-8")
