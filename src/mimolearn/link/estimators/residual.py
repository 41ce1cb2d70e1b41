"""Covariance of noise and interference, from what the estimates leave of the pilots."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import invalid
from mimolearn.kernels.link.transmission import receive_grid
from mimolearn.link.channels.fading.raster import IntArray, low_rank_factor
from mimolearn.link.estimators.base import PreparedEstimator, Setting
from mimolearn.link.frames.grid import Grid
from mimolearn.link.randomness import CounterGenerator, complex_normal

# Slots and antennas on which a receiver learns how much of the noise its residuals hold.
_SLOTS, _ANTENNAS = 16, 4
_LEAST_LEFT = 0.05


def pilot_residuals(grid: Grid, y: Tensor, h_hat: Tensor) -> Tensor:
    """Compute y - H_hat p at all elements without data of the symbols with pilots.

    Args:
        grid: the resource grid, of E such elements.
        y: (N, T, F, Nr) complex64; the received grids.
        h_hat: (N, E, Nr, S) complex64; their estimated channels.

    Returns:
        (N, E, Nr) complex64.
    """
    elements = torch.from_numpy(grid.pilot_elements)
    received = y.flatten(1, 2)[:, elements].contiguous()
    pilots = torch.from_numpy(grid.pilots).flatten(1).T[elements]
    negative = (-pilots).expand(len(y), -1, -1).contiguous()
    return receive_grid(h_hat.contiguous(), negative, 1.0, received)


def shrunk_covariance(residuals: Tensor, block: IntArray, num_blocks: int) -> Tensor:
    """Average r r^H over blocks of elements, and shrink towards the mean of its diagonal.

    The shrinkage is Nr / (Nr + n), n the elements of a block. See ``residual_scale``.

    Args:
        residuals: (N, E, Nr) complex64.
        block: (E) int64; the block of each element.
        num_blocks: B.

    Returns:
        (N, B, Nr, Nr) complex64.
    """
    num, _, rx = residuals.shape
    out = torch.empty((num, num_blocks, rx, rx), dtype=torch.complex64)
    eye = torch.eye(rx, dtype=torch.complex64)
    for index in range(num_blocks):
        members = torch.from_numpy(np.flatnonzero(block == index))
        rows = residuals[:, members]
        covariance = rows.mT @ rows.conj() / len(members)
        mean = covariance.diagonal(dim1=-2, dim2=-1).real.mean(-1)
        share = rx / (rx + len(members))
        out[:, index] = (1 - share) * covariance + share * mean[:, None, None] * eye
    return out


def residual_scale(setting: Setting, prepared: PreparedEstimator) -> float:
    """Compute by what residuals have to be multiplied to have the power of noise and errors.

    An estimate follows the noise of its own pilots, so that residuals are too small, all of them
    for least squares with as many layers as pilots. Measured on slots that are drawn from the
    statistics, always the same ones.

    Raises:
        InvalidInputError: for an estimator that leaves nothing of the pilots.
    """
    grid, generator = setting.grid, CounterGenerator(0)
    h = _drawn(setting, generator)
    size = *h.shape[:3], _ANTENNAS
    noise = complex_normal(size, generator)
    x = torch.from_numpy(grid.pilots).permute(1, 2, 0).expand(_SLOTS, -1, -1, -1).contiguous()
    y = receive_grid(h, x, math.sqrt(setting.noise_var), noise)
    estimate = prepared.estimate(y, h, grid.pilot_elements)
    residuals = pilot_residuals(grid, y, estimate.h_hat)
    left = float(residuals.abs().square().mean()) / setting.noise_var
    if left < _LEAST_LEFT:
        expected = (
            "'white', or an estimator that smooths: this one leaves nothing of the pilots of "
            f"{grid.num_layers} layers"
        )
        raise invalid("estimator.covariance", "residual", expected)
    of_data = prepared.estimate(y, h, grid.data).error_var.sum(-1).mean()
    return (1 + float(of_data) / setting.noise_var) / left


def _drawn(setting: Setting, generator: CounterGenerator) -> Tensor:
    """Gaussian channels (N, T, F, Nr, S) with the moments of the setting."""
    parts = []
    for time, frequency in zip(*setting.moments, strict=True):
        factors = [
            torch.from_numpy(low_rank_factor(lags).astype(np.complex64))
            for lags in (time, frequency)
        ]
        sizes = [factor.shape[1] for factor in factors]
        g = complex_normal((_SLOTS, *sizes, _ANTENNAS, setting.grid.num_layers), generator)
        parts.append(torch.einsum("ta,fb,nabrs->ntfrs", *factors, g))
    powers = torch.tensor(setting.powers, dtype=torch.float32)
    return (torch.stack(parts).sum(0) * powers.sqrt()).contiguous()
