"""A chunk's result as bytes, as a results file and its checksums take it."""

from __future__ import annotations

import json
import zlib
from dataclasses import astuple

from mimolearn.plans.counts import Counts, ErrorPositions
from mimolearn.studies.kinds.chunk import ChunkResult


def pack_result(result: ChunkResult) -> bytes:
    """A line of JSON (the counts, the length of the positions), the positions, those of blocks."""
    positions = result.positions.to_bytes()
    blocks = b"" if result.blocks is None else result.blocks.to_bytes()
    head = {"counts": astuple(result.counts), "positions": len(positions)}
    return json.dumps(head).encode() + b"\n" + positions + blocks


def unpack_result(data: bytes) -> ChunkResult:
    """Inverse of ``pack_result``; ValueError for bytes that it did not make."""
    line, _, rest = data.partition(b"\n")
    try:
        head = json.loads(line)
        counts, length = Counts(*head["counts"]), head["positions"]
        positions = ErrorPositions.from_bytes(rest[:length])
        blocks = ErrorPositions.from_bytes(rest[length:]) if rest[length:] else None
    except (KeyError, TypeError, zlib.error) as error:
        raise ValueError(str(error)) from None
    return ChunkResult(counts, positions, blocks)


def same_result(one: ChunkResult, other: ChunkResult) -> bool:
    """Whether two results say the same; compressed bytes differ between versions of zlib."""
    return _plain(one) == _plain(other)


def _plain(result: ChunkResult) -> tuple[object, ...]:
    columns = [
        column.tobytes()
        for kind in (result.positions, result.blocks)
        if kind is not None
        for column in (kind.vector, kind.bit_errors, kind.symbol_errors)
    ]
    return (result.counts, result.blocks is None, *columns)
