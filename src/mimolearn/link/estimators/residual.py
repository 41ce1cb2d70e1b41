"""Covariance of noise and interference, from what the estimates leave of the pilots."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mimolearn.kernels.link.transmission import receive_grid
from mimolearn.link.channels.fading.raster import IntArray
from mimolearn.link.frames.grid import Grid


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

    The shrinkage is Nr / (Nr + n), n the elements of a block.

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
