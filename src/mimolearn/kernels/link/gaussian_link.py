"""How the library calls the kernel that draws, transmits and detects; cheap to import."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.linear.calls import LINEAR_METHODS
from mimolearn.kernels.link.transmission import noise_deviation
from mimolearn.kernels.machine.launch import LANES, flat, floats_of, workspace

SIMULATED_METHODS = (*LINEAR_METHODS, "widely-linear")


class GaussianLink(NamedTuple):
    """A link of independent Gaussian channels that are known perfectly.

    num_channels: a multiple of 16. num_rows: of a channel, Nr, or Nt of reduced ones.
    entry_scale: deviation of a channel's real numbers, or of those above a triangle's diagonal.
    diagonal_scale: what a triangle is multiplied by. shapes: of the gamma variates on a triangle's
    diagonal, none of a full channel. noise_var: float32 (1). noise_scale: deviation of the real
    numbers of CN(0, 1).
    """

    num_channels: int
    num_vectors: int
    num_rows: int
    num_tx_ant: int
    constellation: Constellation
    is_real: bool
    entry_scale: float
    diagonal_scale: float
    shapes: np.ndarray
    noise_var: Tensor
    noise_scale: float


def is_compiled() -> bool:
    """Whether the kernel's machine code is at hand, in memory or on disk."""
    from mimolearn.kernels.link import linear_simulation as kernels

    return kernels.kernel.cache_info().currsize > 0 or _was_on_disk()


@functools.cache
def _was_on_disk() -> bool:
    # Every chunk asks.
    from mimolearn.kernels.machine.compile import is_on_disk

    return is_on_disk("link.linear_simulation")


def simulate_linear(
    link: GaussianLink, seed: int, methods: tuple[str, ...]
) -> tuple[Tensor, Tensor] | None:
    """Sent indices (N, T, Nt), and the estimates (D, N, T, Nt) of each of D methods.

    seed: of the CounterGenerator whose draws these are. methods: of SIMULATED_METHODS. None if an
    estimate is not finite.
    """
    from mimolearn.kernels.link import linear_simulation as kernels

    nt, parts = link.num_tx_ant, kernels.REAL if link.is_real else kernels.COMPLEX
    rows = link.num_rows
    # Only the error variance tells these two apart, and it is not asked for.
    plain = ["lmmse" if method == "real-lmmse" else method for method in methods]
    codes = np.array([SIMULATED_METHODS.index(method) for method in plain])
    codes[codes == SIMULATED_METHODS.index("widely-linear")] = kernels.WIDELY_LINEAR
    noise = torch.cat([link.noise_var, noise_deviation(link.noise_var)]).numpy()
    scales = np.array([link.entry_scale, link.diagonal_scale, link.noise_scale], np.float32)
    sent = torch.empty(link.num_channels, link.num_vectors, nt, dtype=torch.int64, device="cpu")
    x_hat = torch.empty((len(methods), *sent.shape), dtype=torch.complex64, device="cpu")
    groups, points = link.num_channels // LANES, link.constellation
    sizes = (groups, link.num_vectors, rows, nt, parts, points.num_points)
    space = workspace(floats_of(kernels.layout, link.num_vectors, rows, nt))
    space[: 16 * LANES] = 0
    arrays = (codes, flat(points.points_as(torch.complex64)), noise, scales, link.shapes)
    outputs = (sent.numpy().reshape(-1), flat(x_hat))
    words = np.empty(64, np.uint32)
    finite = kernels.kernel()(seed, *arrays, *outputs, sizes, space, words)
    return (sent, x_hat) if finite else None
