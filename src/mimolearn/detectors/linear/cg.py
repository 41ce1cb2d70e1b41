"""Conjugate-gradient detection: LMMSE without an inverse."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.iterative import IterativeDetector
from mimolearn.detectors.linear.large_system import large_system_cost, large_system_unbiasing
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.linalg import add_diagonal, gram, matched_filter
from mimolearn.kernels.iterative import calls as iterative_kernels


class Prepared(NamedTuple):
    """The system A x = b of a channel, and what unbiases its solution.

    Attributes:
        h: (*C, M, N) complex or real; the channel.
        system: (*C, N, N); A divided by its mean diagonal.
        inverse_diagonal: (*C, 1, 1) real; one over that mean.
        scale: (*C, 1, N) real; factor that unbiases an estimate, see ``large_system``.
        error_var: (*C, 1, N) real; error variance of the unbiased estimate.
    """

    h: Tensor
    system: Tensor
    inverse_diagonal: Tensor
    scale: Tensor
    error_var: Tensor


@final
class ConjugateGradient(IterativeDetector):
    """Conjugate gradient on the LMMSE system, from zero.

    Choose it if the channel changes with every vector or two and Nr is several times Nt: then 5 to
    8 steps reach LMMSE. It is the classical opponent of the unfolded CG networks.

    A x = b with A = H^H H + sigma^2 I, b = H^H y: alpha = r^H r / p^H A p, x += alpha p, r -= alpha
    A p, p = r + (r'^H r' / r^H r) p (Hestenes and Stiefel 1952; for massive MIMO Yin et al. 2014).
    A step whose residual has vanished changes nothing; the paper has 0/0 there. ``iterates`` gives
    the raw, biased x, which published NMSE and EVM figures measure. The detection is unbiased:
    x_hat_i = x_i / g_i. CG is not linear in y, so gain and error variance have no exact value; they
    are those of the large-system limit of a filter of num_iter stages. The gain is within 4 % of
    the true one from 4 steps on at Nr >= 2 Nt and independent fading, and LLRs are calibrated
    there. For real symbols use ``wl-cg``.

    Cost: the Gram matrix per channel; 4 (Nr Nt + num_iter (Nt^2 + 5 Nt)) per vector about.

    Args:
        constellation: of the symbols, or its name.
        num_iter: number of steps; default 8.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> ConjugateGradient("bpsk", num_iter=1)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "cg"
    any_points = True
    rotation_invariant = True
    halves = "fused"

    def __init__(
        self, constellation: Constellation | str, num_iter: int = 8, demapping: str = "exact"
    ) -> None:
        super().__init__(constellation, num_iter)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection:
        solved = iterative_kernels.conjugate_gradient(y, h, noise_var, self.num_iter, real=False)
        return GaussianDetection(self.constellation, *solved, self.demapping)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return prepare_cg(h, noise_var, self.num_iter)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        x_hat = self.iterates(prepared, y)[-1] * prepared.scale
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def iterates(self, prepared: Prepared, y: Tensor) -> list[Tensor]:
        """Return the raw estimates of all steps, biased towards zero as those of LMMSE.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; the received vectors.
        """
        return conjugate_gradient(self._in_torch(prepared), y, self.num_iter)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return cg_cost(num_rx_ant, num_tx_ant, self.num_iter, real=False)


def prepare_cg(h: Tensor, noise_var: Tensor, num_iter: int) -> Prepared:
    """Prepare the system of a channel.

    Args:
        h: (*C, M, N) complex or real.
        noise_var: (*C) real; noise variance per row of h.
        num_iter: number of steps, which sets gain and error variance.
    """
    matrix = gram(h)
    unbiasing = large_system_unbiasing(matrix, noise_var, num_iter)
    system = add_diagonal(matrix, noise_var)
    # Of order 1 whatever the scale of h: residuals squared twice would leave float32's range.
    inverse = 1 / system.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
    return Prepared(h, system * inverse, inverse, *unbiasing)


def conjugate_gradient(prepared: Prepared, y: Tensor, num_iter: int) -> list[Tensor]:
    """Return the estimates of all steps, (*C, T, N) each.

    Args:
        prepared: the system of the channels.
        y: (*C, T, M), of the dtype of h.
        num_iter: number of steps.
    """
    residual = matched_filter(prepared.h, y) * prepared.inverse_diagonal
    x = torch.zeros_like(residual)
    direction = residual
    energy = _energy(residual)
    history = []
    for _ in range(num_iter):
        image = direction @ prepared.system.mT
        curvature = (direction.conj() * image).real.sum(-1, keepdim=True)
        step = ratio(energy, curvature)
        x = x + step * direction
        residual = residual - step * image
        next_energy = _energy(residual)
        direction = residual + ratio(next_energy, energy) * direction
        energy = next_energy
        history.append(x)
    return history


def cg_cost(num_rx_ant: int, num_tx_ant: int, num_iter: int, *, real: bool) -> Cost:
    """Count the multiplications on Nr complex rows, or on 2Nr real ones if ``real``."""
    rows, per_product = (2 * num_rx_ant, 1) if real else (num_rx_ant, 4)
    prepare = counting.gram(rows, num_tx_ant, real=real)
    # Three scaled additions (a real times a vector) and two inner products' real parts.
    vectors = 5 * num_tx_ant * (per_product // 2 or 1)
    step = counting.matvec(num_tx_ant, num_tx_ant, real=real) + vectors
    return Cost(
        prepare + large_system_cost(num_tx_ant, num_iter),
        counting.matvec(rows, num_tx_ant, real=real) + num_iter * step,
    )


def _energy(x: Tensor) -> Tensor:
    return (x.conj() * x).real.sum(-1, keepdim=True)


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return numerator / denominator; 0 if the denominator is 0, as the iteration has converged."""
    positive = denominator > 0
    # The inner where keeps 0/0 out of the backward pass too.
    quotient = numerator / torch.where(positive, denominator, torch.ones_like(denominator))
    return torch.where(positive, quotient, torch.zeros_like(quotient))
