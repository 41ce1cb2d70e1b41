"""Constellations: named ones, and any points with labels."""

from mimolearn.constellation.base import Constellation
from mimolearn.constellation.given import PointTable
from mimolearn.constellation.reading import as_constellation, plain_constellation
from mimolearn.constellation.tables import Axis

__all__ = ["Axis", "Constellation", "PointTable", "as_constellation", "plain_constellation"]
