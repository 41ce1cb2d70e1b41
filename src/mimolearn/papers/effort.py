"""How much work each budget may spend."""

from __future__ import annotations

from typing import NamedTuple


class Effort(NamedTuple):
    """How many vectors or channels each budget may spend on a point."""

    quick: int
    default: int
    full: int

    def of(self, budget: str) -> int:
        """The number of one budget."""
        return int(getattr(self, budget))
