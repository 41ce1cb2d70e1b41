"""Resource grids: 5G NR PUSCH and plain ones, their pilots and data elements."""

from __future__ import annotations

from mimolearn.link.frames.build import build_grid
from mimolearn.link.frames.grid import Grid
from mimolearn.link.frames.tables import (
    AnyFrame,
    AnyPilots,
    CombPilots,
    DmrsPilots,
    Interference,
    NrPusch,
    PlainGrid,
)

__all__ = [
    "AnyFrame",
    "AnyPilots",
    "CombPilots",
    "DmrsPilots",
    "Grid",
    "Interference",
    "NrPusch",
    "PlainGrid",
    "build_grid",
]
