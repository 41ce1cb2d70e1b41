"""Wiener filters for statistics that each slot's pilots tell."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mimolearn.kernels.link.reception import observe_pilots
from mimolearn.link.channels.fading.raster import IntArray
from mimolearn.link.estimators.base import Estimate, Estimator, PreparedEstimator, Setting
from mimolearn.link.estimators.separable import FilterBank, LayerView, observation_weights
from mimolearn.link.estimators.shared import designed
from mimolearn.link.estimators.spreads import SpreadEstimator
from mimolearn.link.estimators.wiener import wiener_filter


class WienerEstimated(Estimator):
    """Wiener filters for the delay and Doppler spread of each slot, estimated from its pilots.

    Choose it where a receiver knows no statistics of the channel: it needs the noise variance and
    the mean power of the layers only. Delays are taken for an exponential profile from the first
    arrival on, with a line of sight or without, and Doppler shifts for Jakes' spectrum. The most
    likely of 110 and the nearest of 11 candidates serve (see ``spreads``). With one symbol of
    pilots the channel is taken for constant over the slot. The stated errors are those of the
    chosen filters on the true channel.

    Attributes:
        name: "wiener-estimated".
        covariance: "white" (default), "residual" or "known"; see ``Estimator``.
        covariance_prb: blocks of 12 subcarriers over which "residual" averages; default 2.
        reuse_subcarriers: subcarriers of a block that shares one channel; default 1.
        reuse_symbols: symbols of such a block; default 1.
    """

    name: Literal["wiener-estimated"] = "wiener-estimated"

    def prepare(self, setting: Setting) -> PreparedEstimator:
        return _ChoosesFilters(setting)


class _ChoosesFilters(PreparedEstimator):
    def __init__(self, setting: Setting) -> None:
        grid = setting.grid
        views = [LayerView.of(setting, layer) for layer in range(grid.num_layers)]
        self._setting = setting
        self._spreads = SpreadEstimator(grid.raster, views)
        self._weights = observation_weights(grid)
        # Filters and errors (T F, S) of the candidates that were chosen so far.
        self._made: dict[tuple[int, int], tuple[FilterBank, Tensor]] = {}

    def estimate(self, y: Tensor, h: Tensor | None, elements: IntArray) -> Estimate:
        grid = self._setting.grid
        z = observe_pilots(y, grid.symbols, grid.subcarriers, self._weights)
        chosen = self._spreads.choose(z)
        index = torch.from_numpy(elements)
        num, rx, layers = len(y), y.shape[-1], grid.num_layers
        h_hat = torch.empty((num, len(elements), rx, layers), dtype=torch.complex64)
        error_var = torch.empty((num, len(elements), layers), dtype=torch.float32)
        for pair in sorted(set(chosen)):
            rows = [i for i, other in enumerate(chosen) if other == pair]
            slots = torch.tensor(rows, dtype=torch.int64)
            bank, errors = self._filters(pair)
            h_hat[slots] = bank.apply(z[:, :, slots].contiguous(), elements)
            error_var[slots] = errors[index]
        return Estimate(h_hat, error_var)

    def _filters(self, pair: tuple[int, int]) -> tuple[FilterBank, Tensor]:
        if pair not in self._made:
            assumed = self._spreads.moments(*pair)
            filters, errors = designed(self._setting, lambda view, _: wiener_filter(view, assumed))
            stacked = torch.from_numpy(np.stack(errors, -1).astype(np.float32))
            self._made[pair] = FilterBank(filters), stacked.flatten(0, 1)
        return self._made[pair]
