"""Hybrid beams of least mean-square error, by gradient descent."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beamformer, Beams
from mimolearn.beamformers.classical.descent import adam_descent
from mimolearn.beamformers.classical.start import aligned_start
from mimolearn.beamformers.digital import mean_square_error, mmse_receive
from mimolearn.beamformers.gains import align_phases
from mimolearn.beamformers.objective.error_bound import Gradient, by_gains, observe
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_positive_int, check_real
from mimolearn.link.array import HybridArray


class MmseGd(Beamformer):
    """Adam on ln of the sum of mean-square errors over F, U and V; W has a closed form.

    Choose it to compare criteria: it is the descent of ``mser-gd``, from the same start, on another
    objective. d MSE / dG = 2 (G - I), to which the noise of W adds.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.
        num_iter: steps; default 300.
        rate: step size of Adam at the start; default 0.02.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> MmseGd(num_iter=2)(h, 0.1).f_bb.shape
    torch.Size([8, 6])
    """

    name = "mmse-gd"

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        num_iter: int = 300,
        rate: float = 0.02,
    ) -> None:
        super().__init__(array, constellation)
        self.num_iter = check_positive_int("num_iter", num_iter, 100_000)
        self.rate = check_real("rate", rate, above=0)

    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        def solved(beams: Beams) -> Beams:
            return beams._replace(w_bb=mmse_receive(h, noise_var, beams.transmit(), beams.w_rf))

        def value(beams: Beams) -> Tensor:
            return mean_square_error(h, solved(beams), noise_var).log()

        def step(beams: Beams) -> Gradient:
            return _log_mse_gradient(h, solved(beams), noise_var)

        start = aligned_start(h, noise_var, self.array)
        best = adam_descent(start, step, value, self.num_iter, self.rate, analog=True)
        return align_phases(h, solved(best.beams))


def _log_mse_gradient(h: Tensor, beams: Beams, noise_var: Tensor) -> Gradient:
    observed = observe(h, beams, noise_var)
    gains = (observed.q.mH @ observed.received).flatten(1, 2)
    error = gains - torch.eye(gains.shape[-1], dtype=gains.dtype, device=gains.device)
    noise = (observed.q.real.square() + observed.q.imag.square()).sum((-1, -2, -3)) * noise_var
    total = (error.real.square() + error.imag.square()).sum((-1, -2)) + noise
    scale = 2 / total
    by_gain = error * scale[:, None, None]
    by_q = observed.q * (scale * noise_var)[:, None, None, None]
    # The multiplier of the power constraint, as in the descent on the error rate.
    multiplier = -(by_gain.conj() * gains).real.sum((-1, -2))
    slopes = by_gains(beams, observed, total.log(), by_gain, by_q, multiplier)
    # W is optimal, so its gradient is rounding error.
    return slopes._replace(w_bb=torch.zeros_like(slopes.w_bb))
