"""Spatial correlation of antenna arrays."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from mimolearn.kernels.link.transmission import symmetric_root


def exponential_correlation(num_ant: int, magnitude: float, phase_rad: float = 0.0) -> Tensor:
    """Compute a correlation matrix of the exponential model (Loyka 2001).

    r_ij = r^(j-i) for i <= j, and its conjugate below the diagonal, with r = magnitude
    e^(j phase_rad). The phase does not change the eigenvalues.

    Args:
        num_ant: N.
        magnitude: |r|, the correlation of neighbours, at most 1.
        phase_rad: phase of r, radians; default 0.

    Returns:
        (N, N) complex128, with ones on the diagonal.

    >>> exponential_correlation(3, 0.5)[0].real
    tensor([1.0000, 0.5000, 0.2500], dtype=torch.float64)
    """
    position = torch.arange(num_ant, dtype=torch.float64)
    lag = position[None, :] - position[:, None]
    return torch.polar(magnitude ** lag.abs(), phase_rad * lag)


def exponential_root(num_ant: int, magnitude: float, phase_rad: float = 0.0) -> Tensor:
    """Compute the Hermitian square root (N, N) complex128 of ``exponential_correlation``.

    Rounded to single precision it is the same on every machine.

    >>> root = exponential_root(3, 0.5, 1.0)
    >>> bool((root @ root - exponential_correlation(3, 0.5, 1.0)).abs().max() < 1e-14)
    True
    """
    root = torch.from_numpy(_real_root(num_ant, magnitude))
    position = torch.arange(num_ant, dtype=torch.float64)
    # A phase that grows with the position is a unitary change of both sides.
    return (
        torch.polar(torch.ones_like(root), phase_rad * (position[None, :] - position[:, None]))
        * root
    )


@functools.lru_cache(maxsize=64)
def _real_root(num_ant: int, magnitude: float) -> np.ndarray:
    """The square root for phase 0, (num_ant, num_ant) float64."""
    row = np.array([float(magnitude) ** lag for lag in range(num_ant)])
    position = np.arange(num_ant)
    return symmetric_root(row[abs(position[None, :] - position[:, None])])
