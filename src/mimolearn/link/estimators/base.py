"""The contract of channel estimators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Literal, NamedTuple

from pydantic import Field
from torch import Tensor

from mimolearn.foundation.plainmodel import Count, PlainModel
from mimolearn.link.channels.fading.raster import IntArray, Moments
from mimolearn.link.frames.grid import Grid


class Setting(NamedTuple):
    """What an estimator is prepared for.

    Attributes:
        grid: the resource grid with its pilots.
        moments: second moments of the channel, relative to the power of a layer.
        powers: (S) float64; mean power E|h_ij|^2 of each layer.
        noise_var: noise variance of a receive antenna, interference included.
    """

    grid: Grid
    moments: Moments
    powers: tuple[float, ...]
    noise_var: float


class Estimate(NamedTuple):
    """Estimated channels of E elements of the grid.

    Attributes:
        h_hat: (N, E, Nr, S) complex64.
        error_var: (1, E, S) or (N, E, S) float32; E|h_hat - h|^2 of an entry of each layer.
    """

    h_hat: Tensor
    error_var: Tensor


class PreparedEstimator(ABC):
    """An estimator for one grid, one channel model and one noise variance."""

    @abstractmethod
    def estimate(self, y: Tensor, h: Tensor | None, elements: IntArray) -> Estimate:
        """Estimate the channels of some elements.

        Args:
            y: (N, T, F, Nr) complex64; the received grids.
            h: (N, T, F, Nr, S) complex64; the channels, which the perfect estimator alone reads.
            elements: (E) int64; t F + f of the elements.
        """


class Estimator(PlainModel, ABC):
    """A channel estimator and what the receiver makes of its estimates, as plain values.

    Attributes:
        name: the estimator.
        covariance: noise and interference that the receiver reckons with. "white" (default) is
            noise_var on every antenna. "residual" is estimated from what the estimates leave of the
            pilots, and "known" is the true covariance; with both the receiver whitens.
        covariance_prb: blocks of 12 subcarriers over which "residual" averages; default 2.
        reuse_subcarriers: F', subcarriers of a block of elements that share one channel, its mean
            over the block; default 1. How far channels are from it is added to the noise.
        reuse_symbols: symbols of such a block; default 1.
    """

    covariance: Literal["white", "residual", "known"] = "white"
    covariance_prb: Annotated[Count, Field(le=275)] = 2
    reuse_subcarriers: Annotated[Count, Field(le=4096)] = 1
    reuse_symbols: Annotated[Count, Field(le=4096)] = 1

    @abstractmethod
    def prepare(self, setting: Setting) -> PreparedEstimator:
        """Compute once what depends on grid, statistics and noise.

        Raises:
            InvalidInputError: for a grid that this estimator cannot serve.
        """
