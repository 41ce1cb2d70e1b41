"""How the library calls the kernels of nearest points and counted errors; cheap to import."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.machine.launch import flat, usable


def nearest(constellation: Constellation, x_hat: Tensor) -> Tensor:
    """``Constellation.nearest`` by the fastest path: (...) estimates to (...) int64 indices."""
    if x_hat.dtype != torch.complex64 or not usable(x_hat):
        return constellation.nearest(x_hat)
    from mimolearn.kernels.link import nearest as kernels

    out = torch.empty(x_hat.shape, dtype=torch.int64, device="cpu")
    if not constellation.is_separable:
        points = flat(constellation.points_as(torch.complex64))
        kernels.nearest_point_kernel()(flat(x_hat), points, out.numpy().reshape(-1))
        return out
    if constellation.num_levels == 2:
        weights = (1, 0) if constellation.is_real else (2, 1)
        kernels.two_levels_kernel()(flat(x_hat), *weights, out.numpy().reshape(-1))
        return out
    axis = constellation.axis(torch.float32)
    both = torch.cat([axis.to_index, axis.to_index >> 1]).numpy()
    low, step = float(axis.levels[0]), constellation.min_distance()
    kernels.nearest_kernel()(flat(x_hat), low, 1 / step, both, out.numpy().reshape(-1))
    return out


def count_errors(
    sent: Tensor, detected: Tensor, valid: Tensor, bits_per_symbol: int
) -> tuple[Tensor, Tensor, bool]:
    """Wrong bits and wrong symbols of each vector, and whether all detected values are indices.

    sent, detected: (N, T, Nt) int64; valid: (N, T) bool, where False makes all of a vector wrong.
    The counts are (N T) int64.
    """
    from mimolearn.kernels.link import nearest as kernels

    bits, symbols = (torch.empty(valid.numel(), dtype=torch.int64, device="cpu") for _ in range(2))
    if not valid.numel():
        return bits, symbols, True
    tensors = (sent, detected.to(torch.int64), valid)
    arrays = [t.contiguous().reshape(-1).numpy() for t in tensors]
    out = (bits.numpy(), symbols.numpy())
    inside = kernels.count_kernel()(*arrays, bits_per_symbol, *out)
    return bits, symbols, inside
