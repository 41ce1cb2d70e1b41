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
from mimolearn.detectors.linear.large_system import large_system_cost, large_system_unbiasing
from mimolearn.detectors.linear.unbiased import Unbiasing
from mimolearn.foundation.errors import invalid
from mimolearn.foundation.tensors.linalg import (
    add_diagonal,
    gram,
    matched_filter,
    stack_real_matrix,
    stack_real_vector,
    unstack_real_vector,
)
from mimolearn.kernels.networks import calls as network_kernels

# How far finite matrices leave the Marchenko-Pastur edges, at 32 x 64 in most draws.
WIDEN = 1.05


class Prepared(NamedTuple):
    """The system A x = b of a channel, and what unbiases its solution.

    h: (*C, Nr, Nt); system: A over its mean diagonal, (*C, Nt, Nt) complex; inverse_diagonal:
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


def prepare_system(
    h: Tensor, noise_var: Tensor, num_layers: int, learned: Tensor, *, widely_linear: bool
) -> Prepared:
    """A = H^H H + sigma^2 I, divided by its mean diagonal.

    learned: a parameter of the network; while it is trained, torch prepares, so that trainings
    repeat bit for bit. widely_linear: whether the network ends at the widely linear LMMSE, or at
    LMMSE: only gain and error variance of its output differ.
    """
    found = network_kernels.unfolded_cg_prepare(
        h, noise_var, num_layers, learned, widely=widely_linear
    )
    if found is not None:
        error_var = 2 * found.error_var if widely_linear else found.error_var
        return Prepared(h, found.system, found.inverse_diagonal, 1 + found.error_var, error_var)
    return prepare_in_torch(h, noise_var, num_layers, widely_linear=widely_linear)


def prepare_in_torch(
    h: Tensor, noise_var: Tensor, num_layers: int, *, widely_linear: bool
) -> Prepared:
    """``prepare_system`` for gradients, other types and devices."""
    matrix = gram(h)
    diagonal = add_diagonal(matrix, noise_var)
    inverse = 1 / diagonal.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
    if widely_linear:
        unbiasing = large_system_unbiasing(matrix.real, noise_var / 2, num_layers)
        unbiasing = Unbiasing(unbiasing.scale, 2 * unbiasing.error_var)
    else:
        unbiasing = large_system_unbiasing(matrix, noise_var, num_layers)
    return Prepared(h, diagonal * inverse, inverse, *unbiasing)


def right_side(prepared: Prepared, y: Tensor) -> Tensor:
    """b, (*C, T, 2Nt) real."""
    return stack_real_vector(matched_filter(prepared.h, y)) * prepared.inverse_diagonal


def unfold(system: Tensor, b: Tensor, parameters: Parameters) -> Iterator[Tensor]:
    """x of every layer, (*C, T, 2Nt): LcgNet's eqs 16 and 17, with a mask on b if there is one.

    system: (*C, 2Nt, 2Nt) real.
    """
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
    system = stack_real_matrix(prepared.system)
    for x in unfold(system, right_side(prepared, y), parameters):
        yield unstack_real_vector(x)


def solve(prepared: Prepared, y: Tensor, parameters: Parameters) -> Tensor:
    """The last estimate (*C, T, Nt), by the cheaper of two equal ways.

    With fixed parameters x = W b: from T = 2Nt L / (L - 1) vectors on, applying the layers to the
    identity once and W to all vectors takes fewer multiplications than applying the layers to all.
    """
    b, system = right_side(prepared, y), stack_real_matrix(prepared.system)
    if network_kernels.as_matrix(y.shape[-2], prepared.system.shape[-1], len(parameters.alpha)):
        identity = torch.eye(system.shape[-1], dtype=b.dtype, device=b.device).expand_as(system)
        *_, transposed = unfold(system, identity, parameters)
        return unstack_real_vector(b @ transposed)
    *_, x = unfold(system, b, parameters)
    return unstack_real_vector(x)


def detect(
    constellation: Constellation,
    prepared: Prepared,
    y: Tensor,
    parameters: Parameters,
    demapping: str,
) -> GaussianDetection:
    """The unbiased last estimate."""
    system = network_kernels.System(prepared.system, prepared.inverse_diagonal, prepared.error_var)
    steps, real = kernel_steps(parameters), constellation.is_real
    x_hat = network_kernels.unfolded_cg_detect(
        y, prepared.h, system, prepared.scale, steps, real=real
    )
    if x_hat is None:
        x_hat = solve(prepared, y, parameters) * prepared.scale
        if real:
            x_hat = torch.complex(x_hat.real, torch.zeros_like(x_hat.real))
    return GaussianDetection(constellation, x_hat, prepared.error_var, demapping)


def one_shot(
    constellation: Constellation,
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    parameters: Parameters,
    demapping: str,
    *,
    widely_linear: bool,
) -> GaussianDetection | None:
    """Both halves in one kernel, or None where there is none for these inputs."""
    steps, real = kernel_steps(parameters), constellation.is_real
    found = network_kernels.unfolded_cg(y, h, noise_var, steps, widely=widely_linear, real=real)
    return None if found is None else GaussianDetection(constellation, *found, demapping)


def kernel_steps(parameters: Parameters) -> network_kernels.Steps:
    """The parameters as kernels take them, a mask of ones where there is none."""
    alpha, beta, gamma = parameters
    return network_kernels.Steps(alpha, beta, torch.ones_like(alpha[0]) if gamma is None else gamma)


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
