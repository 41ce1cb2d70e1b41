"""Unbiased linear estimates and their error variances, exact for each channel."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.detectors import counting


class Unbiasing(NamedTuple):
    """How a raw estimate becomes unbiased.

    Attributes:
        scale: (*C, 1, Nt); factor on the raw estimate.
        error_var: (*C, 1, Nt) real; error variance of the product.
    """

    scale: Tensor
    error_var: Tensor


def unbias(response: Tensor, noise_power: Tensor, real_symbols: bool) -> Unbiasing:
    """Return bias and error variance of x_raw = R x + w for independent symbols of unit energy.

    The error variance is the sum over streams j != i of |R_ij / R_ii|^2, plus E|w_i|^2 / |R_ii|^2.
    The interference is taken as Gaussian.

    Args:
        response: (*C, Nt, Nt) complex or real; R.
        noise_power: (*C, Nt) real; E|w_i|^2.
        real_symbols: whether to count the interference of the real axis alone, twice, because half
            of ``error_var`` acts on a real constellation.
    """
    gain = response.diagonal(dim1=-2, dim2=-1)
    eps = torch.finfo(noise_power.dtype).eps
    # A stream that is not received has gain 0: a huge error variance says so, not 0/0.
    received = gain.abs() > eps
    gain = torch.where(received, gain, torch.full_like(gain, eps))
    relative = response / gain.unsqueeze(-1)
    if real_symbols and relative.is_complex():
        power = 2 * relative.real.square()
    else:
        power = relative.abs().square()
    interference = power.sum(-1) - power.diagonal(dim1=-2, dim2=-1)
    # The subtraction leaves rounding error of the unit diagonal, which may be negative.
    error_var = interference.clamp(min=0) + noise_power / gain.abs().square()
    error_var = torch.where(received, error_var, torch.full_like(error_var, 1 / eps))
    return Unbiasing((1 / gain).unsqueeze(-2), error_var.unsqueeze(-2))


def linear_unbiasing(
    inverse: Tensor, matrix: Tensor, noise_var: Tensor, real_symbols: bool
) -> Unbiasing:
    """Return the same for x_raw = P H^H y: R = P G, E|w_i|^2 = sigma^2 (P G P^H)_ii.

    Args:
        inverse: (*C, Nt, Nt); P, any approximate inverse.
        matrix: (*C, Nt, Nt); G = H^H H.
        noise_var: (*C) real; noise variance per row of h.
        real_symbols: as in ``unbias``.
    """
    response = inverse @ matrix
    # P times the noise variance is of order 1 at most, whatever the scale of the channel.
    weighted = noise_var[..., None, None] * inverse
    noise_power = (response * weighted.conj()).sum(-1).real.clamp(min=0)
    return unbias(response, noise_power, real_symbols)


def linear_unbiasing_cost(n: int) -> int:
    """Count the real multiplications of ``linear_unbiasing``: one product and the sums of two."""
    return counting.matmul(n, n, n) + 8 * n * n


def unbias_mmse(remaining: Tensor) -> Unbiasing:
    """Return the same for a minimum mean-square error filter: gain 1 - e, error variance e/(1 - e).

    Near e = 1 the gain is all rounding. It is kept positive, so that a stream that is not received
    gets LLRs near 0.

    Args:
        remaining: (*C, Nt) real; e = E|x_raw_i - x_i|^2 in (0, 1].
    """
    gain = (1 - remaining).clamp(min=torch.finfo(remaining.dtype).eps)
    return Unbiasing((1 / gain).unsqueeze(-2), (remaining / gain).unsqueeze(-2))
