"""Slots of a link over a resource grid: drawing, receiving, estimating."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import check_positive_int, check_real
from mimolearn.kernels.link.reception import squared_error, whiten
from mimolearn.kernels.link.transmission import receive_grid
from mimolearn.link.channels import ChannelModel
from mimolearn.link.estimators.base import Estimator, Setting
from mimolearn.link.estimators.residual import pilot_residuals, residual_scale, shrunk_covariance
from mimolearn.link.estimators.reuse import block_members, reused
from mimolearn.link.frames import (
    CombPilots,
    DmrsPilots,
    Interference,
    NrPusch,
    PlainGrid,
    build_grid,
)
from mimolearn.link.frames.tables import PRB_SUBCARRIERS
from mimolearn.link.randomness import RandomSource, complex_normal


class Received(NamedTuple):
    """What arrives of N slots.

    Attributes:
        y: (N, T, F, Nr) complex64; the received grids.
        h: (N, T, F, Nr, S) complex64; the channels.
        interference: (N, T, F, Nr, K) complex64; channels of K interferers, scaled to their power;
            None without.
        noise_var: noise variance of a receive antenna, without interference.
    """

    y: Tensor
    h: Tensor
    interference: Tensor | None
    noise_var: float


class Observed(NamedTuple):
    """What a detector gets: C channels of V vectors each.

    Attributes:
        y: (C, V, Nr) complex64; received vectors, whitened where the receiver whitens.
        h_hat: (C, Nr, S) complex64; estimated channels, whitened likewise.
        noise_var: (C) float32; noise, estimation errors and mismatch.
        error_var: (1, D, S) or (N, D, S) float32; E|h_hat - h|^2 of each data element and layer,
            before whitening.
        squared_error: (N, D, S) float32; |h_hat - h|^2 averaged over receive antennas.
    """

    y: Tensor
    h_hat: Tensor
    noise_var: Tensor
    error_var: Tensor
    squared_error: Tensor


class SlotLink:
    """A link over a resource grid, made of the tables of a scenario.

    Args:
        frame: the table [frame].
        pilots: the table [pilots].
        channel: the table [channel].
        num_rx_ant: Nr.
        num_tx_ant: S, layers in all.
        interference: the table [interference]; default None.

    Attributes:
        grid: the resource grid.
        num_rx_ant: Nr.
        powers: E|h_ij|^2 of each layer.

    Raises:
        InvalidInputError: for parts that do not fit each other.

    >>> from mimolearn.link.channels import TDLProcess
    >>> from mimolearn.link.randomness import CounterGenerator
    >>> from mimolearn.link.estimators import Wiener
    >>> link = SlotLink(NrPusch(num_prb=4, num_ues=2), DmrsPilots(), TDLProcess(), 4, 2)
    >>> generator = CounterGenerator(1)
    >>> h = link.draw_channels(3, generator)
    >>> symbols = complex_normal((3, link.grid.num_data, 2), generator)
    >>> received = link.receive(h, symbols, 0.1, generator)
    >>> observed = SlotReceiver(link, Wiener(), 0.1).observe(received)
    >>> observed.h_hat.shape
    torch.Size([1728, 4, 2])
    """

    def __init__(
        self,
        frame: NrPusch | PlainGrid,
        pilots: DmrsPilots | CombPilots,
        channel: ChannelModel,
        num_rx_ant: int,
        num_tx_ant: int,
        interference: Interference | None = None,
    ) -> None:
        self.grid = build_grid(frame, pilots, num_tx_ant)
        self.num_rx_ant = num_rx_ant
        self.interference = interference
        self._channel = channel
        self._layers_per_user = num_tx_ant // frame.num_ues
        channel.check_grid(self.grid.raster, num_rx_ant, frame.num_ues, self._layers_per_user)
        self._entry_var = channel.entry_var(num_rx_ant, num_tx_ant)
        self.powers = tuple(float(power) * self._entry_var for power in self.grid.powers)

    def draw_channels(self, num_slots: int, generator: RandomSource) -> Tensor:
        """Draw the channels (N, T, F, Nr, S) complex64 of slots that are independent."""
        check_positive_int("num_slots", num_slots, 10**6)
        size = self.num_rx_ant, self.grid.num_users, self._layers_per_user
        h = self._channel.draw_grid(num_slots, self.grid.raster, *size, generator)
        if (self.grid.powers != 1).any():
            h = h * torch.from_numpy(np.sqrt(self.grid.powers).astype(np.float32))
        return h

    def receive(
        self, h: Tensor, symbols: Tensor, noise_var: float, generator: RandomSource
    ) -> Received:
        """Send data and pilots over given channels; draws noise, then interference.

        Args:
            h: (N, T, F, Nr, S) complex64; the channels.
            symbols: (N, D, S) complex; data symbols of unit mean energy; see ``Grid.to_layers``.
            noise_var: noise variance of a receive antenna, above 0.
            generator: the only source of randomness.
        """
        noise_var = check_real("noise_var", noise_var, above=0.0)
        noise = complex_normal((*h.shape[:-1],), generator)
        y = receive_grid(h, self.grid.fill(symbols), math.sqrt(noise_var), noise)
        if self.interference is None:
            return Received(y, h, None, noise_var)
        num, raster = self.interference.num, self.grid.raster
        size = len(h), raster, self.num_rx_ant, num, 1
        power = noise_var * self.interference.inr / num / self._entry_var
        others = self._channel.draw_grid(*size, generator).mul_(math.sqrt(power))
        sent = complex_normal((*h.shape[:3], num), generator)
        return Received(receive_grid(others, sent, 1.0, y), h, others, noise_var)

    def setting(self, noise_var: float) -> Setting:
        """Return what estimators are prepared for."""
        inr = 0.0 if self.interference is None else self.interference.inr
        moments = self._channel.moments(self.grid.raster)
        return Setting(self.grid, moments, self.powers, noise_var * (1 + inr))


class SlotReceiver:
    """Estimation, whitening and reuse of channels in front of a detector.

    Args:
        link: the link.
        estimator: the table [estimator].
        noise_var: noise variance of a receive antenna, without interference.

    Raises:
        InvalidInputError: for an estimator that the grid cannot serve.
    """

    def __init__(self, link: SlotLink, estimator: Estimator, noise_var: float) -> None:
        self._grid = link.grid
        self._estimator = estimator
        self._setting = link.setting(check_real("noise_var", noise_var, above=0.0))
        self._noise_var = noise_var
        self._prepared = estimator.prepare(self._setting)
        covariance = estimator.covariance
        if covariance == "known" and link.interference is None:
            covariance = "white"
        self._covariance = covariance
        self._scale = 1.0
        if covariance == "residual":
            self._scale = residual_scale(self._setting, self._prepared)
        self._members = None
        if estimator.reuse_subcarriers * estimator.reuse_symbols > 1:
            size = estimator.reuse_symbols, estimator.reuse_subcarriers
            self._members = block_members(self._grid, *size)

    def observe(self, received: Received) -> Observed:
        """Estimate the channels of all data elements.

        Without reuse of channels C = N D and V = 1, element by element of each slot.
        """
        y = self._grid.at_data(received.y)
        if self._covariance == "residual":
            elements = np.concatenate([self._grid.data, self._grid.pilot_elements])
            both = self._prepared.estimate(received.y, received.h, elements)
            num_data = self._grid.num_data
            h_hat = both.h_hat[:, :num_data].contiguous()
            error = both.error_var[:, :num_data]
            squared = squared_error(h_hat, received.h, self._grid.data)
            covariance = self._residual(received.y, both.h_hat[:, num_data:])
            whiten(covariance, self._blocks(self._grid.data), h_hat, y)
            noise = torch.ones(y.shape[:2], dtype=torch.float32)
        else:
            h_hat, error = self._prepared.estimate(received.y, received.h, self._grid.data)
            squared = squared_error(h_hat, received.h, self._grid.data)
            noise = error.sum(-1)
            if self._covariance == "known" and received.interference is not None:
                covariance = self._known(received.interference, noise)
                whiten(covariance, np.arange(y.shape[1]), h_hat, y)
                noise = torch.ones(y.shape[:2], dtype=torch.float32)
            else:
                noise = (noise + self._setting.noise_var).expand(y.shape[:2])
        return Observed(*self._arranged(y, h_hat, noise), error, squared)

    def to_data(self, values: Tensor) -> Tensor:
        """Put what a detector gives into the order of the data elements.

        Args:
            values: (C, V, ...), such as LLRs.

        Returns:
            (N, D, ...).
        """
        if self._members is None:
            return values.squeeze(1).unflatten(0, (-1, self._grid.num_data))
        blocks, size = self._members.shape
        ordered = values.unflatten(0, (-1, blocks)).flatten(1, 2)
        back = np.empty(blocks * size, np.int64)
        back[self._members.ravel()] = np.arange(blocks * size)
        return ordered[:, torch.from_numpy(back)]

    def from_data(self, values: Tensor) -> Tensor:
        """Undo ``to_data``.

        Args:
            values: (N, D, ...), such as priors of bits.

        Returns:
            (C, V, ...).
        """
        if self._members is None:
            return values.flatten(0, 1).unsqueeze(1)
        return (
            values[:, torch.from_numpy(self._members.ravel())]
            .unflatten(1, self._members.shape)
            .flatten(0, 1)
        )

    def _arranged(self, y: Tensor, h_hat: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors, channels and noise variances as a detector takes them."""
        if self._members is None:
            return y.flatten(0, 1).unsqueeze(1), h_hat.flatten(0, 1), noise.flatten()
        y, h_hat, noise = reused(y, h_hat, noise, self._members)
        return y.flatten(0, 1), h_hat.flatten(0, 1), noise.flatten()

    def _blocks(self, elements: np.ndarray) -> np.ndarray:
        size = PRB_SUBCARRIERS * self._estimator.covariance_prb
        return elements % self._grid.raster.num_subcarriers // size

    def _residual(self, y: Tensor, h_hat: Tensor) -> Tensor:
        block = self._blocks(self._grid.pilot_elements)
        residuals = pilot_residuals(self._grid, y, h_hat)
        return self._scale * shrunk_covariance(residuals, block, int(block.max()) + 1)

    def _known(self, interference: Tensor, errors: Tensor) -> Tensor:
        """Covariance (N, D, Nr, Nr) at data elements, with the estimation errors (., D)."""
        others = self._grid.at_data(interference)
        covariance = others @ others.mH
        diagonal = covariance.diagonal(dim1=-2, dim2=-1)
        diagonal += (errors + self._noise_var).unsqueeze(-1)
        return covariance
