"""Linear minimum mean-square error detection, unbiased."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Compiled, Cost, Detector
from mimolearn.detectors.linear.unbiased import unbias_mmse
from mimolearn.foundation.errors import check_bool, check_one_of
from mimolearn.foundation.tensors.linalg import hermitian_inverse, matched_filter, regularised_gram
from mimolearn.kernels.linear import calls as linear_kernels
from mimolearn.kernels.linear.calls import InterleavedLinear


class Prepared(NamedTuple):
    """The filter of a channel.

    Attributes:
        h: (*C, Nr, Nt); the channel.
        inverse: (*C, Nt, Nt); A^-1.
        scale: (*C, 1, Nt) real; factor that unbiases an estimate.
        error_var: (*C, 1, Nt) real; error variance of the scaled estimate.
    """

    h: Tensor
    inverse: Tensor
    scale: Tensor
    error_var: Tensor


@final
class LMMSE(Detector):
    """Linear MMSE: the best linear receiver for circular symbols, and the yardstick here.

    Choose it first; everything dearer has to beat it.

    x_hat_i = (A^-1 H^H y)_i / g_i with A = H^H H + sigma^2 I, g_i = 1 - e_i, e_i = sigma^2
    (A^-1)_ii, and x_hat_i = x_i + CN(0, e_i/g_i) (Tse and Viswanath 2005, eqs 8.42, 8.67). Real
    symbols make the interference improper: for BPSK the error variance counts its real part,
    e_i/g_i + Re sum_{j != i} E_ij^2 / g_i^2 with E = sigma^2 A^-1. The estimate itself does not use
    that the symbols are real; ``wl-lmmse`` does and is better.

    Cost: a Gram matrix and a Cholesky inverse per channel, 4 (Nr Nt + Nt^2) per vector.

    Args:
        constellation: of the symbols, or its name.
        biased: whether decisions and LLRs come from the biased estimate g_i x_hat_i, as in many
            published baselines, which is wrong for more than one level per axis; default False.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> LMMSE("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "lmmse"
    any_points = True
    rotation_invariant = True
    halves = "interleaved"

    def __init__(
        self,
        constellation: Constellation | str,
        biased: bool = False,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation)
        self.biased = check_bool("biased", biased)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection:
        solved = linear_kernels.linear(y, h, noise_var, self.kernel_method())
        return GaussianDetection(self.constellation, *solved, self.demapping)

    def kernel_method(self) -> str:
        """Return which of ``linear_kernels.LINEAR_METHODS`` this is."""
        if self.biased:
            return "biased-lmmse"
        return "real-lmmse" if self.constellation.is_real else "lmmse"

    def simulated_method(self) -> str:
        return self.kernel_method()

    def _prepare_interleaved(self, h: Tensor, noise_var: Tensor) -> InterleavedLinear:
        return linear_kernels.linear_prepare(h, noise_var, self.kernel_method())

    def _detect_interleaved(self, state: InterleavedLinear, y: Tensor) -> GaussianDetection:
        x_hat = linear_kernels.linear_detect(state, y)
        return GaussianDetection(self.constellation, x_hat, state.error_var, self.demapping)

    def _in_torch(self, prepared: Any) -> Prepared:
        if not isinstance(prepared, Compiled):
            return prepared
        h, inverse = prepared.state.ordinary(prepared.shape[-2])
        error_var = prepared.state.error_var
        return Prepared(h, inverse, torch.ones_like(error_var), error_var)

    def _prepare_compiled(self, h: Tensor, noise_var: Tensor) -> Prepared:
        solved = linear_kernels.linear_prepare_few(h, noise_var, "lmmse")
        return self._adjusted(Prepared(h, *solved), noise_var)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return self._adjusted(prepare_lmmse(h, noise_var), noise_var)

    def _adjusted(self, prepared: Prepared, noise_var: Tensor) -> Prepared:
        """Return the filter for these options and symbols."""
        if self.biased:
            gain = 1 / prepared.scale
            return prepared._replace(
                scale=torch.ones_like(gain), error_var=prepared.error_var * gain.square()
            )
        if self.constellation.is_real:
            return prepared._replace(error_var=_real_error_var(prepared, noise_var))
        return prepared

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        x_hat = apply_lmmse(prepared, y)
        return GaussianDetection(self.constellation, x_hat, prepared.error_var, self.demapping)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        prepare = counting.gram(num_rx_ant, num_tx_ant) + counting.hermitian_inverse(num_tx_ant)
        detect = counting.matvec(num_rx_ant, num_tx_ant) + counting.matvec(num_tx_ant, num_tx_ant)
        return Cost(prepare, detect)


def prepare_lmmse(h: Tensor, noise_var: Tensor) -> Prepared:
    """Prepare the filter of unit-energy symbols in a complex or a real model.

    Args:
        h: (*C, M, N) complex or real.
        noise_var: (*C) real; noise variance per row of h. error_var is per entry of x.
    """
    inverse = hermitian_inverse(regularised_gram(h, noise_var))
    remaining = noise_var.unsqueeze(-1) * inverse.diagonal(dim1=-2, dim2=-1).real
    return Prepared(h, inverse, *unbias_mmse(remaining))


def apply_lmmse(prepared: Prepared, y: Tensor) -> Tensor:
    """Return the unbiased estimates (*C, T, N) of y (*C, T, M)."""
    # Two thin products: forming the filter H A^-1 costs a third Gram and pays only at T > Nt.
    return matched_filter(prepared.h, y) @ prepared.inverse.mT * prepared.scale


def _real_error_var(prepared: Prepared, noise_var: Tensor) -> Tensor:
    cross = noise_var[..., None, None] * prepared.inverse
    squares = cross.real.square() - cross.imag.square()
    improper = squares.sum(-1) - squares.diagonal(dim1=-2, dim2=-1)
    error_var = prepared.error_var + improper.unsqueeze(-2) * prepared.scale.square()
    # Positive in exact arithmetic; this keeps it so when the noise drowns in rounding.
    return torch.maximum(error_var, prepared.error_var * torch.finfo(error_var.dtype).eps)
