"""Unfolded conjugate gradient: the system, the recursion and the output of all LcgNets.

Wei et al. 2020, "Learned conjugate gradient descent network for massive MIMO detection", section
III. A network adds the steps of its layers and the options that they need.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.inputs import matching
from mimolearn.detectors.learned import UnfoldedDetector, check_streams
from mimolearn.detectors.linear.chebyshev import Steps, chebyshev_steps, marchenko_pastur_edges
from mimolearn.detectors.linear.large_system import large_system_cost, large_system_unbiasing
from mimolearn.detectors.linear.unbiased import Unbiasing
from mimolearn.foundation.errors import check_one_of, invalid
from mimolearn.foundation.tensors.linalg import (
    add_diagonal,
    gram,
    matched_filter,
    stack_real_matrix,
    stack_real_vector,
    unstack_real_vector,
)
from mimolearn.kernels.machine.launch import usable
from mimolearn.kernels.networks import calls as network_kernels

# The eigenvalues of most 32 x 64 draws exceed the upper Marchenko-Pastur edge by less than this.
_WIDEN = 1.05


class Prepared(NamedTuple):
    """The system A x = b of a channel, and what unbiases its solution.

    Attributes:
        h: (*C, Nr, Nt) complex; the channel.
        system: (*C, Nt, Nt) complex; A = H^H H + sigma^2 I over its mean diagonal.
        inverse_diagonal: (*C, 1, 1) real; one over that mean.
        scale: (*C, 1, Nt) real; factor that unbiases an estimate, see ``large_system``.
        error_var: (*C, 1, Nt) real; error variance of the unbiased estimate, both axes together.
    """

    h: Tensor
    system: Tensor
    inverse_diagonal: Tensor
    scale: Tensor
    error_var: Tensor


class Parameters(NamedTuple):
    """Step sizes of L layers; D = 2Nt, or 1 if all entries share one number.

    Attributes:
        alpha: (L, D); steps along the direction.
        beta: (L - 1, D); share of the old direction in the next one.
        gamma: (D); mask on b; None for ones.
    """

    alpha: Tensor
    beta: Tensor
    gamma: Tensor | None = None

    def to(self, like: Tensor) -> Parameters:
        """Return the same in the dtype and on the device of a tensor."""
        gamma = None if self.gamma is None else self.gamma.to(like)
        return Parameters(self.alpha.to(like), self.beta.to(like), gamma)


class UnfoldedCG(UnfoldedDetector):
    """A conjugate-gradient network of fixed steps on the LMMSE system.

    A network gives the steps of its layers in ``steps``. This class prepares the system, runs the
    layers, unbiases the last estimate and counts the cost.

    Args:
        constellation: of the symbols, or its name.
        num_layers: number of layers L.
        demapping: "exact" or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.
    """

    any_points = True
    rotation_invariant = True
    halves = "compiled"

    def __init__(self, constellation: Constellation | str, num_layers: int, demapping: str) -> None:
        super().__init__(constellation, num_layers)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    @abstractmethod
    def steps(self) -> Parameters:
        """Return the step sizes of all layers."""

    def widely_linear(self) -> bool:
        """Return whether the layers end at the widely linear LMMSE; it sets the error variance."""
        return False

    def _fuses(self, h: Tensor, y: Tensor) -> bool:
        return super()._fuses(h, y) and network_kernels.suits(h, y)

    def _learned(self) -> Sequence[Tensor]:
        # While they are trained torch prepares, so that trainings repeat.
        stored = (*self._parameters.values(), *self._buffers.values())
        return [tensor for tensor in stored if tensor is not None and tensor.is_floating_point()]

    def _detects_compiled(self, prepared: Prepared, y: Tensor) -> bool:
        h, system, *_, scale, _ = prepared
        suits = matching(y.shape, h.shape) and self._fuses(h, y)
        return suits and usable(y, h, system, scale, *self._learned())

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection:
        steps, real = kernel_steps(self.steps()), self.constellation.is_real
        solved = network_kernels.unfolded_cg(
            y, h, noise_var, steps, widely=self.widely_linear(), real=real
        )
        return GaussianDetection(self.constellation, *solved, self.demapping)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        widely = self.widely_linear()
        return prepare_in_torch(h, noise_var, self.num_layers, widely_linear=widely)

    def _prepare_compiled(self, h: Tensor, noise_var: Tensor) -> Prepared:
        widely = self.widely_linear()
        system = network_kernels.unfolded_cg_prepare(h, noise_var, self.num_layers, widely=widely)
        error_var = 2 * system.error_var if widely else system.error_var
        scale = 1 + system.error_var
        return Prepared(h, system.system, system.inverse_diagonal, scale, error_var)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        x_hat = solve(prepared, y, self.steps()) * prepared.scale
        if self.constellation.is_real:
            x_hat = torch.complex(x_hat.real, torch.zeros_like(x_hat.real))
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def _detect_compiled(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        h, matrix, inverse_diagonal, scale, error_var = prepared
        steps, real = kernel_steps(self.steps()), self.constellation.is_real
        system = network_kernels.System(matrix, inverse_diagonal, error_var)
        x_hat = network_kernels.unfolded_cg_detect(y, h, system, scale, steps, real=real)
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        """Yield the raw estimates (*C, T, Nt), biased towards zero as those of LMMSE."""
        system = stack_real_matrix(prepared.system)
        for x in unfold(system, right_side(prepared, y), self.steps()):
            yield unstack_real_vector(x)

    def layer_parameters(self) -> Sequence[tuple[Tensor, int]]:
        # Row 0 of beta makes the direction of the second layer: it belongs there.
        steps = self.steps()
        rows = ((steps.alpha, 0), (steps.beta, 1))
        return [(values, layer) for values, layer in rows if isinstance(values, nn.Parameter)]

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        # The Gram matrix and its unbiasing; L - 1 products and 6Nt a layer; the mask.
        size = 2 * num_tx_ant
        layer = counting.matvec(size, size, real=True) + 3 * size
        mask = 0 if self.steps().gamma is None else size
        unbiasing = large_system_cost(num_tx_ant, self.num_layers)
        return Cost(
            counting.gram(num_rx_ant, num_tx_ant) + unbiasing,
            counting.matvec(num_rx_ant, num_tx_ant) + (self.num_layers - 1) * layer + size + mask,
        )


class StreamwiseCG(UnfoldedCG):
    """An ``UnfoldedCG`` with step sizes for every stream, widely linear for real symbols.

    Args:
        constellation: of the symbols, or its name.
        num_tx_ant: number of streams Nt that the step sizes are for.
        num_layers: number of layers L.
        demapping: "exact" or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.
    """

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int,
        num_layers: int,
        demapping: str,
    ) -> None:
        super().__init__(constellation, num_layers, demapping)
        self.num_tx_ant = check_streams(num_tx_ant)

    def widely_linear(self) -> bool:
        return self.constellation.is_real

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        if num_tx_ant != self.num_tx_ant:
            expected = f"Nt = {self.num_tx_ant}, for which this network is made"
            raise invalid("h", f"<shape ({num_rx_ant}, {num_tx_ant})>", expected)


def start_steps(load: float, num_layers: int) -> Steps:
    """Return Chebyshev's steps on the slightly widened Marchenko-Pastur spectrum of a load."""
    return chebyshev_steps(marchenko_pastur_edges(load, num_layers, _WIDEN), num_layers)


def prepare_in_torch(
    h: Tensor, noise_var: Tensor, num_layers: int, *, widely_linear: bool
) -> Prepared:
    """Prepare the system of a channel in torch.

    Args:
        h: (*C, Nr, Nt) complex.
        noise_var: (*C) real.
        num_layers: number of layers, which sets gain and error variance.
        widely_linear: whether gain and error variance are those of the widely linear LMMSE.
    """
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
    """Return b, (*C, T, 2Nt) real."""
    return stack_real_vector(matched_filter(prepared.h, y)) * prepared.inverse_diagonal


def unfold(system: Tensor, b: Tensor, parameters: Parameters) -> Iterator[Tensor]:
    """Yield x of every layer, (*C, T, 2Nt): LcgNet's eqs 16 and 17, with any mask on b.

    Args:
        system: (*C, 2Nt, 2Nt) real; A.
        b: (*C, T, 2Nt) real.
        parameters: the step sizes.
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


def solve(prepared: Prepared, y: Tensor, parameters: Parameters) -> Tensor:
    """Return the last estimate (*C, T, Nt), by the cheaper of two equal ways.

    With fixed parameters x = W b. From T = 2Nt L / (L - 1) vectors on, it takes fewer
    multiplications to apply the layers to the identity once and W to all vectors than to apply the
    layers to all.
    """
    b, system = right_side(prepared, y), stack_real_matrix(prepared.system)
    if network_kernels.as_matrix(y.shape[-2], prepared.system.shape[-1], len(parameters.alpha)):
        identity = torch.eye(system.shape[-1], dtype=b.dtype, device=b.device).expand_as(system)
        *_, transposed = unfold(system, identity, parameters)
        return unstack_real_vector(b @ transposed)
    *_, x = unfold(system, b, parameters)
    return unstack_real_vector(x)


def kernel_steps(parameters: Parameters) -> network_kernels.Steps:
    """Return the parameters as kernels take them, with a mask of ones if there is none."""
    alpha, beta, gamma = parameters
    return network_kernels.Steps(alpha, beta, torch.ones_like(alpha[0]) if gamma is None else gamma)
