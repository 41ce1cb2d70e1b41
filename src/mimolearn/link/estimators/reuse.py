"""One channel for a block of elements, whose distance from each element's is taken for noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import invalid
from mimolearn.link.channels.fading.raster import IntArray
from mimolearn.link.frames.grid import Grid


class Reused(NamedTuple):
    """What a detector gets of B blocks of n elements.

    Attributes:
        y: (N, B, n, Nr) complex64.
        h_hat: (N, B, Nr, S) complex64; mean over the block.
        noise_var: (N, B) float32; its mean and the mismatch of the channels.
    """

    y: Tensor
    h_hat: Tensor
    noise_var: Tensor


def block_members(grid: Grid, num_symbols: int, num_subcarriers: int) -> IntArray:
    """Return (B, n): the data elements of each block, as indices 0 ... D - 1.

    Args:
        grid: the resource grid.
        num_symbols: symbols of a block.
        num_subcarriers: subcarriers of a block.

    Raises:
        InvalidInputError: for blocks with different numbers of data elements.
    """
    symbol, subcarrier = np.divmod(grid.data, grid.raster.num_subcarriers)
    across = -(-grid.raster.num_subcarriers // num_subcarriers)
    block = symbol // num_symbols * across + subcarrier // num_subcarriers
    _, counts = np.unique(block, return_counts=True)
    if counts.min() != counts.max():
        expected = f"blocks of equal size; these have {counts.min()} to {counts.max()} elements"
        raise invalid("reuse_symbols, reuse_subcarriers", (num_symbols, num_subcarriers), expected)
    return np.argsort(block, kind="stable").reshape(len(counts), -1)


def reused(y: Tensor, h_hat: Tensor, noise_var: Tensor, members: IntArray) -> Reused:
    """Average the channels of each block.

    Args:
        y: (N, D, Nr) complex64.
        h_hat: (N, D, Nr, S) complex64.
        noise_var: (N, D) float32.
        members: (B, n); see ``block_members``.
    """
    index = torch.from_numpy(members)
    channels = h_hat[:, index]
    mean = channels.mean(2)
    distance = (channels - mean.unsqueeze(2)).abs().square()
    # Data symbols have unit energy.
    mismatch = distance.sum(-1).mean((-1, -2))
    return Reused(y[:, index], mean, noise_var[:, index].mean(-1) + mismatch)
