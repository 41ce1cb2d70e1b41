"""Conjugate gradient on the normal equations of the zero-forcing system."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.iterative import IterativeDetector
from mimolearn.detectors.linear.cg import ratio
from mimolearn.detectors.linear.large_system import large_system_cost, large_system_unbiasing
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.linalg import gram, matched_filter


class Prepared(NamedTuple):
    """The system of a channel, and the error variance of its solution.

    Attributes:
        h: (*C, Nr, Nt) complex; the channel.
        system: (*C, Nt, Nt) complex; H^H H divided by its mean diagonal.
        inverse_diagonal: (*C, 1, 1) real; one over that mean.
        error_var: (*C, 1, Nt) real; that of LMMSE in the large-system limit.
    """

    h: Tensor
    system: Tensor
    inverse_diagonal: Tensor
    error_var: Tensor


@final
class CGNR(IterativeDetector):
    """Conjugate gradient on A^2 x = A b, A = H^H H, b = H^H y; it ends at ZF.

    Choose it only as the classical opponent of ``deep-cg``. Squaring A squares its condition
    number: ``cg`` converges in half of the steps, and each of its steps costs half.

    r = b, p = A r; alpha = |A r|^2 / |A p|^2, x += alpha p, r -= alpha A p, p = A r + beta p with
    beta the ratio of successive |A r|^2 (Ouameur and Massicotte 2021, Table 1). The printed table
    starts from p = 0, which gives 0/0, and leaves q = A p out of the loop. A step after convergence
    changes nothing here; underflow would make it any number. LLRs take the error variance of LMMSE,
    which ZF exceeds at low SNR.

    Cost: the Gram matrix per channel; 4 (Nr Nt + 2 num_iter Nt^2) per vector about.

    Args:
        constellation: of the symbols, or its name.
        num_iter: number of steps; default 12.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> CGNR("bpsk", num_iter=1)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "cgnr"
    any_points = True
    rotation_invariant = True
    revision = 2

    def __init__(
        self, constellation: Constellation | str, num_iter: int = 12, demapping: str = "exact"
    ) -> None:
        super().__init__(constellation, num_iter)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        matrix = gram(h)
        inverse = 1 / matrix.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
        unbiasing = large_system_unbiasing(matrix, noise_var, self.num_iter)
        return Prepared(h, matrix * inverse, inverse, unbiasing.error_var)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        x_hat = self.iterates(prepared, y)[-1]
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def iterates(self, prepared: Prepared, y: Tensor) -> list[Tensor]:
        """Return the estimates of all steps, biased towards zero until converged.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; the received vectors.
        """
        system = prepared.system.mT
        residual = matched_filter(prepared.h, y) * prepared.inverse_diagonal
        x = torch.zeros_like(residual)
        direction = image = residual @ system
        energy = _energy(image)
        # Beyond this rounding is all that is left, and soon energies underflow: any step goes.
        floor = energy * torch.finfo(energy.dtype).eps ** 2
        history = []
        for _ in range(self.num_iter):
            product = direction @ system
            step = ratio(energy, _energy(product)) * (energy > floor)
            x = x + step * direction
            residual = residual - step * product
            image = residual @ system
            next_energy = _energy(image)
            direction = image + ratio(next_energy, energy) * direction
            energy = next_energy
            history.append(x)
        return history

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        step = 2 * counting.matvec(num_tx_ant, num_tx_ant) + 10 * num_tx_ant
        return Cost(
            counting.gram(num_rx_ant, num_tx_ant) + large_system_cost(num_tx_ant, self.num_iter),
            counting.matvec(num_rx_ant, num_tx_ant)
            + counting.matvec(num_tx_ant, num_tx_ant)
            + self.num_iter * step,
        )


def _energy(x: Tensor) -> Tensor:
    return (x.conj() * x).real.sum(-1, keepdim=True)
