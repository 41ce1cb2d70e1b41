"""The door to the kernel that draws, sends and detects; cheap to import."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.dispatch import LINEAR_METHODS
from mimolearn.kernels.door import LANES, flat, workspace

SIMULATED_METHODS = (*LINEAR_METHODS, "widely-linear")


class GaussianLink(NamedTuple):
    """A link of independent Gaussian channels that are known perfectly.

    num_channels: a multiple of 16. entry_var: E|h_ij|^2. reduced: triangles, of Nt rows.
    """

    num_channels: int
    num_vectors: int
    num_rx_ant: int
    num_tx_ant: int
    constellation: Constellation
    is_real: bool
    reduced: bool
    entry_var: float
    noise_var: float


def is_compiled() -> bool:
    """Whether the kernel's machine code is at hand, in memory or on disk."""
    from mimolearn.kernels import linear_simulation as kernels
    from mimolearn.kernels.compile import is_on_disk

    return kernels.kernel.cache_info().currsize > 0 or is_on_disk("linear_simulation")


def simulate_linear(
    link: GaussianLink, seed: int, methods: tuple[str, ...]
) -> tuple[Tensor, Tensor] | None:
    """Sent indices (N, T, Nt), and the estimates (D, N, T, Nt) of each of D methods.

    seed: of the CounterGenerator whose draws these are. methods: of SIMULATED_METHODS. None if an
    estimate is not finite.
    """
    from mimolearn.kernels import linear_simulation as kernels

    nt, parts = link.num_tx_ant, kernels.REAL if link.is_real else kernels.COMPLEX
    rows = nt if link.reduced else link.num_rx_ant
    # Only the error variance tells these two apart, and it is not asked for.
    plain = ["lmmse" if method == "real-lmmse" else method for method in methods]
    codes = np.array([SIMULATED_METHODS.index(method) for method in plain])
    codes[codes == SIMULATED_METHODS.index("widely-linear")] = kernels.WIDELY_LINEAR
    noise_var = np.float32(link.noise_var)
    noise = np.array([noise_var, np.sqrt(noise_var)])
    sent = torch.empty(link.num_channels, link.num_vectors, nt, dtype=torch.int64, device="cpu")
    x_hat = torch.empty((len(methods), *sent.shape), dtype=torch.complex64, device="cpu")
    groups, points = link.num_channels // LANES, link.constellation
    sizes = (groups, link.num_vectors, rows, nt, parts, points.num_points)
    space = workspace(kernels.workspace(link.num_vectors, rows, nt))
    space[: 16 * LANES] = 0
    arrays = (codes, flat(points.points_as(torch.complex64)), noise, _scales(link), _shapes(link))
    outputs = (sent.numpy().reshape(-1), flat(x_hat))
    words = np.empty(64, np.uint32)
    finite = kernels.kernel()(seed, *arrays, *outputs, sizes, space, words)
    return (sent, x_hat) if finite else None


def _scales(link: GaussianLink) -> np.ndarray:
    """As ``randomness`` and ``channels.reduced`` have them."""
    if link.reduced:
        diagonal = math.sqrt(link.entry_var * (2 if link.is_real else 1))
        return np.array([math.sqrt(0.5), diagonal], np.float32)
    scale = math.sqrt(link.entry_var / (1 if link.is_real else 2))
    return np.array([scale, 0], np.float32)


def _shapes(link: GaussianLink) -> np.ndarray:
    if not link.reduced:
        return np.empty(0, np.float32)
    nr, nt = link.num_rx_ant, link.num_tx_ant
    return np.arange(nr, nr - nt, -1, dtype=np.float32) / (2 if link.is_real else 1)
