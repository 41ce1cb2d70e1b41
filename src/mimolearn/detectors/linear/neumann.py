"""Neumann-series detection: a truncated expansion of the LMMSE inverse."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.linear.unbiased import linear_unbiasing, linear_unbiasing_cost
from mimolearn.foundation.errors import check_one_of, check_positive_int
from mimolearn.foundation.tensors.linalg import add_diagonal, gram, matched_filter


class Prepared(NamedTuple):
    """The system of a channel, its approximate inverse, and what unbiases the estimate.

    Attributes:
        h: (*C, Nr, Nt) complex; the channel.
        system: (*C, Nt, Nt) complex; A = H^H H + sigma^2 I.
        inverse: (*C, Nt, Nt) complex; P, the truncated series.
        scale: (*C, 1, Nt); factor that unbiases an estimate.
        error_var: (*C, 1, Nt) real; error variance of the unbiased estimate.
    """

    h: Tensor
    system: Tensor
    inverse: Tensor
    scale: Tensor
    error_var: Tensor


@final
class Neumann(Detector):
    """Neumann series of the LMMSE inverse around its diagonal.

    Choose it to compare with papers on massive MIMO hardware. It converges only for Nr well above
    Nt (about 5.8 Nt: the spectral radius of the splitting has to stay below 1), and slowly. On a
    processor it costs more than the Cholesky inverse from three terms on.

    A^-1 ~ P = sum_{l < num_terms} (-D^-1 E)^l D^-1, A = H^H H + sigma^2 I = D + E with D its
    diagonal (Wu, Yin et al. 2014). P is formed once a channel, so the gain (P G)_ii and the error
    variance are exact. ``iterates`` gives the raw, biased partial sums, which published EVM figures
    measure; the detection is unbiased.

    Cost: 4 (num_terms + 1) Nt^3 about and a Gram matrix per channel, 4 (Nr Nt + Nt^2) per vector.

    Args:
        constellation: of the symbols, or its name.
        num_terms: number of terms; default 4.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> Neumann("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "neumann"
    any_points = True
    rotation_invariant = True

    def __init__(
        self, constellation: Constellation | str, num_terms: int = 4, demapping: str = "exact"
    ) -> None:
        super().__init__(constellation)
        self.num_terms = check_positive_int("num_terms", num_terms, 1_000)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        matrix = gram(h)
        system = add_diagonal(matrix, noise_var)
        inverse_diagonal = 1 / system.diagonal(dim1=-2, dim2=-1).real
        first = torch.diag_embed(inverse_diagonal).to(system.dtype)
        # I - D^-1 A = -D^-1 E; Horner: P <- D^-1 - D^-1 E P.
        eye = torch.eye(system.shape[-1], dtype=system.dtype, device=system.device)
        iteration = eye - inverse_diagonal.unsqueeze(-1) * system
        inverse = first
        for _ in range(self.num_terms - 1):
            inverse = first + iteration @ inverse
        unbiasing = linear_unbiasing(inverse, matrix, noise_var, self.constellation.is_real)
        return Prepared(h, system, inverse, *unbiasing)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        x_hat = matched_filter(prepared.h, y) @ prepared.inverse.mT * prepared.scale
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def iterates(self, prepared: Prepared, y: Tensor) -> list[Tensor]:
        """Return the raw partial sums (*C, T, Nt), one per term.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; the received vectors.
        """
        b = matched_filter(prepared.h, y)
        inverse_diagonal = 1 / prepared.system.diagonal(dim1=-2, dim2=-1).real.unsqueeze(-2)
        history = [b * inverse_diagonal]
        for _ in range(self.num_terms - 1):
            x = history[-1]
            history.append(x + inverse_diagonal * (b - x @ prepared.system.mT))
        return history

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        n = num_tx_ant
        terms = (self.num_terms - 1) * counting.matmul(n, n, n)
        return Cost(
            counting.gram(num_rx_ant, n) + terms + linear_unbiasing_cost(n),
            counting.matvec(num_rx_ant, n) + counting.matvec(n, n),
        )
