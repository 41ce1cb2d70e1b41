"""The channel itself."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from mimolearn.link.channels.fading.raster import IntArray
from mimolearn.link.estimators.base import Estimate, Estimator, PreparedEstimator, Setting


class Perfect(Estimator):
    """The receiver knows the channel of every element.

    Attributes:
        name: "perfect".
        covariance: "white" (default), "residual" or "known"; see ``Estimator``.
        covariance_prb: blocks of 12 subcarriers over which "residual" averages; default 2.
        reuse_subcarriers: subcarriers of a block that shares one channel; default 1.
        reuse_symbols: symbols of such a block; default 1.
    """

    name: Literal["perfect"] = "perfect"

    def prepare(self, setting: Setting) -> PreparedEstimator:
        return _Known()


class _Known(PreparedEstimator):
    def estimate(self, y: Tensor, h: Tensor | None, elements: IntArray) -> Estimate:
        if h is None:
            raise TypeError("h: the perfect estimator needs the channels")
        taken = h.flatten(1, 2)[:, torch.from_numpy(elements)]
        return Estimate(taken, torch.zeros((1, *taken.shape[1::2]), dtype=torch.float32))
