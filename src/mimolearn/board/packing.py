"""Counts of a point as plain values: whole integers, wrong clusters packed, a digest of it all."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from dataclasses import asdict, fields
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.foundation.plainmodel import PlainModel, Real
from mimolearn.plans.counts import BLOCK_METRICS, Counts, ErrorPositions
from mimolearn.results.point import Point

_COUNT_NAMES = tuple(field.name for field in fields(Counts))
# Several integers each, which no link of a board needs.
_LISTS = ("resent", "reliability")
# Not in the digests of older submissions, where they have these values.
_NEWER = {"resent": (), "stored_bits": 0}
_MOST_BYTES = 2**27


class StoredPoint(PlainModel):
    """One contender at one SNR of a link.

    Attributes:
        snr_db: in dB.
        counts: integers by their name in ``Counts``; those that are not here are zero.
        wrong: positions and errors of the units that the link's metric is of, packed: vectors, or
            blocks after decoding.
        sha256: over all counts and the positions of all wrong vectors and blocks.
    """

    snr_db: Real
    counts: dict[str, Annotated[int, Field(strict=True, ge=0, lt=2**62)]]
    wrong: Annotated[str, Field(max_length=2**26)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def pack_point(point: Point, metric: str) -> StoredPoint:
    """A point as plain values.

    Args:
        point: with the positions of its errors.
        metric: of the link.
    """
    named = asdict(point.counts)
    # Work may be unknown, which is not zero.
    whole = {k: v for k, v in named.items() if k not in _LISTS}
    counts = {k: v for k, v in whole.items() if v or (k == "work" and v is not None)}
    positions = _of_metric(point, metric)
    errors = positions.per_vector(metric)
    columns = np.concatenate([np.diff(positions.vector, prepend=0), errors]).astype("<u4")
    # Byte by byte of the numbers: most of the upper bytes are zero.
    planes = columns.view(np.uint8).reshape(-1, 4).T.tobytes()
    wrong = base64.b64encode(zlib.compress(planes, 9)).decode()
    return StoredPoint(snr_db=point.snr_db, counts=counts, wrong=wrong, sha256=point_digest(point))


def unpack_point(stored: StoredPoint, metric: str, reuse: int, per_cluster: int) -> Point:
    """A point of which the link's metric alone can be asked.

    Args:
        stored: plain values.
        metric: of the link.
        reuse: vectors in a cluster.
        per_cluster: blocks in a cluster.

    Raises:
        InvalidInputError: for counts that do not fit each other.
    """
    unknown = set(stored.counts) - set(_COUNT_NAMES)
    if unknown:
        raise invalid("counts", min(unknown), f"one of {', '.join(_COUNT_NAMES)}")
    zero: dict[str, Any] = {name: None if name == "work" else 0 for name in _COUNT_NAMES}
    zero |= dict.fromkeys(_LISTS, ())
    values: dict[str, Any] = zero | stored.counts
    counts = Counts(**values)
    vector, errors = _columns(stored.wrong)
    positions = ErrorPositions(vector, errors, errors)
    decoded = metric in BLOCK_METRICS
    units = counts.blocks if decoded else counts.vectors
    inside = len(vector) == 0 or (vector[0] >= 0 and vector[-1] < units)
    if not (inside and int(errors.sum()) == counts.errors(metric)):
        raise InvalidInputError(f"wrong: its errors are not the {metric} errors that are counted")
    empty = np.zeros(0, np.int64)
    none = ErrorPositions(empty, empty, empty)
    return Point(
        stored.snr_db,
        counts,
        none if decoded else positions,
        reuse,
        True,
        positions if decoded else None,
        per_cluster,
    )


def point_digest(point: Point) -> str:
    """64 hex digits of SHA-256 over the counts of a point and where its errors are."""
    digest = hashlib.sha256()
    for name, value in asdict(point.counts).items():
        if name == "reliability" or (name in _NEWER and _NEWER[name] == value):
            continue
        digest.update(f"{name}={value};".encode())
    for positions in (point.positions, point.blocks):
        digest.update(b"|")
        if positions is not None:
            for column in (positions.vector, positions.bit_errors, positions.symbol_errors):
                digest.update(np.asarray(column, "<i8").tobytes())
    return digest.hexdigest()


def _of_metric(point: Point, metric: str) -> ErrorPositions:
    if metric in BLOCK_METRICS:
        assert point.blocks is not None
        return point.blocks
    return point.positions


def _columns(packed: str) -> tuple[np.ndarray, np.ndarray]:
    """(vector, errors) of a packed text."""
    try:
        data = base64.b64decode(packed, validate=True)
        inflate = zlib.decompressobj()
        planes = inflate.decompress(data, _MOST_BYTES)
        whole = inflate.eof and not inflate.unused_data and len(planes) % 8 == 0
    except (binascii.Error, ValueError, zlib.error):
        planes, whole = b"", False
    if not whole:
        raise InvalidInputError("wrong: is no packed list of positions")
    raw = np.frombuffer(planes, np.uint8).reshape(4, -1).T.copy().view("<u4").astype(np.int64)
    distance, errors = raw.reshape(2, -1)
    if (errors < 1).any() or (distance[1:] < 1).any():
        raise InvalidInputError("wrong: is no packed list of positions")
    return np.cumsum(distance), errors
