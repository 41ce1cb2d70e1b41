"""Pages show the measured numbers of ``docs/measured``, and no others between their marks."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "docs" / "measured").glob("*.json"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"<!-- measured: ([\w-]+) -->\n(.*?)<!-- end of ([\w-]+) -->", re.DOTALL)


def tables() -> dict[str, str]:
    merged: dict[str, str] = {}
    for file in FILES:
        record = json.loads(file.read_text("utf-8"))
        assert {"command", "machine", "versions", "date"} <= set(record), file.name
        assert not set(merged) & set(record["tables"]), file.name
        merged |= record["tables"]
    return merged


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_marked_tables_are_the_measured_ones(page):
    known, text = tables(), page.read_text("utf-8")
    blocks = BLOCK.findall(text)
    assert text.count("<!-- measured:") == len(blocks)
    for name, content, end in blocks:
        assert name == end
        assert content.strip() == known[name].strip()


def test_every_measured_table_is_shown():
    text = "".join(page.read_text("utf-8") for page in PAGES)
    missing = [name for name in tables() if f"<!-- measured: {name} -->" not in text]
    assert not missing
