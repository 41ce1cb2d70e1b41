"""The real triangular form that the tree searches share: ||y - H x||^2 = ||z - R u||^2 + const.

u counts levels, 0 .. L-1 on every real axis. Distances are in units of noise_var, so that half of
a difference is not needed anywhere: ln p(y|x) = -||z - R u||^2 + const for circular noise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors import counting
from mimolearn.foundation.errors import invalid
from mimolearn.foundation.tensors.linalg import (
    flat_blocks,
    gram,
    matched_filter,
    stack_real_columns,
    stack_real_vector,
)
from mimolearn.kernels.triangles.mmse_tree import ordered_by_variance, prior_precision


class RealTriangular(NamedTuple):
    """One channel as a triangle, double precision on the CPU; n = Nt for BPSK, else 2 Nt.

    model: (*C, Nr, Nt) H, or (*C, 2Nr, Nt) [Re H; Im H] for BPSK. scale: (*C, 1, 1), level
    spacing over noise_var. columns: (*C, n, n), row k is column k of R. solver: the same,
    invertible. offset: (*C, 1, n), R times the lowest level. order: (*C, Nt), row k holds stream
    order[k], for QAM rows 2k and 2k + 1 its real and imaginary part.
    """

    model: Tensor
    scale: Tensor
    columns: Tensor
    solver: Tensor
    offset: Tensor
    order: Tensor


def has_constant_energy(constellation: Constellation) -> bool:
    """True for BPSK and QPSK, where the MMSE regularisation changes no decision."""
    return constellation.num_levels == 2


def real_triangular(
    h: Tensor, noise_var: Tensor, constellation: Constellation, mmse: bool = False
) -> RealTriangular:
    """The triangle of the sorted QR of the real model: h (*C, Nr, Nt) complex, noise_var (*C) real.

    R comes from the Gram matrix, which is several times cheaper than a QR. Squaring costs no
    accuracy that counts: in units of noise_var, distances are off by about 1e-16 times the
    receive SNR, whatever the condition of H.
    BPSK uses Re(H^H H), as its symbols are real. Where ||x|| is the same for all x (BPSK and
    QPSK), the regularisation of the MMSE receiver is added, which makes the triangle better
    conditioned: every distance then grows by the same constant, so that the ranking stays exact.
    ``mmse`` adds it for all constellations; distances then grow by ||x||^2 ``prior_precision``,
    which the caller has to take out. Up to 16 streams of QAM then have the order of their posterior
    variance, smallest in the last row (Foschini et al. 1999, with the MMSE).
    """
    batch, num_streams = h.shape[:-2], h.shape[-1]
    model = stack_real_columns(h) if constellation.is_real else h
    model = model.detach().to("cpu", torch.float64 if constellation.is_real else torch.complex128)
    precision = noise_var.detach().to("cpu", torch.float64).reciprocal()[..., None, None]
    product = gram(model) * precision
    levels = constellation.axis(torch.float64).levels
    if mmse or has_constant_energy(constellation):
        product.diagonal(dim1=-2, dim2=-1).add_(prior_precision(constellation))
    if mmse and ordered_by_variance(constellation, num_streams):
        # The pivots of the inverse, smallest first, are the variances in the order of decisions.
        inverse = torch.linalg.inv_ex(product).inverse
        order = _factor(inverse, constellation, is_sorted=False)[1].flip(-1)
        rows = order.unsqueeze(-1).expand(product.shape)
        product = product.gather(-2, rows).gather(-1, rows.mT)
        columns, _ = _factor(product, constellation, is_sorted=True)
    else:
        columns, order = _factor(product, constellation, is_sorted=False)
    n = columns.shape[-1]
    offset = (columns.sum(-2) * levels[0]).reshape(*batch, 1, n)
    columns = columns.mul_(constellation.min_distance())
    return RealTriangular(
        model,
        precision * constellation.min_distance(),
        columns,
        _invertible(columns),
        offset,
        order,
    )


def _factor(
    product: Tensor, constellation: Constellation, is_sorted: bool
) -> tuple[Tensor, Tensor]:
    """Columns of the real triangle (*C, n, n) and the order of streams (*C, Nt)."""
    from mimolearn.kernels.triangles.sorted_cholesky import kernel

    batch, num_streams = product.shape[:-2], product.shape[-1]
    real = flat_blocks(product.real).contiguous()
    imag = real.new_empty(0, 0, 0)
    n = num_streams
    if not constellation.is_real:
        imag = flat_blocks(product.imag).contiguous()
        n = 2 * num_streams
    columns = real.new_zeros(real.shape[0], n, n)
    order = torch.empty(real.shape[0], num_streams, dtype=torch.int64, device="cpu")
    kernel()(real.numpy(), imag.numpy(), is_sorted, columns.numpy(), order.numpy())
    return columns.reshape(*batch, n, n), order.reshape(*batch, num_streams)


def _invertible(columns: Tensor) -> Tensor:
    """The triangle with ones for the zero pivots of dependent columns, whose rows are zero."""
    dependent = columns.diagonal(dim1=-2, dim2=-1) == 0
    if not bool(dependent.any()):
        return columns
    return columns + torch.diag_embed(dependent.to(columns.dtype))


def rotate(triangle: RealTriangular, y: Tensor, constellation: Constellation) -> Tensor:
    """z of every vector: (*C, T, Nr) complex -> (*C, T, n) float64 on the CPU, contiguous.

    R^T z = H^T y, row by row; z does not count in the rows of dependent columns.
    """
    y = stack_real_vector(y) if constellation.is_real else y
    y = y.detach().to("cpu", triangle.model.dtype)
    product = matched_filter(triangle.model, y) * triangle.scale
    product = product.gather(-1, triangle.order.unsqueeze(-2).expand(product.shape))
    rows = product if constellation.is_real else torch.view_as_real(product).flatten(-2)
    z = torch.linalg.solve_triangular(triangle.solver, rows.mT, upper=False).mT
    return (z - triangle.offset).contiguous()


def restore_order(triangle: RealTriangular, values: Tensor, constellation: Constellation) -> Tensor:
    """(*C, T, n, ...) by rows of the triangle -> (*C, T, Nt, A, ...) by streams and their axes."""
    num_axes = 1 if constellation.is_real else 2
    values = values.unflatten(triangle.order.ndim, (-1, num_axes))
    place = triangle.order.unsqueeze(-2)
    place = place.reshape(*place.shape, *[1] * (values.ndim - place.ndim)).expand(values.shape)
    return torch.empty_like(values).scatter_(triangle.order.ndim, place, values)


def by_rows(triangle: RealTriangular, values: Tensor) -> Tensor:
    """Undo ``restore_order``: (*C, T, Nt, A, ...) to (*C, T, n, ...)."""
    place = triangle.order.unsqueeze(-2)
    place = place.reshape(*place.shape, *[1] * (values.ndim - place.ndim)).expand(values.shape)
    axis = triangle.order.ndim
    return values.gather(axis, place).flatten(axis, axis + 1)


def levels_to_indices(levels: Tensor, constellation: Constellation) -> Tensor:
    """(..., A) levels of the axes -> (...) symbol indices; -1 where a level is below 0."""
    to_index = constellation.axis(torch.float64).to_index
    parts = to_index[levels.clamp(min=0).to(torch.int64)]
    indices = parts[..., 0]
    if not constellation.is_real:
        indices = indices + (parts[..., 1] >> 1)
    return indices.masked_fill((levels < 0).any(-1), -1)


def axis_llr_to_llr(axis_llr: Tensor) -> Tensor:
    """(..., A, Ka) LLRs of the axes -> (..., K), bits alternating between the axes."""
    return axis_llr.transpose(-1, -2).flatten(-2)


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
        f"Nt <= Nr for {name!r} with {constellation.name}; use 'k-best' or 'sphere'",
    )


def triangle_cost(
    constellation: Constellation, num_rx_ant: int, num_tx_ant: int
) -> tuple[int, int]:
    """Real multiplications per channel (Gram and Cholesky) and per vector (z)."""
    real = constellation.is_real
    rows = num_rx_ant * (2 if real else 1)
    prepare = counting.gram(rows, num_tx_ant, real=real) + counting.cholesky(num_tx_ant, real=real)
    solve = counting.triangular_solve(num_tx_ant * (1 if real else 2), real=True)
    return prepare, counting.matvec(num_tx_ant, rows, real=real) + solve
