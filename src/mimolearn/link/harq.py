"""The table [harq] of a scenario."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mimolearn.foundation.errors import invalid
from mimolearn.foundation.plainmodel import Count, PlainModel
from mimolearn.link.coding import Coding

VERSIONS = (0, 2, 3, 1)
"""Redundancy versions in the order in which they are transmitted."""


class Harq(PlainModel):
    """Hybrid ARQ: a block that fails is transmitted again over fresh channels, and combined.

    The receiver keeps soft bits of every failed transmission and decodes all of them together. A
    contender's ``quantizer`` is what they are kept through; the latest ones are never quantised.
    With "chase" combining one sum of all soft bits is kept, with "incremental" redundancy those of
    each transmission.

    Attributes:
        transmissions: largest number of transmissions of a block, 2 to 4 (default).
        combining: "incremental" (default) transmits redundancy versions 0, 2, 3 and 1 of a 5G LDPC
            code, so that each brings other parity bits. "chase" transmits the same symbols.
        buffer_bits: N_ref, bits of a code block that the receiver's buffer holds. Both ends use
            those alone (limited-buffer rate matching of 3GPP TS 38.212). Default None, all bits of
            the mother code.
    """

    transmissions: Annotated[int, Field(strict=True, ge=2, le=len(VERSIONS))] = len(VERSIONS)
    combining: Literal["incremental", "chase"] = "incremental"
    buffer_bits: Annotated[Count, Field(le=25344)] | None = None

    @model_validator(mode="after")
    def _buffer_has_a_use(self) -> Harq:
        if self.combining == "chase" and self.buffer_bits is not None:
            expected = "nothing with chase combining, which keeps one transmission's bits"
            raise invalid("buffer_bits", self.buffer_bits, expected)
        return self

    @property
    def versions(self) -> tuple[int, ...]:
        """The redundancy version of each transmission."""
        if self.combining == "chase":
            return (0,) * self.transmissions
        return VERSIONS[: self.transmissions]

    def words(self) -> str:
        """Say what is transmitted: "up to 4 transmissions, incremental redundancy"."""
        how = "chase combining" if self.combining == "chase" else "incremental redundancy"
        buffer = "" if self.buffer_bits is None else f", buffer of {self.buffer_bits} bits"
        return f"up to {self.transmissions} transmissions, {how}{buffer}"


def check_harq(harq: Harq, coding: Coding | None) -> None:
    """Refuse retransmissions that a block code cannot make.

    Raises:
        InvalidInputError: one line.
    """
    if coding is None:
        raise invalid("harq", harq.words(), "nothing: no blocks without a table [coding]")
    if harq.combining == "chase":
        return
    if coding.code != "5g-ldpc":
        expected = f"'chase' with {coding.code!r}, which has no further parity bits"
        raise invalid("harq.combining", harq.combining, expected)
    if harq.buffer_bits is not None and harq.buffer_bits < coding.num_coded_bits:
        expected = f"at least {coding.num_coded_bits}, the coded bits of one transmission"
        raise invalid("harq.buffer_bits", harq.buffer_bits, expected)
