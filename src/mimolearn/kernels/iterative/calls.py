"""How detectors call the kernels of iterative detection; cheap to import."""

from __future__ import annotations

import functools
import math

import numpy as np
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.machine.axis_tables import axis_tables
from mimolearn.kernels.machine.launch import (
    FEW_CHANNELS,
    Sizes,
    channel_cost,
    checked,
    complexes,
    fill_lanes,
    floats,
    floats_of,
    in_groups,
    run_groups,
    vector_cost,
)

_FEW_VECTORS = 16
_NOTHING = floats(0)
# gamma, theta, phi, xi, kappa.
_PLAIN_OAMP = np.array([1, 1, 1, 0, 1], np.float32)


def conjugate_gradient(
    y: Tensor, h: Tensor, noise_var: Tensor, num_iter: int, *, real: bool
) -> tuple[Tensor, Tensor]:
    """Unbiased estimates (*C, T, Nt) and error variances (*C, 1, Nt) of ``cg``, or of ``wl-cg``.

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C), total per antenna in both cases. real: the
    widely linear form; its error variance is twice that of the real axis. Raises
    InvalidInputError on a non-finite h or y.
    """
    from mimolearn.kernels.iterative import cg as kernels

    x_hat = complexes(*y.shape[:-1], h.shape[-1])
    full_h, full_y, noise_var = fill_lanes(h, y, noise_var)
    sizes = Sizes.of(full_h, full_y)
    num, vectors, rx, tx = sizes
    error_var = floats(*full_h.shape[:-2], 1, tx)
    per_row = noise_var / 2 if real else noise_var
    arrays = (full_h, full_y, in_groups(per_row, num), x_hat, error_var)
    numbers, space = (*sizes, num_iter, int(real)), floats_of(kernels.layout, rx, tx)
    cost = channel_cost(rx, tx) + vectors * num_iter * vector_cost(rx, tx)
    finite = run_groups(kernels.kernel(), arrays, numbers, space, cost)
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
    prior_llr: Tensor | None = None,
    least_prior_var: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """EP in real form: mean and variance of the last cavities, (*C, T, Nt, axes) each.

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). least_var: floor of a posterior variance,
    as a share of its cavity's. prior_llr: (*C, T, Nt, K) or None; least_prior_var: floor of the
    variance of a prior. Raises InvalidInputError on a non-finite h or y.
    """
    known = _NOTHING if prior_llr is None else prior_llr
    from mimolearn.kernels.iterative import ep as kernels

    axes = 1 if constellation.is_real else 2
    mean, var = (floats(*y.shape[:-1], h.shape[-1], axes) for _ in range(2))
    h, y, noise_var = fill_lanes(h, y, noise_var)
    sizes = Sizes.of(h, y)
    num, vectors, rx, tx = sizes
    levels = axis_tables(constellation).levels
    settings = _ep_settings(axes, damping, least_var, least_prior_var)
    # Vectors that have become channels keep their order, and so do their priors.
    arrays = (h, y, in_groups(noise_var, num), mean, var, levels, settings)
    arrays = (*arrays, known, axis_tables(constellation).labels)
    depth = levels.size if prior_llr is not None else 0
    numbers, space = (*sizes, axes, num_iter), floats_of(kernels.layout, rx, tx, axes, depth)
    cost = vectors * num_iter * float(tx * axes) ** 3
    finite = run_groups(kernels.kernel(), arrays, numbers, space, cost)
    return checked(finite, y, h, mean, var)


def orthogonal_amp(
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    constellation: Constellation,
    num_iter: int,
    damping: float = 0.0,
    scalars: Tensor | None = None,
    *,
    streams: bool = False,
    wary: bool = False,
) -> tuple[Tensor, Tensor]:
    """The last layer's r and its error variance, of both axes, of ``oamp``: (*C, T, Nt) each.

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). scalars: (num_iter, 5), gamma, theta, phi, xi
    and kappa of OAMP-Net2's layers, or None for OAMP. streams: a variance for each stream.
    wary: and more of it where it is far below that of the first layer.
    Raises InvalidInputError on a non-finite h or y.
    """
    from mimolearn.kernels.iterative import oamp as kernels

    axes, tx = 1 if constellation.is_real else 2, h.shape[-1]
    x_hat, error_var = complexes(*y.shape[:-1], tx), floats(*y.shape[:-1], tx)
    full_h, full_y, noise_var = fill_lanes(h, y, noise_var)
    sizes = Sizes.of(full_h, full_y)
    num, vectors, rx, _tx = sizes
    per_row = noise_var if axes == 2 else noise_var / 2
    levels = axis_tables(constellation).levels
    learned = (
        np.tile(_PLAIN_OAMP, num_iter) if scalars is None else scalars.detach().numpy().ravel()
    )
    settings = np.concatenate([np.array([damping], np.float32), learned])
    arrays = (full_h, full_y, in_groups(per_row, num), x_hat, error_var, levels, settings)
    numbers, space = (*sizes, axes, num_iter, streams + wary), floats_of(kernels.layout, rx, tx)
    cost = channel_cost(rx, tx) + vectors * num_iter * channel_cost(0, tx)
    finite = run_groups(kernels.kernel(), arrays, numbers, space, cost)
    return checked(finite, y, h, x_hat, error_var)


def large_mimo_amp(
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    constellation: Constellation,
    num_iter: int,
    damping: float,
) -> tuple[Tensor, Tensor]:
    """The last z and its error variance, of both axes, of ``lama``: (*C, T, Nt) each.

    As ``orthogonal_amp``.
    """
    from mimolearn.kernels.iterative import lama as kernels

    axes, tx = 1 if constellation.is_real else 2, h.shape[-1]
    x_hat, error_var = complexes(*y.shape[:-1], tx), floats(*y.shape[:-1], tx)
    full_h, full_y, noise_var = fill_lanes(h, y, noise_var)
    sizes = Sizes.of(full_h, full_y)
    num, vectors, rx, _tx = sizes
    levels = axis_tables(constellation).levels
    settings = np.array([damping], np.float32)
    arrays = (full_h, full_y, in_groups(noise_var, num), x_hat, error_var, levels, settings)
    numbers, space = (*sizes, axes, num_iter), floats_of(kernels.layout, rx, tx)
    cost = channel_cost(rx, tx) + vectors * num_iter * vector_cost(0, tx)
    finite = run_groups(kernels.kernel(), arrays, numbers, space, cost)
    return checked(finite, y, h, x_hat, error_var)


def gauss_seidel_suits(h: Tensor, y: Tensor) -> bool:
    """Whether ``gauss_seidel`` is faster than PyTorch, which works on all vectors at once."""
    return math.prod(h.shape[:-2]) >= FEW_CHANNELS or y.shape[-2] <= _FEW_VECTORS


def gauss_seidel(
    y: Tensor, h: Tensor, noise_var: Tensor, num_iter: int, *, from_zero: bool, real_symbols: bool
) -> tuple[Tensor, Tensor]:
    """Unbiased estimates (*C, T, Nt) and error variances (*C, 1, Nt) of ``gauss-seidel``.

    As ``conjugate_gradient``. from_zero: the start; real_symbols: what the error variance is for.
    """
    from mimolearn.kernels.iterative import gauss_seidel as kernels

    sizes = Sizes.of(h, y)
    num, vectors, rx, tx = sizes
    x_hat, error_var = complexes(*y.shape[:-1], tx), floats(*h.shape[:-2], 1, tx)
    arrays = (h, y, in_groups(noise_var, num), x_hat, error_var)
    numbers = (*sizes, num_iter, int(from_zero), int(real_symbols))
    cost = channel_cost(rx, tx) + num_iter * 4.0 * tx**3 + vectors * vector_cost(rx, tx)
    space = floats_of(kernels.layout, rx, tx)
    finite = run_groups(kernels.kernel(), arrays, numbers, space, cost)
    return checked(finite, y, h, x_hat, error_var)


@functools.cache
def _ep_settings(axes: int, damping: float, least_var: float, least_prior_var: float) -> np.ndarray:
    """Precision of the prior of one real axis, and the rest."""
    return np.array([axes, damping, least_var, least_prior_var], np.float32)
