"""The sizes of a multi-user hybrid array: antennas, radio-frequency chains, users, streams."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from mimolearn.foundation.errors import invalid
from mimolearn.foundation.plainmodel import Count, PlainModel


class HybridArray(PlainModel):
    """A base station and its users, with phase shifters between antennas and RF chains.

    Each stream needs a chain: D <= Rr <= Nr and K D <= Rt <= Nt.

    Attributes:
        num_users: K; default 2.
        num_tx_ant: Nt, antennas of the base station; default 64.
        num_tx_chains: Rt, RF chains of the base station; default 8.
        num_rx_ant: Nr, antennas of each user; default 8.
        num_rx_chains: Rr, RF chains of each user; default 4.
        num_streams: D, streams of each user; default 3.

    >>> HybridArray().total_streams
    6
    """

    num_users: Annotated[Count, Field(le=64)] = 2
    num_tx_ant: Annotated[Count, Field(le=1024)] = 64
    num_tx_chains: Annotated[Count, Field(le=1024)] = 8
    num_rx_ant: Annotated[Count, Field(le=256)] = 8
    num_rx_chains: Annotated[Count, Field(le=256)] = 4
    num_streams: Annotated[Count, Field(le=64)] = 3

    @model_validator(mode="after")
    def _chains_suffice(self) -> HybridArray:
        if self.num_tx_chains > self.num_tx_ant:
            expected = f"at most num_tx_ant = {self.num_tx_ant}"
            raise invalid("num_tx_chains", self.num_tx_chains, expected)
        if self.num_rx_chains > self.num_rx_ant:
            expected = f"at most num_rx_ant = {self.num_rx_ant}"
            raise invalid("num_rx_chains", self.num_rx_chains, expected)
        if self.num_streams > self.num_rx_chains:
            expected = f"at most num_rx_chains = {self.num_rx_chains} of a user"
            raise invalid("num_streams", self.num_streams, expected)
        if self.total_streams > self.num_tx_chains:
            expected = (
                f"at most {self.num_tx_chains // self.num_users}: num_tx_chains = "
                f"{self.num_tx_chains} serve {self.num_users} users"
            )
            raise invalid("num_streams", self.num_streams, expected)
        return self

    @property
    def total_streams(self) -> int:
        """K D, the streams of all users."""
        return self.num_users * self.num_streams
