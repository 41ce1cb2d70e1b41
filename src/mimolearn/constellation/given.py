"""Points that a user gives: read from a file, checked, and kept as plain values."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from mimolearn.constellation.sets import GRIDS, SETS, bits_of, keep, points_of, unit_energy
from mimolearn.constellation.tables import points_as
from mimolearn.foundation.errors import InvalidInputError, invalid, user_path
from mimolearn.foundation.plainmodel import PlainModel, Real

_MOST_POINTS = 4096
_EXPECTED = f"a power of two, from 2 to {_MOST_POINTS} points"


class PointTable(PlainModel):
    """A constellation of any points with labels.

    Attributes:
        name: for people, at most 40 characters; not part of a key.
        points: real and imaginary part of each point; or the path of a CSV file with the columns
            label, real and imaginary part, or without labels. They are scaled to unit energy.
        labels: of the points: text of bits ("0110") or numbers. Without them point i has the
            label i. What is kept is sorted by label and has none.

    >>> PointTable(points=[[1, 0], [-1, 0]], labels=["1", "0"]).points
    ((-1.0, 0.0), (1.0, 0.0))
    """

    name: Annotated[str, Field(max_length=40)] = ""
    points: tuple[tuple[Real, Real], ...]
    labels: Annotated[tuple[int | str, ...], Field(exclude_if=lambda labels: not labels)] = ()

    @classmethod
    def of(cls, points: Any, labels: Any, name: str) -> PointTable:
        """Make a table of complex numbers; see ``Constellation.from_points``.

        Args:
            points: complex numbers.
            labels: one for each point, or None.
            name: for people; "" for none.
        """
        try:
            numbers = [complex(point) for point in points]
        except (TypeError, ValueError):
            raise invalid("points", points, "complex numbers") from None
        pairs = tuple((number.real, number.imag) for number in numbers)
        words = tuple(_label_text(label) for label in labels) if labels is not None else ()
        return cls(name=name, points=pairs, labels=words)

    @model_validator(mode="before")
    @classmethod
    def _read_file(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or not isinstance(fields.get("points"), str | Path):
            return fields
        path = user_path(fields["points"])
        rows = _rows(path)
        kept = {**fields, "points": [row[-2:] for row in rows]}
        if len(rows[0]) == 3:
            if fields.get("labels"):
                raise invalid("labels", "<a list>", f"none: {path} has labels")
            kept["labels"] = [row[0] for row in rows]
        return {"name": path.stem[:40], **kept}

    @model_validator(mode="after")
    def _are_points(self) -> PointTable:
        count = len(self.points)
        if not 2 <= count <= _MOST_POINTS or count & (count - 1):
            raise invalid("points", f"<{count} points>", _EXPECTED)
        numbers = [complex(*pair) for pair in self.points]
        largest = max(abs(number) for number in numbers)
        if not 0 < largest < 1e100:
            raise invalid("points", f"<largest magnitude {largest:g}>", "a magnitude up to 1e100")
        if len(set(numbers)) < count:
            twin = next(number for number in numbers if numbers.count(number) > 1)
            raise invalid("points", f"<{twin:g} twice>", "points that differ")
        mean = sum(numbers) / count
        if abs(mean) > 1e-6 * largest:
            raise invalid("points", f"<mean {mean:g}>", "a mean of 0, as detectors take it")
        order = _order(self.labels, count) if self.labels else range(count)
        # The model is frozen for others. A sum with 0 leaves no negative zero, which has a text of
        # its own.
        pairs = tuple((self.points[i][0] + 0.0, self.points[i][1] + 0.0) for i in order)
        object.__setattr__(self, "points", pairs)
        object.__setattr__(self, "labels", ())
        return self

    def __repr__(self) -> str:
        return f"PointTable({self.name!r}, {len(self.points)} points)"

    @property
    def title(self) -> str:
        """The name, or how many points there are."""
        return self.name or f"{len(self.points)}-point"

    def key(self) -> str:
        """The name of the same constellation, or a key that stands for the points."""
        points = unit_energy([complex(*pair) for pair in self.points])
        for name in (*GRIDS, *SETS):
            if 2 ** bits_of(name) == len(points):
                known = points_of(name) if name in SETS else _grid_points(name)
                if all(abs(a - b) < 1e-9 for a, b in zip(points, known, strict=True)):
                    return name
        return keep(points)


def with_points_from(fields: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Fields of a scenario; a relative path of points starts at a folder.

    Args:
        fields: of a parsed file.
        folder: that of the file.
    """
    table = fields.get("constellation")
    if not isinstance(table, dict) or not isinstance(table.get("points"), str):
        return fields
    path = folder / user_path(table["points"])
    return {**fields, "constellation": {**table, "points": str(path)}}


def _grid_points(name: str) -> Sequence[complex]:
    import torch

    return points_as(name, torch.complex128, "cpu").tolist()


def _rows(path: Path) -> list[list[Any]]:
    """Rows of a CSV file: numbers, behind a label where there are three columns."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InvalidInputError(f"points: {path} cannot be read: {reason}") from None
    lines = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    if lines and not _is_number(lines[0][-1]):
        # Names of the columns.
        del lines[0]
    widths = {len(row) for row in lines}
    if widths not in ({2}, {3}):
        raise invalid("points", str(path), "rows of: label, real part, imaginary part")
    for row in lines:
        for cell in row[-2:]:
            if not _is_number(cell):
                raise invalid("points", cell, f"a finite number in {path}")
    return [[*(cell.strip() for cell in row[:-2]), *map(float, row[-2:])] for row in lines]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _label_text(label: Any) -> int | str:
    """A label as a number or a text; lists of bits as a text."""
    if isinstance(label, bool | int | str):
        return label if isinstance(label, str) else int(label)
    try:
        return "".join(str(int(bit)) for bit in label)
    except (TypeError, ValueError):
        return int(label)


def _order(labels: Sequence[int | str], count: int) -> list[int]:
    """Positions of the points in the order of their labels."""
    num_bits = count.bit_length() - 1
    if len(labels) != count:
        raise invalid("labels", f"<{len(labels)} labels>", f"{count}, one for each point")
    texts = [label for label in labels if isinstance(label, str)]
    binary = len(texts) == count and all(
        len(text) == num_bits and set(text) <= {"0", "1"} for text in texts
    )
    numbers = []
    for label in labels:
        try:
            numbers.append(int(str(label), 2 if binary else 10))
        except ValueError:
            raise invalid("labels", label, f"{num_bits} bits, or a number") from None
    if sorted(numbers) != list(range(count)):
        expected = f"each of 0 to {count - 1} once, as numbers or as {num_bits} bits"
        raise invalid("labels", f"<{len(set(numbers))} different ones>", expected)
    return sorted(range(count), key=numbers.__getitem__)
