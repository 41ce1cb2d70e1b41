"""The channel-model contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Generator, Tensor

EntryVariance = Literal["1", "1/Nr", "1/Nt"]


class ChannelModel(BaseModel, ABC):
    """How channel matrices are drawn: a frozen model of plain values that can be put in TOML.

    entry_variance: mean E|h_ij|^2 over entries and draws: "1", "1/Nr" or "1/Nt".
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    is_real: ClassVar[bool] = False

    entry_variance: EntryVariance = "1"

    @abstractmethod
    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: Generator,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        """Draw channels (num_channels, Nr, Nt) complex, from the generator and nothing else."""

    def check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        """Raise InvalidInputError where the model cannot serve these antenna numbers."""

    def entry_var(self, num_rx_ant: int, num_tx_ant: int) -> float:
        """E|h_ij|^2 as a number."""
        return {"1": 1.0, "1/Nr": 1 / num_rx_ant, "1/Nt": 1 / num_tx_ant}[self.entry_variance]


def complex_normal(
    shape: tuple[int, ...], generator: Generator, dtype: torch.dtype = torch.complex64
) -> Tensor:
    """CN(0, 1) entries."""
    return torch.randn(shape, generator=generator, dtype=dtype, device=generator.device)
