"""MMSE detection with parallel interference cancellation, for decoder feedback."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisGaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.message_passing.cavity import (
    LEAST_PRIOR_VAR,
    RealModel,
    by_axis,
    cavity,
    log_priors,
    matched,
    posterior_inverse,
    real_model,
    stand_ins,
)
from mimolearn.detectors.priors import InformedDetection
from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tensors.linalg import add_diagonal, hermitian_inverse
from mimolearn.kernels.iterative import calls as iterative_kernels


class Prepared(NamedTuple):
    """model: the real model; first: inverse without priors, (*C, 1, N, N)."""

    model: RealModel
    first: Tensor


@final
class MMSEPIC(Detector):
    """Soft interference cancellation by priors, and an MMSE filter for what is left.

    Choose it where a decoder gives LLRs back: one such pass through this detector beats every
    detector that has one look. Without priors it is ``lmmse`` (BPSK: ``wl-lmmse``).

    With priors of mean s and variance v of every real axis, G = 2 H^T H / sigma^2 and
    b = 2 H^T y / sigma^2 in real form, A = (G diag(v) + I)^-1, mu_i = A_i g_i, the estimate of
    axis i is A_i (b + g_i s_i - G s) / mu_i, and its variance 1/mu_i - v_i (Studer, Fateh and
    Seethaler 2011, algorithm 1). It is demapped with the priors of its own bits.
    Differs from the paper: axes in place of complex symbols, whose two axes may be known unequally
    well; computed from B = (G + diag(1/v))^-1 as 1/B_ii - 1/v_i, the first cavity of ``ep``, with
    v at least 1e-4 (1e-8 in float64).

    Cost: the Gram and one real inverse of size 2Nt per channel; with priors one per vector.

    Args:
        constellation: of the symbols, or its name.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> known = torch.tensor([[[0.0], [30.0]]])
    >>> MMSEPIC("bpsk")(y, h, 0.5, known).llr().round().flatten().tolist()
    [-8.0, 22.0]
    """

    name = "mmse-pic"
    rotation_invariant = True
    halves = "fused"
    takes_prior = True

    def __init__(self, constellation: Constellation | str, demapping: str = "exact") -> None:
        super().__init__(constellation)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> AxisGaussianDetection:
        solved = iterative_kernels.expectation_propagation(
            y, h, noise_var, self.constellation, num_iter=1, damping=0.0, least_var=0.0
        )
        return AxisGaussianDetection(self.constellation, *solved, self.demapping)

    def _one_shot_informed(
        self, y: Tensor, h: Tensor, noise_var: Tensor, prior_llr: Tensor
    ) -> InformedDetection:
        solved = iterative_kernels.expectation_propagation(
            y,
            h,
            noise_var,
            self.constellation,
            num_iter=1,
            damping=0.0,
            least_var=0.0,
            prior_llr=prior_llr,
            least_prior_var=LEAST_PRIOR_VAR[torch.float32],
        )
        return InformedDetection(self.constellation, *solved, prior_llr, self.demapping)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        model = real_model(h, noise_var, self.constellation)
        prior = torch.full_like(noise_var, self._prior())
        first = hermitian_inverse(add_diagonal(model.system, prior))
        return Prepared(model, first.unsqueeze(-3))

    def _detect(self, prepared: Prepared, y: Tensor) -> AxisGaussianDetection:
        b = matched(prepared.model, y, self.constellation)
        lam, gam = torch.full_like(b, self._prior()), torch.zeros_like(b)
        mean, var = cavity(prepared.first, b, lam, gam)
        values = by_axis(mean, self.constellation)
        error_var = by_axis(var.expand_as(mean), self.constellation)
        return AxisGaussianDetection(self.constellation, values, error_var, self.demapping)

    def _detect_informed(
        self, prepared: Prepared, y: Tensor, prior_llr: Tensor
    ) -> InformedDetection:
        model = prepared.model
        lam, gam = stand_ins(log_priors(model, prior_llr, self.constellation), self.constellation)
        b = matched(model, y, self.constellation)
        mean, var = cavity(posterior_inverse(model, lam), b, lam, gam)
        values, error_var = by_axis(mean, self.constellation), by_axis(var, self.constellation)
        return InformedDetection(self.constellation, values, error_var, prior_llr, self.demapping)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        """Real multiplications without priors; with them another inverse a vector.

        Args:
            num_rx_ant: number of receive antennas Nr.
            num_tx_ant: number of streams Nt.
        """
        real = self.constellation.is_real
        rows = 2 * num_rx_ant if real else num_rx_ant
        n = num_tx_ant if real else 2 * num_tx_ant
        return Cost(
            counting.gram(rows, num_tx_ant, real=real) + counting.hermitian_inverse(n, real=True),
            counting.matvec(rows, num_tx_ant, real=real) + counting.matvec(n, n, real=True),
        )

    def _prior(self) -> float:
        """Precision of one real unknown of unit-energy symbols."""
        return 1.0 if self.constellation.is_real else 2.0
