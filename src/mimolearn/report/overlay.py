"""Published curves, which are drawn beside measured ones."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mimolearn.foundation.errors import InvalidInputError, invalid, user_path

_COLUMNS = ("label", "snr_db", "rate")


class Published(NamedTuple):
    """A curve that was published.

    Attributes:
        label: whose it is. One that a receiver has too is drawn in that receiver's colour.
        points: (SNR in dB, error rate), ascending in SNR, in the definitions of the comparison.
    """

    label: str
    points: tuple[tuple[float, float], ...]

    @property
    def name(self) -> str:
        """What a legend calls it."""
        return f"{self.label} (published)"


def read_published(path: str | Path) -> tuple[Published, ...]:
    """Read published curves from a CSV file with the columns label, snr_db and rate.

    Args:
        path: of the file; a row for each point, in any order, other columns are left out.

    Raises:
        InvalidInputError: one line that names the file, the row and the value.
    """
    path = user_path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(f"overlay: {path} cannot be read as CSV: {error}") from None
    missing = [name for name in _COLUMNS if not rows or name not in rows[0]]
    if missing:
        wanted = ", ".join(_COLUMNS)
        got = "no rows" if not rows else f"no column {missing[0]!r}"
        raise InvalidInputError(f"overlay: {path} has {got}, expected the columns {wanted}")
    curves: dict[str, list[tuple[float, float]]] = {}
    for line, row in enumerate(rows, 2):
        curves.setdefault((row["label"] or "").strip(), []).append(_point(row, f"{path}:{line}"))
    if "" in curves:
        raise InvalidInputError(f"overlay: {path} has a row without a label")
    return tuple(Published(label, _ascending(label, curve)) for label, curve in curves.items())


def _point(row: dict[str, str], source: str) -> tuple[float, float]:
    values = []
    for name in _COLUMNS[1:]:
        try:
            values.append(float(row[name]))
        except (TypeError, ValueError):
            raise InvalidInputError(f"{source}: {invalid(name, row[name], 'a number')}") from None
    snr_db, rate = values
    if not math.isfinite(snr_db):
        raise InvalidInputError(f"{source}: {invalid('snr_db', snr_db, 'a finite number of dB')}")
    if not 0 < rate <= 1:
        raise InvalidInputError(f"{source}: {invalid('rate', rate, 'above 0 and at most 1')}")
    return snr_db, rate


def _ascending(label: str, curve: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    points = tuple(sorted(curve))
    snrs = [snr_db for snr_db, _ in points]
    if len(set(snrs)) < len(snrs):
        raise InvalidInputError(f"overlay: {label!r} has two rates at one SNR")
    return points
