"""Zero-forcing detection: the least-squares solution."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Compiled, Cost, Detector
from mimolearn.foundation.errors import check_one_of, invalid
from mimolearn.foundation.tensors.linalg import (
    add_diagonal,
    gram,
    hermitian_inverse,
    matched_filter,
)
from mimolearn.kernels.linear import calls as linear_kernels
from mimolearn.kernels.linear.calls import InterleavedLinear


class Prepared(NamedTuple):
    """The filter of a channel.

    Attributes:
        h: (*C, Nr, Nt) complex; the channel.
        inverse: (*C, Nt, Nt) complex; (H^H H)^-1.
        error_var: (*C, 1, Nt) real; sigma^2 ((H^H H)^-1)_ii.
    """

    h: Tensor
    inverse: Tensor
    error_var: Tensor


@final
class ZeroForcing(Detector):
    """Least squares: removes all interference and amplifies the noise.

    Choose it to compare with papers, or if the noise variance is unknown: decisions do not depend
    on it, LLRs do. ``lmmse`` is never worse.

    x_hat = (H^H H)^-1 H^H y, x_hat_i = x_i + CN(0, sigma^2 ((H^H H)^-1)_ii) exactly
    (Tse and Viswanath 2005, section 8.3.2), by Cholesky of the Gram matrix. A channel that is rank
    deficient in the working precision comes out non-finite and flagged.

    Cost: a Gram matrix and a Cholesky inverse per channel, 4 (Nr Nt + Nt^2) per vector.

    Args:
        constellation: of the symbols, or its name.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed, and for Nt > Nr.

    >>> import torch
    >>> h = torch.tensor([[1, 1], [0, 1]], dtype=torch.complex64)
    >>> ZeroForcing("bpsk")(torch.tensor([[2, 1]]) + 0j, h, 0.1).error_var
    tensor([[0.2000, 0.1000]])
    """

    name = "zf"
    any_points = True
    revision = 2
    rotation_invariant = True
    halves = "interleaved"

    def __init__(self, constellation: Constellation | str, demapping: str = "exact") -> None:
        super().__init__(constellation)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        if num_tx_ant > num_rx_ant:
            expected = "Nt <= Nr for 'zf': more streams than antennas cannot be separated linearly"
            raise invalid("h", f"<Nr = {num_rx_ant}, Nt = {num_tx_ant}>", expected)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection:
        solved = linear_kernels.linear(y, h, noise_var, "zf")
        return GaussianDetection(self.constellation, *solved, self.demapping)

    def simulated_method(self) -> str:
        return "zf"

    def _prepare_interleaved(self, h: Tensor, noise_var: Tensor) -> InterleavedLinear:
        return linear_kernels.linear_prepare(h, noise_var, "zf")

    def _detect_interleaved(self, state: InterleavedLinear, y: Tensor) -> GaussianDetection:
        x_hat = linear_kernels.linear_detect(state, y)
        return GaussianDetection(self.constellation, x_hat, state.error_var, self.demapping)

    def _in_torch(self, prepared: Any) -> Prepared:
        if not isinstance(prepared, Compiled):
            return prepared
        h, inverse = prepared.state.ordinary(prepared.shape[-2])
        return Prepared(h, inverse, prepared.state.error_var)

    def _prepare_compiled(self, h: Tensor, noise_var: Tensor) -> Prepared:
        inverse, _gain, error_var = linear_kernels.linear_prepare_few(h, noise_var, "zf")
        return Prepared(h, inverse, error_var)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        matrix = gram(h)
        energy = matrix.diagonal(dim1=-2, dim2=-1).real
        # A stream that is not received leaves the others what they are: its estimate is 0, with a
        # huge error variance.
        least = noise_var.unsqueeze(-1) * torch.finfo(energy.dtype).eps
        matrix = add_diagonal(matrix, torch.where(energy == 0, least, torch.zeros_like(energy)))
        inverse = hermitian_inverse(matrix)
        error_var = noise_var.unsqueeze(-1) * inverse.diagonal(dim1=-2, dim2=-1).real
        return Prepared(h, inverse, error_var.unsqueeze(-2))

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        x_hat = matched_filter(prepared.h, y) @ prepared.inverse.mT
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        prepare = counting.gram(num_rx_ant, num_tx_ant) + counting.hermitian_inverse(num_tx_ant)
        detect = counting.matvec(num_rx_ant, num_tx_ant) + counting.matvec(num_tx_ant, num_tx_ant)
        return Cost(prepare, detect)
