"""Small dense linear algebra in the library's shapes: h (*C, Nr, Nt), y (*C, T, Nr).

Vectors lie in rows (T before the antenna axis), so a linear map A applied to every vector of a
block is ``y @ A.mT``.
"""

from __future__ import annotations

import torch
from torch import Tensor


def gram(h: Tensor) -> Tensor:
    """H^H H: (*C, Nr, Nt) -> (*C, Nt, Nt)."""
    return h.mH @ h


def matched_filter(h: Tensor, y: Tensor) -> Tensor:
    """H^H y for every vector: (*C, Nr, Nt), (*C, T, Nr) -> (*C, T, Nt)."""
    return y @ h.conj()


def add_diagonal(matrix: Tensor, value: Tensor) -> Tensor:
    """matrix + diag(value): (*C, N, N) and (*C) or (*C, N); returns a new tensor."""
    value = value.unsqueeze(-1) if value.ndim < matrix.ndim - 1 else value
    return matrix + torch.diag_embed(value.expand(matrix.shape[:-1]).to(matrix.dtype))


def cholesky(matrix: Tensor) -> Tensor:
    """Lower Cholesky factor (*C, N, N); NaN where a matrix is not positive definite.

    One bad channel must not stop a batch: its NaN travels to the output, where it is flagged.
    """
    factor, info = torch.linalg.cholesky_ex(matrix)
    if bool((info == 0).all()):
        return factor
    bad = (info != 0)[..., None, None]
    return torch.where(bad, torch.full_like(factor, float("nan")), factor)


def hermitian_inverse(matrix: Tensor) -> Tensor:
    """Inverse of a Hermitian positive definite matrix (*C, N, N), by Cholesky."""
    return torch.cholesky_inverse(cholesky(matrix))


def qr(h: Tensor) -> tuple[Tensor, Tensor]:
    """Thin QR, R with a real positive diagonal: (*C, Nr, Nt) -> (*C, Nr, Nt), (*C, Nt, Nt)."""
    q, r = torch.linalg.qr(h)
    diagonal = r.diagonal(dim1=-2, dim2=-1)
    phase = torch.where(diagonal == 0, torch.ones_like(diagonal), torch.sgn(diagonal))
    return q * phase.unsqueeze(-2), r * phase.conj().unsqueeze(-1)


def stack_real_matrix(h: Tensor) -> Tensor:
    """[[Re H, -Im H], [Im H, Re H]]: (*C, Nr, Nt) complex -> (*C, 2Nr, 2Nt) real."""
    top = torch.cat([h.real, -h.imag], -1)
    return torch.cat([top, torch.cat([h.imag, h.real], -1)], -2)


def stack_real_columns(h: Tensor) -> Tensor:
    """[Re H; Im H], for symbols known to be real: (*C, Nr, Nt) complex -> (*C, 2Nr, Nt) real."""
    return torch.cat([h.real, h.imag], -2)


def stack_real_vector(y: Tensor) -> Tensor:
    """[Re y, Im y] along the last axis: (..., N) complex -> (..., 2N) real."""
    return torch.cat([y.real, y.imag], -1)


def unstack_real_vector(x: Tensor) -> Tensor:
    """Inverse of stack_real_vector: (..., 2N) real -> (..., N) complex."""
    real, imag = x.chunk(2, -1)
    return torch.complex(real.contiguous(), imag.contiguous())
