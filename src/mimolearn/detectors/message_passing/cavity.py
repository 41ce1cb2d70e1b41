"""The real model that EP and MMSE-PIC work on, and the step that they share.

Every real unknown has a Gaussian stand-in for its prior, of precision lam and weighted mean gam. A
cavity is what the received vector and the stand-ins of all other unknowns say about one of them.

N = 2Nt unknowns, real parts before imaginary ones, or Nt for BPSK.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors.priors import check_streams, level_priors, moments
from mimolearn.foundation.tensors.linalg import (
    gram,
    hermitian_inverse,
    matched_filter,
    stack_real_columns,
    stack_real_matrix,
    stack_real_vector,
)

LEAST_PRIOR_VAR = {torch.float32: 1e-4, torch.float64: 1e-8}
"""A symbol that is known has this variance still: its precision would else hide all others'."""


class RealModel(NamedTuple):
    """A channel divided by its noise variance on a real axis.

    h: (*C, Nr, Nt) complex, or (*C, 2Nr, Nt) real for BPSK; system: H_r^T H_r / s2, (*C, N, N);
    noise_var: s2 = sigma^2/2, (*C, 1, 1).
    """

    h: Tensor
    system: Tensor
    noise_var: Tensor


class Cavity(NamedTuple):
    """What one iteration knows of each real unknown without its own prior: (*C, T, N) each."""

    mean: Tensor
    var: Tensor


def real_model(h: Tensor, noise_var: Tensor, constellation: Constellation) -> RealModel:
    """h: (*C, Nr, Nt) complex. noise_var: (*C)."""
    s2 = (noise_var / 2)[..., None, None]
    if constellation.is_real:
        h = stack_real_columns(h)
        return RealModel(h, gram(h) / s2, s2)
    return RealModel(h, stack_real_matrix(gram(h)) / s2, s2)


def matched(model: RealModel, y: Tensor, constellation: Constellation) -> Tensor:
    """b = H_r^T y_r / s2, (*C, T, N), of y (*C, T, Nr) complex."""
    if constellation.is_real:
        return matched_filter(model.h, stack_real_vector(y)) / model.noise_var
    return stack_real_vector(matched_filter(model.h, y)) / model.noise_var


def posterior_inverse(model: RealModel, lam: Tensor) -> Tensor:
    """(system + diag(lam))^-1 of every vector, (*C, T, N, N)."""
    return hermitian_inverse(model.system.unsqueeze(-3) + torch.diag_embed(lam))


def cavity(inverse: Tensor, b: Tensor, lam: Tensor, gam: Tensor) -> Cavity:
    """Take each unknown's stand-in out of its marginal. inverse: (*C, T or 1, N, N)."""
    var = inverse.diagonal(dim1=-2, dim2=-1)
    if inverse.shape[-3] == 1:
        mean = (b + gam) @ inverse.squeeze(-3)
    else:
        mean = (inverse @ (b + gam).unsqueeze(-1)).squeeze(-1)
    precision = 1 / var
    least = torch.finfo(var.dtype).eps * precision
    cavity_var = 1 / torch.maximum(precision - lam, least)
    return Cavity(cavity_var * (mean * precision - gam), cavity_var)


def log_priors(model: RealModel, prior_llr: Tensor, constellation: Constellation) -> Tensor:
    """Log-probabilities of the levels of each unknown, (*C, T, N, L), of LLRs (*C, T, Nt, K)."""
    check_streams(prior_llr, model.h.shape[-1])
    return level_priors(constellation, prior_llr).transpose(-3, -2).flatten(-3, -2)


def stand_ins(log_prior: Tensor, constellation: Constellation) -> tuple[Tensor, Tensor]:
    """lam and gam, (*C, T, N) each, with the mean and variance of priors (*C, T, N, L)."""
    levels = constellation.axis(log_prior.dtype, log_prior.device).levels
    mean, var = moments(log_prior, levels)
    lam = 1 / var.clamp(min=LEAST_PRIOR_VAR[var.dtype])
    return lam, mean * lam


def by_axis(x: Tensor, constellation: Constellation) -> Tensor:
    """(*C, T, N) to (*C, T, Nt, A)."""
    if constellation.is_real:
        return x.unsqueeze(-1)
    return torch.stack(x.chunk(2, -1), -1)
