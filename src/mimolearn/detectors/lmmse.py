"""Linear minimum mean-square error detection, unbiased."""

from __future__ import annotations

from typing import NamedTuple, final

from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.errors import check_bool, check_one_of
from mimolearn.kernels import dispatch
from mimolearn.linalg import add_diagonal, gram, hermitian_inverse, matched_filter


class Prepared(NamedTuple):
    """h: (*C, Nr, Nt); inverse: (*C, Nt, Nt), scaled; error_var: (*C, 1, Nt)."""

    h: Tensor
    inverse: Tensor
    error_var: Tensor


@final
class LMMSE(Detector):
    """Linear MMSE: the best linear receiver for circular symbols, and the yardstick of this library.

    Choose it first; everything dearer has to beat it.

    x_hat_i = (A^-1 H^H y)_i / g_i with A = H^H H + sigma^2 I, g_i = 1 - sigma^2 (A^-1)_ii, and
    x_hat_i = x_i + CN(0, (1 - g_i)/g_i) (Tse and Viswanath 2005, eqs 8.42, 8.67).
    Published baselines often decide on the biased estimate g_i x_hat_i, which is wrong for more
    than one level per axis; ``biased=True`` reproduces that in decisions and LLRs alike.
    For real symbols (BPSK) it is not the best linear receiver: see ``wl-lmmse``.

    Options: biased; demapping "exact" or "max-log".
    Cost: a Gram matrix and a Cholesky inverse per channel, 4 (Nr Nt + Nt^2) per vector.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> LMMSE("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "lmmse"

    def __init__(
        self,
        constellation: Constellation | str,
        biased: bool = False,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation)
        self.biased = check_bool("biased", biased)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection | None:
        solved = dispatch.linear(y, h, noise_var, self._kernel_method())
        if solved is None:
            return None
        return GaussianDetection(self.constellation, *solved, self.demapping)

    def _kernel_method(self) -> str:
        return "biased-lmmse" if self.biased else "lmmse"

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared | dispatch.InterleavedLinear:
        interleaved = dispatch.linear_prepare(h, noise_var, self._kernel_method())
        if interleaved is not None:
            return interleaved
        inverse = hermitian_inverse(add_diagonal(gram(h), noise_var))
        bias = 1 - noise_var.unsqueeze(-1) * inverse.diagonal(dim1=-2, dim2=-1).real
        if self.biased:
            return Prepared(h, inverse, (bias * (1 - bias)).unsqueeze(-2))
        return Prepared(h, inverse / bias.unsqueeze(-1), ((1 - bias) / bias).unsqueeze(-2))

    def _detect(
        self, prepared: Prepared | dispatch.InterleavedLinear, y: Tensor
    ) -> GaussianDetection:
        if isinstance(prepared, dispatch.InterleavedLinear):
            x_hat = dispatch.linear_detect(prepared, y)
            return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)
        # Two thin products: forming the filter H A^-1 costs a third Gram and pays only at T > Nt.
        x_hat = matched_filter(prepared.h, y) @ prepared.inverse.mT
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        prepare = counting.gram(num_rx_ant, num_tx_ant) + counting.hermitian_inverse(num_tx_ant)
        detect = counting.matvec(num_rx_ant, num_tx_ant) + counting.matvec(num_tx_ant, num_tx_ant)
        return Cost(prepare, detect)
