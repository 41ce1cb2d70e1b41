"""Names in a scenario, understood however people write them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from mimolearn.foundation.spelling import constellation_name

ConstellationName = Annotated[
    Literal["bpsk", "qpsk", "16-qam", "64-qam", "256-qam"], BeforeValidator(constellation_name)
]
"""A constellation by its name: "QPSK", "16QAM" and the like are read as the library's names."""
