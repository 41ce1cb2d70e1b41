"""How the library calls the kernels of a receiver on a resource grid; cheap to import."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mimolearn.kernels.machine.launch import flat


def observe_pilots(
    y: Tensor, symbols: np.ndarray, subcarriers: np.ndarray, weights: np.ndarray
) -> Tensor:
    """One observation a group of pilots, (S, P, N, Td, Nr) complex64: a weighted sum of y.

    y: (N, T, F, Nr) complex64. symbols: (Td, length) and subcarriers: (S, P, pair), int64. weights:
    (S, Td, P, length * pair) complex64.
    """
    from mimolearn.kernels.link import pilots as kernels

    layers, groups = subcarriers.shape[:2]
    shape = (layers, groups, y.shape[0], len(symbols), y.shape[-1])
    z = torch.empty(shape, dtype=torch.complex64, device="cpu")
    given = flat(y).reshape(*y.shape[:-1], -1)
    parts = weights.view(np.float32).reshape(*weights.shape, 2)
    out = flat(z).reshape(*shape[:-1], -1)
    kernels.observe_kernel()(given, symbols, subcarriers, parts, out)
    return z


def interpolate_channels(
    u: Tensor, time: np.ndarray, position: np.ndarray, num_elements: int
) -> Tensor:
    """Channels (N, E, Nr, S) complex64 of elements, from estimates at the symbols with pilots.

    u: (S, F, N, Td, Nr) complex64. time: (T, Td, S) complex. position: (T, F) int64, the row of an
    element among the E, negative for none.
    """
    from mimolearn.kernels.link import pilots as kernels

    layers, _, num, _, rx = u.shape
    h = torch.empty((num, num_elements, rx, layers), dtype=torch.complex64, device="cpu")
    patterns = [
        np.ascontiguousarray(np.tile(np.repeat(part, 2, -1), (1, 1, rx)), np.float32)
        for part in (np.real(time), np.imag(time))
    ]
    is_real = not patterns[1].any()
    arrays = (flat(u).reshape(*u.shape[:-1], -1), *patterns, np.ascontiguousarray(position))
    kernels.interpolate_kernel()(*arrays, is_real, flat(h).reshape(num, num_elements, -1))
    return h


def squared_error(h_hat: Tensor, h: Tensor, elements: np.ndarray) -> Tensor:
    """|h_hat - h|^2 averaged over receive antennas, (N, E, S) float32.

    h_hat: (N, E, Nr, S) and h: (N, T, F, Nr, S), complex64, contiguous, on a CPU. elements: (E)
    int64, t F + f of each of h_hat.
    """
    from mimolearn.kernels.link import pilots as kernels

    out = torch.empty((*h_hat.shape[:2], h_hat.shape[-1]), dtype=torch.float32, device="cpu")
    estimates = torch.view_as_real(h_hat).flatten(-2).numpy()
    channels = torch.view_as_real(h).flatten(-2).flatten(1, 2).numpy()
    kernels.squared_error_kernel()(estimates, channels, elements, out.numpy())
    return out


def whiten(covariance: Tensor, block: np.ndarray, h: Tensor, y: Tensor) -> None:
    """Multiply h and y by L^-1, where C = L L^H, in their places.

    covariance: (N, B, Nr, Nr) complex64. block: (E) int64, the block of each element, best in
    order. h: (N, E, Nr, S) and y: (N, E, Nr), complex64, contiguous, on a CPU.
    """
    from mimolearn.kernels.link import whitening as kernels

    given = covariance.resolve_conj().contiguous().numpy()
    channels = torch.view_as_real(h).flatten(-2).numpy()
    vectors = torch.view_as_real(y).numpy()
    kernels.whiten_kernel()(given, np.ascontiguousarray(block), channels, vectors)
