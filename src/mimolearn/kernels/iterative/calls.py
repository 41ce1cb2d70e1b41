"""How detectors call the kernels of iterative detection; cheap to import."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.machine.launch import (
    channel_cost,
    checked,
    fill_lanes,
    fits,
    flat,
    in_threads,
    padded,
    usable,
    vector_cost,
    workspace,
)

_FEW_CHANNELS, _FEW_VECTORS = 8, 16


def conjugate_gradient(
    y: Tensor, h: Tensor, noise_var: Tensor, num_iter: int, *, real: bool
) -> tuple[Tensor, Tensor] | None:
    """Unbiased estimates (*C, T, Nt) and error variances (*C, 1, Nt) of ``cg``, or of ``wl-cg``.

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C), total per antenna in both cases. real: the
    widely linear form; its error variance is twice that of the real axis. None where only the torch
    path will do. Raises InvalidInputError on a non-finite h or y.
    """
    if not (usable(y, h, noise_var) and fits(h) and y.numel() > 0):
        return None
    from mimolearn.kernels.iterative import cg as kernels

    x_hat = torch.empty((*y.shape[:-1], h.shape[-1]), dtype=torch.complex64, device="cpu")
    full_h, full_y, noise_var = fill_lanes(h, y, noise_var)
    num = math.prod(full_h.shape[:-2])
    (vectors, rx), tx = full_y.shape[-2:], h.shape[-1]
    error_var = torch.empty((*full_h.shape[:-2], 1, tx), dtype=torch.float32, device="cpu")
    per_row = noise_var / 2 if real else noise_var
    arrays = (flat(full_h), flat(full_y), padded(per_row, num), flat(x_hat), flat(error_var))
    kernel, size = kernels.kernel(), kernels.workspace(rx, tx)

    def work(first: int, last: int) -> bool:
        sizes = (num, vectors, rx, tx, num_iter, int(real))
        return kernel(*arrays, first, last, *sizes, workspace(size))

    cost = channel_cost(rx, tx) + vectors * num_iter * vector_cost(rx, tx)
    finite = all(in_threads(work, num, cost))
    if full_h is not h:
        # Vectors have become channels of their own.
        error_var = error_var[..., :1, 0, :]
    return checked(finite, y, h, x_hat, error_var.mul_(2) if real else error_var)


def expectation_propagation(
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    constellation: Constellation,
    num_iter: int,
    damping: float,
    least_var: float,
) -> tuple[Tensor, Tensor] | None:
    """EP in real form: mean and variance of the last cavities, (*C, T, Nt, axes) each.

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). least_var: floor of a posterior variance,
    as a share of its cavity's. None where only the torch path will do.
    """
    if not (usable(y, h, noise_var) and fits(h) and y.numel() > 0):
        return None
    from mimolearn.kernels.iterative import ep as kernels

    kernel = kernels.kernel()
    axes = 1 if constellation.is_real else 2
    mean, var = (
        torch.empty((*y.shape[:-1], h.shape[-1], axes), dtype=torch.float32, device="cpu")
        for _ in range(2)
    )
    h, y, noise_var = fill_lanes(h, y, noise_var)
    num = math.prod(h.shape[:-2])
    (vectors, rx), tx = y.shape[-2:], h.shape[-1]
    settings = _ep_settings(axes, damping, least_var)
    levels = constellation.axis(torch.float32).levels.numpy()
    arrays = (flat(h), flat(y), padded(noise_var, num), flat(mean), flat(var))

    def work(first: int, last: int) -> bool:
        sizes, space = (num, vectors, rx, tx, axes, num_iter), kernels.workspace(rx, tx)
        return kernel(*arrays, levels, settings, first, last, *sizes, workspace(space))

    finite = in_threads(work, num, vectors * num_iter * float(tx * axes) ** 3)
    return checked(all(finite), y, h, mean, var)


def orthogonal_amp(
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    constellation: Constellation,
    num_iter: int,
    damping: float,
) -> tuple[Tensor, Tensor] | None:
    """The last layer's r and its error variance, of both axes, of ``oamp``: (*C, T, Nt) each.

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). None where only the torch path will do.
    Raises InvalidInputError on a non-finite h or y.
    """
    if not (usable(y, h, noise_var) and fits(h) and y.numel() > 0):
        return None
    from mimolearn.kernels.iterative import oamp as kernels

    axes, tx = 1 if constellation.is_real else 2, h.shape[-1]
    x_hat = torch.empty((*y.shape[:-1], tx), dtype=torch.complex64, device="cpu")
    error_var = torch.empty(x_hat.shape, dtype=torch.float32, device="cpu")
    full_h, full_y, noise_var = fill_lanes(h, y, noise_var)
    num, (vectors, rx) = math.prod(full_h.shape[:-2]), full_y.shape[-2:]
    per_row = noise_var if axes == 2 else noise_var / 2
    arrays = (flat(full_h), flat(full_y), padded(per_row, num), flat(x_hat), flat(error_var))
    levels = constellation.axis(torch.float32).levels.numpy()
    kernel, size = kernels.kernel(), kernels.workspace(rx, tx)

    def work(first: int, last: int) -> bool:
        sizes = (num, vectors, rx, tx, axes, num_iter)
        return kernel(*arrays, levels, first, last, *sizes, damping, workspace(size))

    cost = channel_cost(rx, tx) + vectors * num_iter * channel_cost(0, tx)
    finite = all(in_threads(work, num, cost))
    return checked(finite, y, h, x_hat, error_var)


def gauss_seidel(
    y: Tensor, h: Tensor, noise_var: Tensor, num_iter: int, *, from_zero: bool, real_symbols: bool
) -> tuple[Tensor, Tensor] | None:
    """Unbiased estimates (*C, T, Nt) and error variances (*C, 1, Nt) of ``gauss-seidel``.

    As ``conjugate_gradient``. from_zero: the start; real_symbols: what the error variance is for.
    """
    if not (usable(y, h, noise_var) and fits(h) and y.numel() > 0):
        return None
    num = math.prod(h.shape[:-2])
    (vectors, rx), tx = y.shape[-2:], h.shape[-1]
    if num < _FEW_CHANNELS and vectors > _FEW_VECTORS:
        # Most lanes would be idle, and PyTorch works on all vectors at once.
        return None
    from mimolearn.kernels.iterative import gauss_seidel as kernels

    x_hat = torch.empty((*y.shape[:-1], tx), dtype=torch.complex64, device="cpu")
    error_var = torch.empty((*h.shape[:-2], 1, tx), dtype=torch.float32, device="cpu")
    arrays = (flat(h), flat(y), padded(noise_var, num), flat(x_hat), flat(error_var))
    kernel, size = kernels.kernel(), kernels.workspace(rx, tx)

    def work(first: int, last: int) -> bool:
        options = (num_iter, int(from_zero), int(real_symbols))
        return kernel(*arrays, first, last, num, vectors, rx, tx, *options, workspace(size))

    cost = channel_cost(rx, tx) + num_iter * 4.0 * tx**3 + vectors * vector_cost(rx, tx)
    finite = all(in_threads(work, num, cost))
    return checked(finite, y, h, x_hat, error_var)


@functools.cache
def _ep_settings(axes: int, damping: float, least_var: float) -> np.ndarray:
    """Precision of the prior of one real axis, and the rest."""
    return np.array([axes, damping, least_var], np.float32)
