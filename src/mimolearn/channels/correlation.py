"""Spatial correlation of antenna arrays."""

from __future__ import annotations

import torch
from torch import Tensor


def exponential_correlation(num_ant: int, magnitude: float, phase_rad: float = 0.0) -> Tensor:
    """The exponential model r_ij = r^(j-i) for i <= j and its conjugate below the diagonal.

    r = magnitude e^(j phase_rad), |r| <= 1, is the correlation of neighbours (Loyka 2001).
    A phase turns the direction that the array favours; it does not change eigenvalues.
    Returns (num_ant, num_ant) complex128 with a unit diagonal.

    >>> exponential_correlation(3, 0.5)[0].real
    tensor([1.0000, 0.5000, 0.2500], dtype=torch.float64)
    """
    position = torch.arange(num_ant, dtype=torch.float64)
    lag = position[None, :] - position[:, None]
    return torch.polar(magnitude ** lag.abs(), phase_rad * lag)


def hermitian_sqrt(matrix: Tensor) -> Tensor:
    """Hermitian square root of a positive semidefinite matrix (N, N), singular ones included."""
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    return (vectors * eigenvalues.clamp(min=0).sqrt()) @ vectors.mH
