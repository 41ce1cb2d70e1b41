"""Factorisation of a fully digital target into analog and digital: min ||T - F V||_F, |F| = 1."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.beamformers.classical.svd_phase import unit_modulus


def least_squares(f: Tensor, target: Tensor) -> Tensor:
    """Solve argmin_V ||T - F V||: f (..., N, R), target (..., N, S) to (..., R, S)."""
    gram = f.mH @ f
    eps = torch.finfo(target.real.dtype).eps
    loading = gram.diagonal(dim1=-2, dim2=-1).real.mean(-1) * (32 * eps)
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return torch.linalg.solve(gram + loading[..., None, None] * eye, f.mH @ target)


def residual(f: Tensor, v: Tensor, target: Tensor) -> Tensor:
    """Compute ||T - F V||_F^2, (...)."""
    return torch.view_as_real((target - f @ v).resolve_conj()).square().sum((-1, -2, -3))


def phase_sweep(f: Tensor, v: Tensor, target: Tensor) -> Tensor:
    """Optimise the phases of one chain after the other, with the other chains constant.

    With R = T - F V and v_m row m of V: f_m <- phase of (R + f_m v_m) v_m^H, all antennas at once;
    the residual never rises.
    """
    gram = v @ v.mH
    f = f.clone()
    # (T - F V) V^H; each column updates it by an outer product.
    left = target @ v.mH - f @ gram
    for m in range(f.shape[-1]):
        old = f[..., m]
        new = unit_modulus(left[..., m] + gram[..., m, m].unsqueeze(-1) * old)
        left -= (new - old).unsqueeze(-1) * gram[..., m : m + 1, :]
        f[..., m] = new
    return f


def fit_by_sweeps(f: Tensor, target: Tensor, num_iter: int) -> Tensor:
    """Alternate least squares and phase sweeps, ``num_iter`` times."""
    for _ in range(num_iter):
        f = phase_sweep(f, least_squares(f, target), target)
    return f
