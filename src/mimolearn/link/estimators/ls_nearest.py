"""Least squares at the pilots, the nearest one for every element."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mimolearn.link.channels.fading.raster import ComplexArray
from mimolearn.link.estimators.base import Estimator, PreparedEstimator, Setting
from mimolearn.link.estimators.separable import Axis, Filter, LayerView
from mimolearn.link.estimators.shared import prepared


class LsNearest(Estimator):
    """Every element has the least-squares estimate of the nearest pilots, the first of equals.

    The simplest estimator, and the worst between pilots. It needs no statistics.

    Attributes:
        name: "ls-nearest".
        covariance: "white" (default), "residual" or "known"; see ``Estimator``.
        covariance_prb: blocks of 12 subcarriers over which "residual" averages; default 2.
        reuse_subcarriers: subcarriers of a block that shares one channel; default 1.
        reuse_symbols: symbols of such a block; default 1.
    """

    name: Literal["ls-nearest"] = "ls-nearest"

    def prepare(self, setting: Setting) -> PreparedEstimator:
        return prepared(setting, _filter)


def _filter(view: LayerView, setting: Setting) -> Filter:
    return Filter(nearest_weights(view.time), nearest_weights(view.frequency))


def nearest_weights(axis: Axis) -> ComplexArray:
    """Compute the matrix (length, n) that takes the group of the nearest pilot."""
    at = axis.groups.ravel()
    nearest = abs(np.arange(axis.length)[:, None] - at).argmin(1) // axis.groups.shape[1]
    return np.eye(len(axis.groups), dtype=np.complex128)[nearest]
