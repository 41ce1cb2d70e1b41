"""Least squares at the pilots, straight lines between them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mimolearn.link.channels.fading.raster import ComplexArray
from mimolearn.link.estimators.base import Estimator, PreparedEstimator, Setting
from mimolearn.link.estimators.separable import Axis, Filter, LayerView
from mimolearn.link.estimators.shared import prepared


class LsLinear(Estimator):
    """Linear interpolation of least-squares estimates, over subcarriers and then over symbols.

    All pilots of a group have the mean over the group. Beyond the outermost pilots the line of the
    two nearest goes on. It needs no statistics.

    Attributes:
        name: "ls-linear".
        covariance: "white" (default), "residual" or "known"; see ``Estimator``.
        covariance_prb: blocks of 12 subcarriers over which "residual" averages; default 2.
        reuse_subcarriers: subcarriers of a block that shares one channel; default 1.
        reuse_symbols: symbols of such a block; default 1.
    """

    name: Literal["ls-linear"] = "ls-linear"

    def prepare(self, setting: Setting) -> PreparedEstimator:
        return prepared(setting, _filter)


def _filter(view: LayerView, setting: Setting) -> Filter:
    return Filter(linear_weights(view.time), linear_weights(view.frequency))


def linear_weights(axis: Axis) -> ComplexArray:
    """Compute the matrix (length, n) of straight lines through the groups' means.

    >>> linear_weights(Axis(np.array([[0], [2]]), 4)).real
    array([[ 1. ,  0. ],
           [ 0.5,  0.5],
           [ 0. ,  1. ],
           [-0.5,  1.5]])
    """
    at = axis.groups.ravel()
    group = np.repeat(np.arange(len(axis.groups)), axis.groups.shape[1])
    matrix = np.zeros((axis.length, len(axis.groups)), np.complex128)
    if len(at) == 1:
        matrix[:, 0] = 1
        return matrix
    position = np.arange(axis.length)
    left = np.clip(np.searchsorted(at, position, side="left") - 1, 0, len(at) - 2)
    share = (position - at[left]) / (at[left + 1] - at[left])
    np.add.at(matrix, (position, group[left]), 1 - share)
    np.add.at(matrix, (position, group[left + 1]), share)
    return matrix
