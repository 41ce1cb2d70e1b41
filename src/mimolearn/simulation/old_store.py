"""Results files of schema 1: a table for each kind of record, a column for each count."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable
from typing import Any

from mimolearn.errors import ResultsFileError
from mimolearn.simulation.chunk import ChunkResult
from mimolearn.simulation.counts import Counts, ErrorPositions
from mimolearn.simulation.payload import pack_result
from mimolearn.simulation.results_file import OldContent, PointKey

Row = tuple[Any, ...]


def read_schema_1(
    db: sqlite3.Connection,
    verified: Callable[[Row], Row],
    damaged: Callable[[str], ResultsFileError],
) -> OldContent:
    """Everything in the file. verified: returns a row whose checksum is right, or raises.

    Nothing in such a file accounts for its rows. What can be checked is that chunks belong to a
    scenario and a contender of the file, and that a chunk of a coded link has its blocks.
    """

    def rows(table: str) -> list[Row]:
        return [verified(row) for row in db.execute(f"SELECT * FROM {table}").fetchall()]

    known = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'blocks'"
    # A file from before there was coding has no such table.
    blocks = {row[:4]: row for row in (rows("blocks") if db.execute(known).fetchone()[0] else ())}
    records, coded = [], {}
    for key, content, channels, _ in rows("scenarios"):
        scenario = json.loads(content)
        coded[key] = scenario.get("coding") is not None
        text = json.dumps({"scenario": scenario, "chunk_channels": channels}, sort_keys=True)
        records.append(("scenario", key, text))
    contenders = [("contender", key, content) for key, content, _ in rows("contenders")]
    records += [*contenders, *(("run", key, content) for key, content, _ in rows("runs"))]
    names = {name for _, name, _ in contenders}
    chunks = []
    for row in rows("chunks"):
        place = row[:4]
        if place[0] not in coded or place[1] not in names:
            raise damaged("a chunk belongs to no scenario or no contender of the file")
        own = blocks.pop(place, None)
        if (own is not None) != coded[place[0]]:
            raise damaged("a chunk of a coded link has no blocks")
        try:
            payload = pack_result(_result(row, own))
        except (ValueError, zlib.error) as error:
            raise damaged(str(error)) from None
        chunks.append((PointKey(*place[:3]), place[3], payload))
    if blocks:
        raise damaged("blocks belong to no chunk of the file")
    return OldContent(records, chunks)


def _result(row: Row, blocks: Row | None) -> ChunkResult:
    positions = ErrorPositions.from_bytes(row[15])
    if blocks is None:
        return ChunkResult(Counts(*row[4:15]), positions)
    counts = Counts(*row[4:15], *blocks[4:10])
    return ChunkResult(counts, positions, ErrorPositions.from_bytes(blocks[10]))
