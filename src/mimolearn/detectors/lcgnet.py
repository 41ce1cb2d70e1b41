"""What the unfolded conjugate-gradient networks share: the system, the recursion, the output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.large_system import large_system_cost, large_system_unbiasing
from mimolearn.detectors.unbiased import Unbiasing
from mimolearn.errors import invalid
from mimolearn.linalg import (
    add_diagonal,
    gram,
    matched_filter,
    stack_real_matrix,
    stack_real_vector,
    unstack_real_vector,
)

# How far finite matrices leave the Marchenko-Pastur edges, at 32 x 64 in most draws.
WIDEN = 1.05


class Prepared(NamedTuple):
    """The real system A x = b of a channel, and what unbiases its solution.

    h: (*C, Nr, Nt); system: A over its mean diagonal, (*C, 2Nt, 2Nt) real; inverse_diagonal:
    (*C, 1, 1), one over that mean; scale, error_var: (*C, 1, Nt), see ``large_system``.
    """

    h: Tensor
    system: Tensor
    inverse_diagonal: Tensor
    scale: Tensor
    error_var: Tensor


class Parameters(NamedTuple):
    """alpha: (L, D), beta: (L - 1, D), gamma: (D); D = 2Nt, or 1 where all entries share it."""

    alpha: Tensor
    beta: Tensor
    gamma: Tensor | None = None

    def to(self, like: Tensor) -> Parameters:
        """The same in the dtype and on the device of a tensor."""
        gamma = None if self.gamma is None else self.gamma.to(like)
        return Parameters(self.alpha.to(like), self.beta.to(like), gamma)


def prepare_system(h: Tensor, noise_var: Tensor, num_layers: int, widely_linear: bool) -> Prepared:
    """A = H^H H + sigma^2 I in real numbers, divided by its mean diagonal.

    widely_linear: whether the network ends at the widely linear LMMSE, or at LMMSE: only gain and
    error variance of its output differ.
    """
    matrix = gram(h)
    diagonal = add_diagonal(matrix, noise_var)
    inverse = 1 / diagonal.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
    if widely_linear:
        unbiasing = large_system_unbiasing(matrix.real, noise_var / 2, num_layers)
        unbiasing = Unbiasing(unbiasing.scale, 2 * unbiasing.error_var)
    else:
        unbiasing = large_system_unbiasing(matrix, noise_var, num_layers)
    return Prepared(h, stack_real_matrix(diagonal * inverse), inverse, *unbiasing)


def right_side(prepared: Prepared, y: Tensor) -> Tensor:
    """b, (*C, T, 2Nt) real."""
    return stack_real_vector(matched_filter(prepared.h, y)) * prepared.inverse_diagonal


def unfold(system: Tensor, b: Tensor, parameters: Parameters) -> Iterator[Tensor]:
    """x of every layer, (*C, T, 2Nt): LcgNet's eqs 16 and 17, with a mask on b if there is one."""
    alpha, beta, gamma = parameters.to(b)
    x = torch.zeros_like(b)
    residual = direction = b if gamma is None else gamma * b
    last = len(alpha) - 1
    for layer in range(last):
        x = x + alpha[layer] * direction
        yield x
        # The system is symmetric, so a row vector may stand on its left.
        residual = residual - alpha[layer] * (direction @ system)
        direction = residual + beta[layer] * direction
    yield x + alpha[last] * direction


def unfold_complex(prepared: Prepared, y: Tensor, parameters: Parameters) -> Iterator[Tensor]:
    """Complex estimates (*C, T, Nt) of every layer."""
    for x in unfold(prepared.system, right_side(prepared, y), parameters):
        yield unstack_real_vector(x)


def solve(prepared: Prepared, y: Tensor, parameters: Parameters) -> Tensor:
    """The last estimate (*C, T, Nt), by the cheaper of two equal ways.

    With fixed parameters x = W b: from T = 2Nt L / (L - 1) vectors on, applying the layers to the
    identity once and W to all vectors takes fewer multiplications than applying the layers to all.
    """
    b = right_side(prepared, y)
    size, num_layers = prepared.system.shape[-1], len(parameters.alpha)
    if y.shape[-2] * (num_layers - 1) > size * num_layers:
        identity = torch.eye(size, dtype=b.dtype, device=b.device).expand_as(prepared.system)
        *_, transposed = unfold(prepared.system, identity, parameters)
        return unstack_real_vector(b @ transposed)
    *_, x = unfold(prepared.system, b, parameters)
    return unstack_real_vector(x)


def detect(
    constellation: Constellation,
    prepared: Prepared,
    y: Tensor,
    parameters: Parameters,
    demapping: str,
) -> GaussianDetection:
    """The unbiased last estimate."""
    x_hat = solve(prepared, y, parameters) * prepared.scale
    if constellation.is_real:
        x_hat = torch.complex(x_hat.real, torch.zeros_like(x_hat.real))
    return GaussianDetection(constellation, x_hat, prepared.error_var, demapping)


def check_num_tx_ant(made_for: int, num_rx_ant: int, num_tx_ant: int) -> None:
    """A network with a parameter for every stream serves its own number of streams."""
    if num_tx_ant != made_for:
        expected = f"Nt = {made_for}, for which this network is made"
        raise invalid("h", f"<shape ({num_rx_ant}, {num_tx_ant})>", expected)


def rows_of_layers(alpha: Tensor, beta: Tensor) -> list[tuple[Tensor, int]]:
    """Row 0 of beta makes the direction of the second layer: it belongs there."""
    return [(alpha, 0), (beta, 1)]


def lcgnet_cost(num_rx_ant: int, num_tx_ant: int, num_layers: int, masked: bool = False) -> Cost:
    """Gram and its unbiasing per channel; L - 1 products and 6Nt a layer per vector."""
    size = 2 * num_tx_ant
    layers = (num_layers - 1) * (counting.matvec(size, size, real=True) + 3 * size) + size
    return Cost(
        counting.gram(num_rx_ant, num_tx_ant) + large_system_cost(num_tx_ant, num_layers),
        counting.matvec(num_rx_ant, num_tx_ant) + layers + (size if masked else 0),
    )
