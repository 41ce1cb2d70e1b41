"""Widely linear minimum mean-square error detection."""

from __future__ import annotations

from typing import final

from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.linear.lmmse import Prepared, apply_lmmse, prepare_lmmse
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.linalg import as_complex, stack_real_columns, stack_real_vector
from mimolearn.kernels.linear import calls as linear_kernels


@final
class WidelyLinearLMMSE(Detector):
    """LMMSE that uses that symbols are real: the best linear receiver for BPSK.

    Choose it for every BPSK comparison: the gain of several published networks over LMMSE is
    exactly the gain of this. For QAM, whose symbols are circular, it is identical to ``lmmse``.

    ``lmmse`` on the real model [Re y; Im y] = [Re H; Im H] x + n with noise variance sigma^2/2 per
    row (Picinbono and Chevalier 1995, for a real parameter). The imaginary part of every estimate
    is 0. ``error_var`` is twice the real error variance, because only half of it acts on a real
    constellation.

    Cost for BPSK: a real Gram matrix of 2Nr x Nt and a real inverse per channel (half and a quarter
    of ``lmmse``), 2 Nr Nt + Nt^2 per vector.

    Args:
        constellation: of the symbols, or its name.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h = torch.tensor([[1, 1j]], dtype=torch.complex64)
    >>> WidelyLinearLMMSE("bpsk")(torch.tensor([[1 - 1j]]), h, 0.1).bits().flatten().tolist()
    [0, 1]
    """

    name = "wl-lmmse"
    any_points = True
    rotation_invariant = True

    def __init__(self, constellation: Constellation | str, demapping: str = "exact") -> None:
        super().__init__(constellation)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection:
        if self.constellation.is_real:
            x_hat, error_var = linear_kernels.widely_linear(y, h, noise_var)
        else:
            x_hat, error_var = linear_kernels.linear(y, h, noise_var, "lmmse")
        return GaussianDetection(self.constellation, as_complex(x_hat), error_var, self.demapping)

    def simulated_method(self) -> str:
        return "widely-linear" if self.constellation.is_real else "lmmse"

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        if not self.constellation.is_real:
            return prepare_lmmse(h, noise_var)
        prepared = prepare_lmmse(stack_real_columns(h), noise_var / 2)
        return prepared._replace(error_var=2 * prepared.error_var)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        y = stack_real_vector(y) if self.constellation.is_real else y
        x_hat = as_complex(apply_lmmse(prepared, y))
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        real = self.constellation.is_real
        rows = 2 * num_rx_ant if real else num_rx_ant
        inverse = counting.hermitian_inverse(num_tx_ant, real=real)
        detect = counting.matvec(rows, num_tx_ant, real=real)
        return Cost(
            counting.gram(rows, num_tx_ant, real=real) + inverse,
            detect + counting.matvec(num_tx_ant, num_tx_ant, real=real),
        )
