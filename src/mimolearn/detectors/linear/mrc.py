"""Maximum ratio combining: a matched filter for every stream."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.linear.unbiased import unbias
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.linalg import gram, matched_filter
from mimolearn.kernels.linear import calls as linear_kernels


class Prepared(NamedTuple):
    """The scaled matched filter of a channel.

    Attributes:
        h: (*C, Nr, Nt) complex; the channel.
        scale: (*C, 1, Nt) real; 1 / ||h_i||^2.
        error_var: (*C, 1, Nt) real; v_i.
    """

    h: Tensor
    scale: Tensor
    error_var: Tensor


@final
class MRC(Detector):
    """Matched filter per stream, with every other stream taken as noise.

    Choose it with one stream, for which it is optimal, or with very many more antennas than
    streams; otherwise it is the floor that a receiver has to beat.

    x_hat_i = h_i^H y / ||h_i||^2, x_hat_i = x_i + CN(0, v_i) with v_i = sum_{j != i} |h_i^H h_j|^2
    / ||h_i||^4 + sigma^2 / ||h_i||^2 of the channel at hand (Brennan 1959; Tse and Viswanath 2005,
    section 8.3.1). For BPSK only the real part of h_i^H h_j interferes, and v_i counts that. A
    stream with h_i = 0 has an error variance so large that its LLRs are 0.

    Cost: the Gram matrix per channel (for the interference), 4 Nr Nt per vector.

    Args:
        constellation: of the symbols, or its name.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h = torch.tensor([[1], [1j]], dtype=torch.complex64)
    >>> MRC("qpsk")(torch.tensor([[1 + 1j, -1 + 1j]]), h, 0.1).x_hat
    tensor([[1.+1.j]])
    """

    name = "mrc"
    any_points = True
    revision = 2
    rotation_invariant = True

    def __init__(self, constellation: Constellation | str, demapping: str = "exact") -> None:
        super().__init__(constellation)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection:
        solved = linear_kernels.matched(y, h, noise_var, real_symbols=self.constellation.is_real)
        return GaussianDetection(self.constellation, *solved, self.demapping)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        matrix = gram(h)
        energy = matrix.diagonal(dim1=-2, dim2=-1).real
        # A stream that is not received has a response of 0, which ``unbias`` treats.
        energy = torch.where(energy > 0, energy, torch.ones_like(energy))
        # Normalised before anything is squared, so that no scale of h overflows.
        response = matrix / energy.unsqueeze(-1)
        noise = noise_var.unsqueeze(-1) / energy
        error_var = unbias(response, noise, self.constellation.is_real).error_var
        return Prepared(h, (1 / energy).unsqueeze(-2), error_var)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        x_hat = matched_filter(prepared.h, y) * prepared.scale
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return Cost(counting.gram(num_rx_ant, num_tx_ant), counting.matvec(num_rx_ant, num_tx_ant))
