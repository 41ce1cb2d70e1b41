"""Small dense linear algebra in the library's shapes: h (*C, Nr, Nt), y (*C, T, Nr).

Vectors lie in rows (T before the antenna axis), so a linear map A applied to every vector of a
block is ``y @ A.mT``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def flat_blocks(tensor: Tensor, num_axes: int = 2) -> Tensor:
    """All leading axes as one: (*C, ...) with ``num_axes`` axes after them -> (prod C, ...).

    ``reshape(-1, ...)`` cannot tell how many there are once another axis has length 0.
    """
    lead = tensor.ndim - num_axes
    return tensor.reshape(math.prod(tensor.shape[:lead]), *tensor.shape[lead:])


def gram(h: Tensor) -> Tensor:
    """H^H H: (*C, Nr, Nt) -> (*C, Nt, Nt)."""
    return h.mH @ h


def regularised_gram(h: Tensor, noise_var: Tensor) -> Tensor:
    """H^H H + noise_var I: (*C, Nr, Nt) and (*C) -> (*C, Nt, Nt), without a second copy."""
    matrix = gram(h)
    if torch.compiler.is_compiling():
        # A traced program writes into no views.
        return add_diagonal(matrix, noise_var)
    matrix.diagonal(dim1=-2, dim2=-1).add_(noise_var.unsqueeze(-1))
    return matrix


def matched_filter(h: Tensor, y: Tensor) -> Tensor:
    """H^H y for every vector: (*C, Nr, Nt), (*C, T, Nr) -> (*C, T, Nt)."""
    return y @ h.conj()


def add_diagonal(matrix: Tensor, value: Tensor) -> Tensor:
    """matrix + diag(value): (*C, N, N) and (*C) or (*C, N); returns a new tensor."""
    value = value.unsqueeze(-1) if value.ndim < matrix.ndim - 1 else value
    return matrix + torch.diag_embed(value.expand(matrix.shape[:-1]).to(matrix.dtype))


# A pivot relative to its diagonal entry, in units of eps, below which rounding made it: measured
# at most 4.6 on rank-deficient Gram matrices from 4 x 4 to 128 x 64 (1 is typical), while the last
# pivot of 32 x 32 Rayleigh channels, exponential with mean 1/32 of the diagonal, falls below 8 in
# float32 with probability 3e-5.
_LEAST_PIVOT_EPS = 8


def cholesky(matrix: Tensor) -> Tensor:
    """Lower Cholesky factor (*C, N, N); NaN where a matrix is singular to working precision.

    One bad channel must not stop a batch: its NaN travels to the output, where it is flagged.
    A pivot that is all rounding error would pass as a tiny positive one and give finite garbage,
    so every pivot is compared with its diagonal entry, which makes the test independent of scale.
    """
    factor, info = torch.linalg.cholesky_ex(matrix)
    pivots = factor.diagonal(dim1=-2, dim2=-1).real.square()
    least = matrix.diagonal(dim1=-2, dim2=-1).real * (
        _LEAST_PIVOT_EPS * torch.finfo(pivots.dtype).eps
    )
    good = (pivots >= least).all(-1) & (info == 0)
    # A traced program takes no branch that depends on its data.
    if not torch.compiler.is_compiling() and bool(good.all()):
        return factor
    return torch.where(good[..., None, None], factor, torch.full_like(factor, float("nan")))


def loaded_cholesky(matrix: Tensor) -> Tensor:
    """Lower Cholesky factor (*C, N, N) of positive semidefinite matrices, whatever their rank.

    Only what cannot be factored as it is gets the trace, times a few eps, onto its diagonal.
    """
    factor, info = torch.linalg.cholesky_ex(matrix)
    bad = info != 0
    if not bool(bad.any()):
        return factor
    trace = matrix.diagonal(dim1=-2, dim2=-1).real.sum(-1)
    finfo = torch.finfo(trace.dtype)
    loading = (trace * (4 * finfo.eps)).clamp(min=finfo.tiny)
    loaded = torch.linalg.cholesky_ex(add_diagonal(matrix, loading))[0]
    return torch.where(bad[..., None, None], loaded, factor)


def hermitian_inverse(matrix: Tensor) -> Tensor:
    """Inverse of a Hermitian positive definite matrix (*C, N, N), by Cholesky."""
    return torch.cholesky_inverse(cholesky(matrix))


def largest_eigenvalue_bound(matrix: Tensor) -> Tensor:
    """An upper bound, at most N^(1/128) too large, of Hermitian matrices (*C, N, N) >= 0: (*C).

    |A^64|_F^(1/64), by six products. A power iteration gives a lower bound, which is of no use
    where nothing must lie above.
    """
    # Largest on the diagonal, and squares of it may leave the range of single precision.
    largest = matrix.diagonal(dim1=-2, dim2=-1).real.amax(-1)
    safe = torch.where(largest > 0, largest, torch.ones_like(largest))
    power, logarithm = matrix / safe[..., None, None], safe.log()
    norm = _frobenius(power)
    norm = torch.where(norm > 0, norm, torch.ones_like(norm))
    power, logarithm = power / norm[..., None, None], logarithm + norm.log()
    for doubling in range(1, 7):
        power = power @ power
        norm = _frobenius(power)
        norm = torch.where(norm > 0, norm, torch.ones_like(norm))
        power, logarithm = power / norm[..., None, None], logarithm + norm.log() / 2**doubling
    return logarithm.exp()


def _frobenius(matrix: Tensor) -> Tensor:
    return torch.linalg.vector_norm(matrix, dim=(-2, -1))


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


def as_complex(x: Tensor) -> Tensor:
    """A real estimate as a complex one with zero imaginary part; complex ones pass through."""
    return x if x.is_complex() else torch.complex(x, torch.zeros_like(x))
