"""The base of all channel models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.plainmodel import PlainModel
from mimolearn.link.channels.fading.raster import Moments, Raster
from mimolearn.link.randomness import RandomSource

EntryVariance = Literal["1", "1/Nr", "1/Nt"]
PowerNormalisation = Literal["mean", "per_draw"]


class ChannelModel(PlainModel, ABC):
    """A random channel matrix, described by plain values that fit in TOML.

    Attributes:
        entry_variance: mean E|h_ij|^2 over entries and draws: "1" (default), "1/Nr" or "1/Nt".
    """

    is_real: ClassVar[bool] = False
    not_in_key: ClassVar[frozenset[str]] = frozenset()
    """Fields that do not change what is drawn, such as the path of a file."""

    entry_variance: EntryVariance = "1"

    @abstractmethod
    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        """Draw independent channels.

        Args:
            num_channels: N.
            num_rx_ant: Nr.
            num_tx_ant: Nt.
            generator: the only source of randomness.
            dtype: complex64 (default) or complex128.

        Returns:
            (N, Nr, Nt) complex.

        Raises:
            InvalidInputError: for antenna numbers that the model cannot have.
        """

    def draw_users(
        self,
        num_drops: int,
        num_users: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        """Draw the channels of several users, independent unless a model says otherwise.

        Args:
            num_drops: N.
            num_users: K.
            num_rx_ant: Nr, of each user.
            num_tx_ant: Nt.
            generator: the only source of randomness.
            dtype: complex64 (default) or complex128.

        Returns:
            (N, K, Nr, Nt) complex.
        """
        num_channels = num_drops * num_users
        h = self.draw(num_channels, num_rx_ant, num_tx_ant, generator, dtype)
        return h.unflatten(0, (num_drops, num_users))

    def draw_grid(
        self,
        num_slots: int,
        raster: Raster,
        num_rx_ant: int,
        num_users: int,
        layers_per_user: int,
        generator: RandomSource,
    ) -> Tensor:
        """Draw the channels of all users over a resource grid, constant over it by default.

        Args:
            num_slots: N.
            raster: times and frequencies of the grid, T symbols and F subcarriers.
            num_rx_ant: Nr.
            num_users: U.
            layers_per_user: L; S = U L.
            generator: the only source of randomness.

        Returns:
            (N, T, F, Nr, S) complex64. The layers of a user are neighbours.
        """
        size = num_slots, num_users, num_rx_ant, layers_per_user
        h = self.draw_users(*size, generator).transpose(1, 2).flatten(2)
        grid = (-1, raster.num_symbols, raster.num_subcarriers, -1, -1)
        return h[:, None, None].expand(grid).contiguous()

    def moments(self, raster: Raster) -> Moments:
        """Return the second moments over a resource grid, those of a constant by default.

        Args:
            raster: times and frequencies of the grid.
        """
        shapes = (1, raster.num_symbols), (1, raster.num_subcarriers)
        return Moments(*(np.ones(shape, np.complex128) for shape in shapes))

    def check_grid(
        self, raster: Raster, num_rx_ant: int, num_users: int, layers_per_user: int
    ) -> None:
        """Raise InvalidInputError if ``draw_grid`` cannot serve these sizes and this grid.

        Args:
            raster: times and frequencies of the grid.
            num_rx_ant: Nr.
            num_users: U.
            layers_per_user: L; S = U L.
        """
        self.check_size(num_rx_ant, layers_per_user)
        self.check_users(num_users)

    def check_users(self, num_users: int) -> None:
        """Raise InvalidInputError if the model has fewer channels than a drop has users.

        Args:
            num_users: users of a drop.
        """

    def check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        """Raise InvalidInputError if the model cannot have these antenna numbers.

        Args:
            num_rx_ant: Nr.
            num_tx_ant: Nt.
        """

    def entry_var(self, num_rx_ant: int, num_tx_ant: int) -> float:
        """Return E|h_ij|^2 as a number.

        Args:
            num_rx_ant: Nr.
            num_tx_ant: Nt.
        """
        return {"1": 1.0, "1/Nr": 1 / num_rx_ant, "1/Nt": 1 / num_tx_ant}[self.entry_variance]


def unit_power_per_draw(h: Tensor) -> Tensor:
    """Scale every channel (..., Nr, Nt) to a mean |h_ij|^2 of 1 over its entries."""
    return h / h.abs().square().mean((-2, -1), keepdim=True).sqrt()


def chunk_lengths(num_channels: int, numbers_per_channel: int) -> list[int]:
    """Split a draw so that its intermediate arrays stay near 2^23 numbers.

    The split depends on sizes alone, never on free memory, because it changes what is drawn.
    """
    length = max(1, 2**23 // numbers_per_channel)
    return [min(length, num_channels - start) for start in range(0, num_channels, length)]
