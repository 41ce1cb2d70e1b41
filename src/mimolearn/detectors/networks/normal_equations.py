"""The normal equations of a channel in real numbers, freed of its scale: what blind networks read.

With y = H s + n and s = d x on every real axis, x odd integers and d half the least distance of two
points: G x + noise = q, where G = H^T H / g, q = H^T y / (g d), and g is the mean diagonal of
H^T H. Division by g, which is Nr for entries of unit variance, is what lets a network of matrices
with unit-size entries be trained in minutes (DetNet does without and needs days).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.foundation.tensors.linalg import (
    add_diagonal,
    cholesky,
    gram,
    matched_filter,
    stack_real_columns,
    stack_real_matrix,
    stack_real_vector,
)
from mimolearn.kernels.linear import calls as linear_kernels


class NormalEquations(NamedTuple):
    """The equations q = G x + noise of n real unknowns, n = Nt for BPSK, 2Nt for QAM.

    Attributes:
        h: (*C, Nr, Nt) complex; the channel.
        matrix: (*C, n, n) real; G.
        scale: (*C, 1, 1) real; 1 / (g d).
        noise: (*C, 1, 1) real; noise variance of a real axis in units of g d^2. The covariance of
            the noise in q is noise G.
    """

    h: Tensor
    matrix: Tensor
    scale: Tensor
    noise: Tensor


def normal_equations(constellation: Constellation, h: Tensor, noise_var: Tensor) -> NormalEquations:
    """Return the equations of h (*C, Nr, Nt) complex and noise_var (*C) real."""
    if constellation.is_real:
        matrix = linear_kernels.real_gram(h)
        if matrix is None:
            real = stack_real_columns(h)
            matrix = real.mT @ real
    else:
        matrix = stack_real_matrix(gram(h))
    energy = matrix.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    inverse = 1 / torch.where(energy > 0, energy, torch.ones_like(energy))
    half_distance = constellation.min_distance() / 2
    noise = noise_var[..., None, None] / 2 * inverse / half_distance**2
    return NormalEquations(h, matrix * inverse, inverse / half_distance, noise)


def right_side(constellation: Constellation, equations: NormalEquations, y: Tensor) -> Tensor:
    """Return q, (*C, T, n)."""
    product = matched_filter(equations.h, y)
    stacked = product.real if constellation.is_real else stack_real_vector(product)
    return stacked * equations.scale


def prior_variance(constellation: Constellation) -> float:
    """Return the mean square of x: 1 for two levels, 5 for four, 21 for eight."""
    return (constellation.num_levels**2 - 1) / 3


def linear_start(constellation: Constellation, equations: NormalEquations) -> Tensor:
    """Return (G + noise / E I)^-1, (*C, n, n), whose product with q is the LMMSE estimate of x."""
    loading = (equations.noise / prior_variance(constellation)).squeeze(-1)
    return torch.cholesky_inverse(cholesky(add_diagonal(equations.matrix, loading)))


def zero_forcing(equations: NormalEquations, q: Tensor) -> Tensor:
    """Return G^-1 q, (*C, T, n)."""
    return torch.cholesky_solve(q.mT, cholesky(equations.matrix)).mT


def complex_symbols(constellation: Constellation, x: Tensor) -> Tensor:
    """Return x (*C, T, n) in half distances as complex symbols (*C, T, Nt)."""
    scaled = x * (constellation.min_distance() / 2)
    if constellation.is_real:
        return torch.complex(scaled, torch.zeros_like(scaled))
    real, imag = scaled.chunk(2, -1)
    return torch.complex(real.contiguous(), imag.contiguous())
