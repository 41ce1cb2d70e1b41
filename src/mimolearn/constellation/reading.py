"""Constellations however they are given: by name, as points, or as themselves."""

from __future__ import annotations

from mimolearn.constellation.base import Constellation
from mimolearn.constellation.given import PointTable
from mimolearn.foundation.errors import invalid


def as_constellation(value: Constellation | PointTable | str) -> Constellation:
    """Return a constellation that is given itself, by name or as a table of points.

    Args:
        value: a constellation, the name of one, or a table of points.
    """
    if isinstance(value, PointTable):
        return Constellation.from_table(value)
    return value if isinstance(value, Constellation) else Constellation(value)


def plain_constellation(value: object) -> object:
    """Return what a model keeps of a constellation: a known name, or a PointTable.

    Args:
        value: a name however written, a Constellation, or a table of points.

    Raises:
        InvalidInputError: for a name that does not exist, and for points that are none.
    """
    if isinstance(value, str):
        return Constellation(value).name
    if isinstance(value, Constellation):
        return value.plain()
    if isinstance(value, dict):
        value = PointTable(**value)
    if isinstance(value, PointTable):
        return as_constellation(value).plain()
    raise invalid("constellation", value, "a name such as '16-qam', or a table with points")
