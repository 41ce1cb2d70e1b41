"""The door to the kernels that make channels and received vectors; cheap to import."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.door import flat


def send(
    h: Tensor, indices: Tensor, constellation: Constellation, noise: Tensor, noise_std: Tensor
) -> Tensor:
    """y = H x + noise_std n, (N, T, Nr), in the place of n.

    h: (N, Nr, Nt) complex64. indices: (N, T, Nt) int64. noise: (N, T, Nr) complex64, contiguous.
    noise_std: (N) float32. On a CPU.
    """
    from mimolearn.kernels import send as kernels

    num, vectors, rx = noise.shape
    space = torch.zeros(kernels.workspace(h.shape[-1]), dtype=torch.float32, device="cpu").numpy()
    arrays = (flat(h), indices.numpy().reshape(-1), flat(constellation.points_as(torch.complex64)))
    std = noise_std.contiguous().numpy()
    kernels.send_kernel()(*arrays, std, flat(noise), num, vectors, rx, h.shape[-1], space)
    return noise


def assemble_triangle(energy: Tensor, above: Tensor, real: bool, scale: float) -> Tensor:
    """Upper triangular (N, Nt, Nt) complex64: scale times sqrt(energy) on the diagonal.

    energy: (N, Nt) float32. above: (N, Nt (Nt - 1) / 2, 1 or 2) float32, the rows above the
    diagonal one after the other, 1 real number an entry where ``real``. On a CPU.
    """
    from mimolearn.kernels import bartlett

    num, size = energy.shape
    out = torch.empty((num, size, size), dtype=torch.complex64, device="cpu")
    arrays = (energy.numpy().reshape(-1), above.numpy().reshape(-1), flat(out))
    bartlett.assemble_kernel()(*arrays, num, size, 1 if real else 2, scale)
    return out
