"""How the library calls the kernels that make channels and received vectors; cheap to import."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.machine.launch import flat, floats_of, workspace


def noise_deviation(noise_var: Tensor) -> Tensor:
    """Standard deviation of noise, in the dtype of its variance.

    Every path of a simulation takes it from here. numpy rounds a root correctly; torch's depends
    on the machine and is off by the last bit for some numbers.
    """
    if noise_var.requires_grad or not noise_var.is_cpu:
        return noise_var.sqrt()
    return torch.from_numpy(np.sqrt(noise_var.contiguous().numpy()))


def transmit(
    h: Tensor, indices: Tensor, constellation: Constellation, noise: Tensor, noise_std: Tensor
) -> Tensor:
    """y = H x + noise_std n, (N, T, Nr), in the place of n.

    h: (N, Nr, Nt) complex64. indices: (N, T, Nt) int64. noise: (N, T, Nr) complex64, contiguous.
    noise_std: (N) float32. On a CPU.
    """
    from mimolearn.kernels.link import transmit as kernels

    numbers = (*noise.shape, h.shape[-1])
    space = workspace(floats_of(kernels.layout, h.shape[-1]))
    space[:] = 0
    arrays = (flat(h), indices.numpy().reshape(-1), flat(constellation.points_as(torch.complex64)))
    std = noise_std.contiguous().numpy()
    kernels.transmit_kernel()(*arrays, std, flat(noise), numbers, space)
    return noise


def symmetric_root(matrix: np.ndarray) -> np.ndarray:
    """Square root (n, n) of a symmetric positive semidefinite float64 matrix, singular or not."""
    from mimolearn.kernels.link import correlate as kernels

    root = np.zeros_like(matrix)
    kernels.root_kernel()(matrix.copy(), np.eye(len(matrix)), root)
    return root


def correlate(u: Tensor, rx_root: Tensor, tx_root: Tensor) -> Tensor:
    """rx_root U tx_root for every U, in the place of u (N, Nr, Nt) complex64, contiguous, on a CPU.

    rx_root: (Nr, Nr), tx_root: (Nt, Nt), both complex.
    """
    from mimolearn.kernels.link import correlate as kernels

    roots = [torch.stack([root.real, root.imag]).to(torch.float32) for root in (rx_root, tx_root)]
    is_real = np.array([not bool(root[1].any()) for root in roots])
    numbers = torch.view_as_real(u).flatten(-2).numpy()
    space = workspace(floats_of(kernels.layout, *u.shape[1:]))
    kernels.correlate_kernel()(*(root.numpy() for root in roots), numbers, is_real, space)
    return u


def assemble_triangle(energy: Tensor, above: Tensor, real: bool, scale: float) -> Tensor:
    """Upper triangular (N, Nt, Nt) complex64: scale times sqrt(energy) on the diagonal.

    energy: (N, Nt) float32. above: (N, Nt (Nt - 1) / 2, 1 or 2) float32, the rows above the
    diagonal one after the other, 1 real number an entry where ``real``. On a CPU.
    """
    from mimolearn.kernels.link import bartlett

    num, size = energy.shape
    out = torch.empty((num, size, size), dtype=torch.complex64, device="cpu")
    arrays = (energy.numpy().reshape(-1), above.numpy().reshape(-1), flat(out))
    bartlett.assemble_kernel()(*arrays, num, size, 1 if real else 2, scale)
    return out


def fade(time: np.ndarray, frequency: np.ndarray, g: Tensor) -> Tensor:
    """h(t, f) = sum of time[t, a] frequency[f, b] g_ab over a and b, (N, T, F, Nr, Nt) complex64.

    time: (T, A) real. frequency: (F, B) complex. g: (N, A, B, Nr, Nt) complex64, contiguous, on a
    CPU.
    """
    from mimolearn.kernels.link import grid_fading as kernels

    num, _, _, rx, tx = g.shape
    shape = (num, len(time), len(frequency), rx, tx)
    h = torch.empty(shape, dtype=torch.complex64, device="cpu")
    parts = np.stack([np.real(frequency), np.imag(frequency)]).astype(np.float32)
    numbers = [torch.view_as_real(tensor).flatten(-3).numpy() for tensor in (g, h)]
    kernels.fading_kernel()(np.ascontiguousarray(time, np.float32), parts, *numbers)
    return h


def receive_grid(h: Tensor, x: Tensor, noise_std: float, noise: Tensor) -> Tensor:
    """y = H x + noise_std n at every element, (..., Nr), in the place of n.

    h: (..., Nr, S), x: (..., S), noise: (..., Nr), all complex64, contiguous, on a CPU.
    """
    from mimolearn.kernels.link import grid_fading as kernels

    rx, layers = h.shape[-2:]
    arrays = (flat(h).reshape(-1, rx, 2 * layers), flat(x).reshape(-1, 2 * layers))
    kernels.receive_kernel()(*arrays, noise_std, flat(noise).reshape(-1, 2 * rx))
    return noise
