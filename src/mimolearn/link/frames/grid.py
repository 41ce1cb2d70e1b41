"""A resource grid with its pilots: what is transmitted on each element, and what is observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import check_shape
from mimolearn.link.channels.fading.raster import IntArray, Raster

PilotArray = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Grid:
    """Elements of T OFDM symbols and F subcarriers that carry S layers of data and pilots.

    A layer is observed through groups of pilots: ``length`` symbols times ``pair`` subcarriers,
    over which orthogonal covers keep apart the layers that share them.

    Attributes:
        raster: times and frequencies of the elements.
        num_users: U; layers u S / U ... belong to user u.
        powers: (S) float64; mean receive power of each layer, relative to that of the SNR.
        pilots: (S, T, F) complex64; zero where a layer has no pilot.
        data: (D) int64; t F + f of the elements with data, increasing.
        symbols: (Td, length) int64; symbols of each group of pilots.
        subcarriers: (S, P, pair) int64; subcarriers of each group of each layer.
        covers: (S, length + pair) int8; signs of each layer's pilots in a group: over its symbols,
            then over its subcarriers.
        pilot_energy: a^2, energy of a pilot.
    """

    raster: Raster
    num_users: int
    powers: np.ndarray
    pilots: PilotArray
    data: IntArray
    symbols: IntArray
    subcarriers: IntArray
    covers: np.ndarray
    pilot_energy: float

    @property
    def num_layers(self) -> int:
        """S."""
        return len(self.pilots)

    @property
    def num_data(self) -> int:
        """D, elements with data in a slot."""
        return len(self.data)

    @property
    def pilot_elements(self) -> IntArray:
        """(E) t F + f of the elements in symbols with pilots that carry no data, increasing."""
        size = self.raster.num_subcarriers
        reserved = np.zeros((self.raster.num_symbols, size), bool)
        reserved[self.symbols.ravel()] = True
        reserved.ravel()[self.data] = False
        return np.flatnonzero(reserved)

    def to_layers(self, codewords: Tensor) -> Tensor:
        """Map the symbols of each user's codeword to layers; symbol i goes to layer i mod L.

        Args:
            codewords: (N, U, D L) or (N, U, D L, b), symbols or bits; TS 38.211, section 6.3.1.3.

        Returns:
            (N, D, S) or (N, D, S, b).
        """
        per_user = self.num_layers // self.num_users
        shape = (self.num_users, self.num_data * per_user)
        fits = codewords.ndim in (3, 4) and codewords.shape[1:3] == shape
        check_shape("codewords", codewords, f"(N, {shape[0]}, {shape[1]}, ...)", fits)
        layers = codewords.unflatten(2, (self.num_data, per_user))
        return layers.transpose(1, 2).flatten(2, 3)

    def to_codewords(self, layers: Tensor) -> Tensor:
        """Undo ``to_layers``, for symbols or LLRs.

        Args:
            layers: (N, D, S) or (N, D, S, b).

        Returns:
            (N, U, D L) or (N, U, D L b).
        """
        fits = layers.ndim in (3, 4) and layers.shape[1:3] == (self.num_data, self.num_layers)
        check_shape("layers", layers, f"(N, {self.num_data}, {self.num_layers}, ...)", fits)
        users = layers.unflatten(2, (self.num_users, -1)).transpose(1, 2)
        return users.flatten(2)

    def fill(self, layers: Tensor) -> Tensor:
        """Put data and pilots onto the grid.

        Args:
            layers: (N, D, S) complex; data symbols of each data element and layer.

        Returns:
            (N, T, F, S) complex64.
        """
        fits = layers.ndim == 3 and layers.shape[1:] == (self.num_data, self.num_layers)
        check_shape("layers", layers, f"(N, {self.num_data}, {self.num_layers})", fits)
        size = self.raster.num_symbols, self.raster.num_subcarriers
        pilots = torch.from_numpy(np.ascontiguousarray(self.pilots.transpose(1, 2, 0)))
        grid = pilots.flatten(0, 1).repeat(len(layers), 1, 1)
        grid[:, torch.from_numpy(self.data)] = layers.to(torch.complex64)
        return grid.unflatten(1, size)

    def at_data(self, grid: Tensor) -> Tensor:
        """Take the data elements of (N, T, F, ...): (N, D, ...)."""
        return grid.flatten(1, 2)[:, torch.from_numpy(self.data)]
