"""Hybrid beams of least mean-square error, by gradient descent."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beamformer, Beams
from mimolearn.beamformers.classical.descent import adam_descent
from mimolearn.beamformers.classical.start import aligned_start
from mimolearn.beamformers.digital import mean_square_error, mmse_receive
from mimolearn.beamformers.gains import align_phases
from mimolearn.beamformers.objective.error_bound import Gradient, by_gains, look
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_positive_int, check_real
from mimolearn.link.array import HybridArray


class MmseGd(Beamformer):
    """Adam on ln of the sum of mean-square errors over F, U and V; W in closed form each time.

    Choose it to see what the criterion makes out: the same descent as ``mser-gd``, from the same
    start, on the other objective. d MSE / dG = 2 (G - I), and what W's noise adds.

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
    seen = look(h, beams, noise_var)
    gains = (seen.q.mH @ seen.received).flatten(1, 2)
    error = gains - torch.eye(gains.shape[-1], dtype=gains.dtype, device=gains.device)
    noise = (seen.q.real.square() + seen.q.imag.square()).sum((-1, -2, -3)) * noise_var
    total = (error.real.square() + error.imag.square()).sum((-1, -2)) + noise
    scale = 2 / total
    by_gain = error * scale[:, None, None]
    by_q = seen.q * (scale * noise_var)[:, None, None, None]
    # The power constraint's multiplier, as in the descent on the error rate.
    price = -(by_gain.conj() * gains).real.sum((-1, -2))
    found = by_gains(beams, seen, total.log(), by_gain, by_q, price)
    # W is at its optimum: whatever is left there is rounding.
    return found._replace(w_bb=torch.zeros_like(found.w_bb))
