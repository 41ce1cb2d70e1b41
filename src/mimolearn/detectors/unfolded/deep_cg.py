"""Deep-unfolded conjugate gradient on the normal equations, with steps trained beforehand."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.learned import UnfoldedDetector
from mimolearn.detectors.linear.chebyshev import (
    Edges,
    Steps,
    chebyshev_steps,
    marchenko_pastur_edges,
)
from mimolearn.detectors.linear.unbiased import linear_unbiasing, linear_unbiasing_cost
from mimolearn.foundation.errors import check_bool, check_one_of, check_real
from mimolearn.foundation.tensors.linalg import gram, largest_eigenvalue_bound, matched_filter
from mimolearn.kernels.networks import calls as network_kernels

_WIDEN = 1.05


class Prepared(NamedTuple):
    """All layers of a channel as one matrix.

    Attributes:
        h: (*C, Nr, Nt) complex; the channel.
        system: (*C, Nt, Nt) complex; H^H H times inverse_diagonal.
        inverse_diagonal: (*C, 1, 1) real; the scale of ``scaled_gram``.
        filter: (*C, Nt, Nt) complex; the matrix that acts on H^H y, transposed.
        scale: (*C, 1, Nt) real; factor that unbiases an estimate.
        error_var: (*C, 1, Nt) real; error variance of the unbiased estimate.
    """

    h: Tensor
    system: Tensor
    inverse_diagonal: Tensor
    filter: Tensor
    scale: Tensor
    error_var: Tensor


class Parameters(NamedTuple):
    """Step sizes of L layers; a row broadcasts over (*C, T, Nt).

    Attributes:
        alpha: (L, ...); steps along the direction.
        beta: (L - 1, ...); share of the old direction in the next one.
        rho: (L, ...); what is added to the diagonal of A; None for zeros.
    """

    alpha: Tensor
    beta: Tensor
    rho: Tensor | None = None


class FilteredCG(Detector):
    """A detector that makes one matrix of all layers for each channel and applies it.

    A member gives the steps of a channel in ``_steps`` and sets these attributes.

    Attributes:
        num_layers: number of layers L.
        load: Nt/Nr, for which the start is made.
        demapping: "exact" or "max-log".
    """

    revision = 2
    any_points = True
    num_layers: int
    load: float
    demapping: str

    @abstractmethod
    def _steps(self, h: Tensor, noise_var: Tensor) -> Parameters:
        """Return the steps for channels h (*C, Nr, Nt) with noise variances (*C)."""

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        steps = self._steps(h, noise_var)
        matrix, system, inverse = scaled_gram(h, self.load)
        identity = torch.eye(h.shape[-1], dtype=h.dtype, device=h.device).expand_as(matrix)
        *_, transposed = unfold(system, identity, steps)
        filter_ = transposed * inverse
        unbiasing = linear_unbiasing(filter_.mT, matrix, noise_var, self.constellation.is_real)
        return Prepared(h, system, inverse, filter_, *unbiasing)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        x_hat = matched_filter(prepared.h, y) @ prepared.filter * prepared.scale
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        # The Gram matrix, its bound, all layers as a matrix and their unbiasing; two products.
        cube = counting.matmul(num_tx_ant, num_tx_ant, num_tx_ant)
        layers = (6 + 2 * self.num_layers - 1) * cube
        prepare = counting.gram(num_rx_ant, num_tx_ant) + layers + linear_unbiasing_cost(num_tx_ant)
        square = counting.matvec(num_tx_ant, num_tx_ant)
        return Cost(prepare, counting.matvec(num_rx_ant, num_tx_ant) + square)


@final
class DeepCG(FilteredCG, UnfoldedDetector):
    """Conjugate gradient on A^2 with learned fixed steps, trainable without knowing the symbols.

    Choose it to reproduce the paper; ``zf`` is its limit, and below some 1000 vectors a channel
    ``cg`` with 5 steps is as good and cheaper. 15 to 20 layers suffice at 20 users and 128
    antennas, for which the paper takes 120.

    r = b, p = A r; x += alpha_l p, r -= alpha_l B_l p, p = B_l r + beta_l p with B_l = A + rho_l I,
    A = H^H H and b = H^H y (Ouameur and Massicotte 2021, section 3.1). Both are scaled so that a
    bound of A's largest eigenvalue lies on the upper Marchenko-Pastur edge. The paper divides by
    Nr: then one channel in thousands has an eigenvalue beyond what the steps are made for, which
    many layers raise to a high power. Gradients come from autograd: the paper's eqs 6, 8 and 9 hold
    for the last layer only. The paper's start, the average of CG's own steps, diverges; this one is
    Chebyshev's steps on the squared Marchenko-Pastur spectrum. The blind loss is the true residual
    |b - A x|^2 (``residual`` of a recipe): the recursion's own r can be driven to 0 through rho
    while x gets worse. Its optimum is zero forcing.

    Cost: per channel the Gram matrix, the bound, 24 Nt^3, and all layers as one matrix, 4 (2
    num_layers - 1) Nt^3, whose gain and error variance are then exact; 4 (Nr Nt + Nt^2) per vector.

    Args:
        constellation: of the symbols, or its name.
        num_layers: number of layers L; default 15.
        load: Nt/Nr, for which the start is made; default 0.2.
        learn_rho: whether the layers have a rho; default False.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> DeepCG("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "deep-cg"
    rotation_invariant = True
    halves = "compiled"

    def __init__(
        self,
        constellation: Constellation | str,
        num_layers: int = 15,
        load: float = 0.2,
        learn_rho: bool = False,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_layers)
        self.load = check_real("load", load, above=0)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
        start = squared_chebyshev_steps(load, num_layers)
        self.alpha = nn.Parameter(start.alpha.float())
        self.beta = nn.Parameter(start.beta.float())
        has_rho = check_bool("learn_rho", learn_rho)
        self.rho = nn.Parameter(torch.zeros(num_layers, dtype=torch.float32)) if has_rho else None

    def _fuses(self, h: Tensor, y: Tensor) -> bool:
        return super()._fuses(h, y) and network_kernels.suits(h, y)

    def _learned(self) -> Sequence[Tensor]:
        return [parameter for parameter, _ in self.layer_parameters()]

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection:
        real = self.constellation.is_real
        solved = network_kernels.deep_cg(y, h, noise_var, self._kernel_steps(), real=real)
        return GaussianDetection(self.constellation, *solved, self.demapping)

    def _prepare_compiled(self, h: Tensor, noise_var: Tensor) -> Prepared:
        steps, real = self._kernel_steps(), self.constellation.is_real
        return Prepared(h, *network_kernels.deep_cg_prepare(h, noise_var, steps, real=real))

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        b = matched_filter(prepared.h, y) * prepared.inverse_diagonal
        return unfold(prepared.system, b, self._trained(y))

    def layer_parameters(self) -> Sequence[tuple[Tensor, int]]:
        rows = [(self.alpha, 0), (self.beta, 1)]
        return rows if self.rho is None else [*rows, (self.rho, 0)]

    def _kernel_steps(self) -> network_kernels.DeepCGSteps:
        rho = torch.zeros_like(self.alpha) if self.rho is None else self.rho
        high = marchenko_pastur_edges(self.load, 1).high
        return network_kernels.DeepCGSteps(self.alpha, self.beta, rho, high)

    def _steps(self, h: Tensor, noise_var: Tensor) -> Parameters:
        return self._trained(h)

    def _trained(self, like: Tensor) -> Parameters:
        """Return the steps in the real type and on the device of a complex tensor."""
        real = like.real
        rho = None if self.rho is None else self.rho.to(real)
        return Parameters(self.alpha.to(real), self.beta.to(real), rho)


def squared_chebyshev_steps(load: float, num_layers: int) -> Steps:
    """Return Chebyshev's steps for A^2, A with the slightly widened Marchenko-Pastur spectrum."""
    edges = marchenko_pastur_edges(load, num_layers, _WIDEN)
    return chebyshev_steps(Edges(edges.low**2, edges.high**2), num_layers)


def scaled_gram(h: Tensor, load: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return H^H H, the same times a scale, and that scale, (*C, 1, 1).

    Scaled, its largest eigenvalue is at most the upper edge of the Marchenko-Pastur spectrum of
    this load, and at most a few per cent below it.

    Args:
        h: (*C, Nr, Nt) complex.
        load: Nt/Nr of the spectrum.
    """
    matrix = gram(h)
    high = marchenko_pastur_edges(load, 1).high
    scale = (high / largest_eigenvalue_bound(matrix))[..., None, None]
    return matrix, matrix * scale, scale


def unfold(system: Tensor, b: Tensor, parameters: Parameters) -> Iterator[Tensor]:
    """Yield x of every layer, (*C, T, Nt).

    Args:
        system: (*C, Nt, Nt) complex; the scaled A.
        b: (*C, T, Nt) complex; the scaled H^H y.
        parameters: the step sizes.
    """
    alpha, beta, rho = parameters
    transposed = system.mT

    def product(vector: Tensor, layer: int) -> Tensor:
        image = vector @ transposed
        return image if rho is None else image + rho[layer] * vector

    x, residual = torch.zeros_like(b), b
    direction = product(residual, 0)
    last = len(alpha) - 1
    for layer in range(last):
        x = x + alpha[layer] * direction
        yield x
        residual = residual - alpha[layer] * product(direction, layer)
        direction = product(residual, layer) + beta[layer] * direction
    yield x + alpha[last] * direction
