"""Names in a scenario, understood however people write them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from mimolearn.constellation import PointTable, plain_constellation

AnyConstellation = Annotated[PointTable | str, BeforeValidator(plain_constellation)]
"""A constellation by its name, "QPSK", "16QAM" and the like being read as the library's names; or
a table of points."""
