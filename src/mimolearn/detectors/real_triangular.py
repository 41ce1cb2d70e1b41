"""The real triangular form that the tree searches share: ||y - H x||^2 = ||z - R u||^2 + const.

u counts levels, 0 .. L-1 on every real axis. Distances are in units of noise_var, so that half of
a difference is not needed anywhere: ln p(y|x) = -||z - R u||^2 + const for circular noise.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors import counting
from mimolearn.errors import invalid
from mimolearn.linalg import stack_real_vector


class RealTriangular(NamedTuple):
    """One channel as a triangle, float64 on the CPU; n = Nt for BPSK, else 2 Nt.

    q: (*C, 2Nr, n), already over sigma. columns: (*C, n, n), row k is column k of R.
    offset: (*C, n), R times the lowest level. order: (*C, n), row k detects unknown order[k].
    """

    q: Tensor
    columns: Tensor
    offset: Tensor
    order: Tensor


def has_constant_energy(constellation: Constellation) -> bool:
    """True for BPSK and QPSK, where the MMSE regularisation changes no decision."""
    return constellation.num_levels == 2


def real_triangular(h: Tensor, noise_var: Tensor, constellation: Constellation) -> RealTriangular:
    """Sorted QR of the real model: h (*C, Nr, Nt) complex, noise_var (*C) real.

    BPSK uses [Re H; Im H], as its symbols are real. Where ||x|| is the same for all x (BPSK and
    QPSK), the matrix is extended below by the regularisation of the real MMSE receiver, whose
    triangle is better conditioned: every distance then grows by the same constant, so that the
    ranking stays exact.
    """
    from mimolearn.kernels.sorted_qr import sorted_qr

    batch = h.shape[:-2]
    wide = h.detach().to("cpu", torch.complex128).resolve_conj()
    wide = wide.reshape(-1, *h.shape[-2:]).contiguous()
    scale = noise_var.detach().to("cpu", torch.float64).rsqrt().reshape(-1).contiguous()
    n = h.shape[-1] * (1 if constellation.is_real else 2)
    level = float(constellation.axis(torch.float64).levels[0])
    # noise variance over symbol energy, both per real axis, with noise_var = 1
    ridge = math.sqrt(0.5) / abs(level) if has_constant_energy(constellation) else 0.0
    q = torch.empty(wide.shape[0], 2 * h.shape[-2], n, dtype=torch.float64)
    columns = q.new_zeros(wide.shape[0], n, n)
    order = torch.empty(wide.shape[0], n, dtype=torch.int64)
    sorted_qr(
        wide.numpy(),
        scale.numpy(),
        ridge,
        constellation.is_real,
        q.numpy(),
        columns.numpy(),
        order.numpy(),
    )
    offset = columns.sum(-2).mul_(level)
    return RealTriangular(
        q.mul_(scale[:, None, None]).reshape(*batch, -1, n),
        columns.mul_(constellation.min_distance()).reshape(*batch, n, n),
        offset.reshape(*batch, n),
        order.reshape(*batch, n),
    )


def rotate(triangle: RealTriangular, y: Tensor) -> Tensor:
    """z of every vector: (*C, T, Nr) complex -> (*C, T, n) float64 on the CPU, contiguous."""
    stacked = stack_real_vector(y.detach().to("cpu", torch.complex128))
    return (stacked @ triangle.q - triangle.offset.unsqueeze(-2)).contiguous()


def restore_order(triangle: RealTriangular, values: Tensor) -> Tensor:
    """(*C, T, n, ...) in the order of the triangle -> in the order of the unknowns."""
    order = triangle.order.unsqueeze(-2)
    order = order.reshape(*order.shape, *[1] * (values.ndim - order.ndim)).expand(values.shape)
    return torch.empty_like(values).scatter_(triangle.order.ndim, order, values)


def levels_to_indices(levels: Tensor, constellation: Constellation) -> Tensor:
    """(*C, T, n) levels, real axes first -> (*C, T, Nt) symbol indices; -1 where a level is < 0."""
    to_index = constellation.axis(torch.float64).to_index
    parts = to_index[levels.clamp(min=0).to(torch.int64)]
    if constellation.is_real:
        indices, bad = parts, levels < 0
    else:
        real, imag = parts.chunk(2, -1)
        indices = real + (imag >> 1)
        bad = (levels < 0).unflatten(-1, (2, -1)).any(-2)
    return indices.masked_fill(bad, -1)


def axis_llr_to_llr(axis_llr: Tensor, constellation: Constellation) -> Tensor:
    """(*C, T, n, Ka) LLRs of the axes -> (*C, T, Nt, K), bits alternating between the axes."""
    if constellation.is_real:
        return axis_llr
    return axis_llr.unflatten(-2, (2, -1)).movedim(-3, -1).flatten(-2)


def axis_labels(constellation: Constellation) -> Tensor:
    """(L, Ka) int8 bits of the levels, contiguous, for the kernels."""
    return constellation.axis(torch.float64).bits.to(torch.int8).contiguous()


def check_determined(
    name: str, constellation: Constellation, num_rx_ant: int, num_tx_ant: int
) -> None:
    """Refuse more streams than antennas where no regularisation keeps the search exact."""
    if num_tx_ant <= num_rx_ant or has_constant_energy(constellation):
        return
    raise invalid(
        "h",
        f"<{num_tx_ant} streams on {num_rx_ant} antennas>",
        f"num_tx_ant <= num_rx_ant for {name!r} with {constellation.name}; use 'ml' or 'lmmse'",
    )


def triangle_cost(
    constellation: Constellation, num_rx_ant: int, num_tx_ant: int
) -> tuple[int, int]:
    """Real multiplications of the sorted QR per channel and of the rotation per vector."""
    n = num_tx_ant * (1 if constellation.is_real else 2)
    rows = 2 * num_rx_ant
    extended = rows + (n if has_constant_energy(constellation) else 0)
    return counting.qr(extended, n, real=True), counting.matvec(n, rows, real=True)
