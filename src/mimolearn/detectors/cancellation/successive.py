"""What the successive cancellers share: the order of detection, the triangle, the loop."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.foundation.tensors.linalg import (
    add_diagonal,
    gram,
    hermitian_inverse,
    qr,
    stack_real_columns,
    stack_real_vector,
)

ORDERS = ("none", "sorted")


class Triangle(NamedTuple):
    """H[:, order] ~ Q R, real for BPSK; the last stream in the order is detected first.

    Attributes:
        q: (*C, Nr, Nt) complex, or (*C, 2Nr, Nt) real.
        r: (*C, Nt, Nt), upper triangular.
        order: (*C, Nt) int64; the stream of each column.
        gain: (*C, Nt) real; gain of a stream in q^H y after cancellation.
        error_var: (*C, Nt) real; error variance of the unbiased estimate, total over real and
            imaginary part.
    """

    q: Tensor
    r: Tensor
    order: Tensor
    gain: Tensor
    error_var: Tensor


def triangle(
    h: Tensor,
    noise_var: Tensor,
    constellation: Constellation,
    *,
    order: str,
    mmse: bool,
    published: bool = False,
) -> Triangle:
    """Return the QR of H, or with ``mmse`` of [H; sigma I], in the given order.

    z_i = (q_i^H y - sum over j > i of r_ij x_j) = gain_i x_i + noise. With ``mmse``, gain_i = r_ii
    - s/r_ii and the variance is s (1 - s/r_ii^2), s the noise variance; the interference of streams
    that are detected later is included. The SINR is r_ii^2/s - 1, for ZF r_ii^2/s.

    Args:
        h: (*C, Nr, Nt) complex.
        noise_var: (*C) real; noise variance per antenna.
        constellation: of the symbols.
        order: "none" or "sorted".
        mmse: whether to take the QR of [H; sigma I].
        published: whether to take gain r_ii and variance s ||q_i||^2, which leave interference out.
    """
    if constellation.is_real:
        h, noise_var = stack_real_columns(h), noise_var / 2
    rows, n = h.shape[-2:]
    ridge = noise_var if mmse else torch.zeros_like(noise_var)
    streams = _best_first(h, ridge) if order == "sorted" else torch.arange(n, device=h.device)
    streams = streams.expand(*h.shape[:-2], n)
    h = h.gather(-1, streams.unsqueeze(-2).expand(h.shape))
    if mmse:
        ones = torch.eye(n, dtype=h.dtype, device=h.device)
        h = torch.cat([h, ones * noise_var.sqrt()[..., None, None]], -2)
    q, r = qr(h)
    diagonal = r.diagonal(dim1=-2, dim2=-1).real
    sinr = diagonal**2 / noise_var.unsqueeze(-1)
    # A stream that is not received is estimated as 0, whatever its row of Q has received.
    gain = torch.where(diagonal == 0, torch.full_like(diagonal, torch.inf), diagonal)
    if published:
        # Nothing of a stream that is not received passes q; its LLRs must only be finite.
        passed = q[..., :rows, :].abs().square().sum(-2)
        sinr = sinr / passed.clamp(min=torch.finfo(passed.dtype).eps)
    elif mmse:
        # Rounding takes an unreachable stream's SINR to 0 or below; its LLRs must only be small.
        sinr = (sinr - 1).clamp(min=torch.finfo(sinr.dtype).eps)
        gain = diagonal * sinr / (1 + sinr)
    else:
        sinr = sinr.clamp(min=torch.finfo(sinr.dtype).eps)
    real_half = 2 if constellation.is_real else 1
    return Triangle(q[..., :rows, :], r, streams, gain, real_half / sinr)


def _best_first(h: Tensor, ridge: Tensor) -> Tensor:
    """Return the streams (*C, N) in ascending order of SNR after cancellation, the best one last.

    Taking stream k out of the problem takes p_k p_k^H / p_kk from the error covariance P
    (Wolniansky, Foschini, Golden and Valenzuela 1998, with the deflation done on P).
    """
    cov = hermitian_inverse(add_diagonal(gram(h), ridge))
    n = cov.shape[-1]
    order = torch.empty(cov.shape[:-1], dtype=torch.int64, device=h.device)
    left = torch.ones(cov.shape[:-1], dtype=torch.bool, device=h.device)
    for position in range(n - 1, -1, -1):
        error = cov.diagonal(dim1=-2, dim2=-1).real
        # A singular channel gives NaN; its streams come last, and in a valid order.
        error = torch.where(torch.isnan(error), torch.finfo(error.dtype).max, error)
        best = torch.where(left, error, torch.inf).argmin(-1, keepdim=True)
        order[..., position] = best.squeeze(-1)
        left = left.scatter(-1, best, False)
        column = cov.gather(-1, best.unsqueeze(-2).expand(*cov.shape[:-1], 1))
        cov = cov - column @ (column.mH / column.gather(-2, best.unsqueeze(-1)).real)
    return order


def cancel(
    prepared: Triangle,
    y: Tensor,
    constellation: Constellation,
    demapping: str,
    llr_scale: float,
    llr_clip: float | None,
) -> GaussianDetection:
    """Detect, decide and subtract, from the last row of R up.

    Args:
        prepared: the triangles of the channels.
        y: (*C, T, Nr) complex.
        constellation: of the symbols.
        demapping: "exact" or "max-log".
        llr_scale: factor of the LLRs.
        llr_clip: largest magnitude of a scaled LLR, or None.
    """
    dtype = y.dtype
    if constellation.is_real:
        y = stack_real_vector(y)
    z = y @ prepared.q.conj()
    x_hat = torch.empty(z.shape, dtype=dtype, device=z.device)
    for i in range(z.shape[-1] - 1, -1, -1):
        estimate = (z[..., i] / prepared.gain[..., None, i]).to(dtype)
        decided = constellation.map(constellation.nearest(estimate), dtype)
        if constellation.is_real:
            decided = decided.real
        z = z[..., :i] - decided.unsqueeze(-1) * prepared.r[..., None, :i, i]
        x_hat[..., i] = estimate
    streams = prepared.order.unsqueeze(-2).expand(x_hat.shape)
    x_hat = torch.empty_like(x_hat).scatter_(-1, streams, x_hat)
    error_var = torch.empty_like(prepared.error_var).scatter_(
        -1, prepared.order, prepared.error_var
    )
    return GaussianDetection(
        constellation, x_hat, error_var.unsqueeze(-2), demapping, llr_scale, llr_clip
    )


def cancellation_cost(
    constellation: Constellation, num_rx_ant: int, num_tx_ant: int, *, order: str, mmse: bool
) -> tuple[int, int]:
    """Count the real multiplications per channel and per vector."""
    real = constellation.is_real
    rows = num_rx_ant * (2 if real else 1)
    n = num_tx_ant
    prepare = counting.qr(rows + (n if mmse else 0), n, real=real)
    if order == "sorted":
        prepare += counting.gram(rows, n, real=real) + counting.hermitian_inverse(n, real=real)
        prepare += n * counting.matmul(n, 1, n, real=real)
    detect = counting.matvec(n, rows, real=real) + counting.triangular_solve(n, real=real)
    return prepare, detect
