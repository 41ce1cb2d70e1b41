"""Hybrid beams of least symbol-error rate, by gradient descent."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beamformer, Beams
from mimolearn.beamformers.classical.descent import Best, adam_descent, normalised, turned
from mimolearn.beamformers.classical.start import aligned_start
from mimolearn.beamformers.objective.error_bound import (
    Gradient,
    Samples,
    gradient,
    log_bound,
    log_bound_gradient,
    observe,
    pull_back,
    raw_bound_gradient,
    unscaled_gains,
)
from mimolearn.beamformers.objective.samples import samples_for
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_one_of, check_positive_int, check_real
from mimolearn.link.array import HybridArray


class MserGd(Beamformer):
    """Descent on the mean of P(re) + P(im) over all streams (Shi et al., Algorithm 1).

    Choose it for the lowest error rate, if a channel may take tens of milliseconds. A channel takes
    num_iter S 2S most_samples operations.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.
        num_iter: steps; default 300.
        recipe: "adam" (default): Adam on the logarithm, with the true kernel width
            sigma ||q|| / sqrt(2), from the aligned start; the best iterate is kept. "paper": plain
            descent on the sum with a constant kernel width and fixed steps, one part at a time
            (eqs. 22 to 26). It ignores the noise, lets ||W|| grow, and at high SNR may end above
            its start.
        rate: step size of Adam at the start, or of the paper; default 0.02.
        rho: kernel width of the paper; default 0.1.
        most_samples: largest number of symbol vectors that are averaged over; default 2048.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> MserGd(num_iter=2)(h, 0.1).f_bb.shape
    torch.Size([8, 6])
    """

    name = "mser-gd"

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        num_iter: int = 300,
        recipe: str = "adam",
        rate: float = 0.02,
        rho: float = 0.1,
        most_samples: int = 2048,
    ) -> None:
        super().__init__(array, constellation)
        self.num_iter = check_positive_int("num_iter", num_iter, 100_000)
        self.recipe = check_one_of("recipe", recipe, ("adam", "paper"))
        self.rate = check_real("rate", rate, above=0)
        self.rho = check_real("rho", rho, above=0)
        self.most_samples = check_positive_int("most_samples", most_samples, 2**24)

    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        start = aligned_start(h, noise_var, self.array)
        streams = start.f_bb.shape[-1]
        samples = samples_for(self.constellation, streams, self.most_samples, h.real.dtype)
        if self.recipe == "paper":
            return self._paper(h, noise_var, start, samples)
        return mser_descent(h, noise_var, start, samples, self.num_iter, self.rate).beams

    def _paper(self, h: Tensor, noise_var: Tensor, start: Beams, samples: Samples) -> Beams:
        """Update one part at a time, with the gradient at the updated other parts."""
        beams = normalised(start)
        for _ in range(self.num_iter):
            for part in ("f_bb", "w_bb", "w_phase", "f_phase"):
                slopes = self._raw_gradient(h, noise_var, beams, samples)
                beams = _plain_step(beams, part, self.rate * getattr(slopes, part))
            power = beams.transmit().abs().square().sum((-1, -2), keepdim=True)
            beams = beams._replace(f_bb=beams.f_bb * power.rsqrt())
        return beams

    def _raw_gradient(
        self, h: Tensor, noise_var: Tensor, beams: Beams, samples: Samples
    ) -> Gradient:
        observed = observe(h, beams, noise_var)
        width = torch.full_like(observed.noise, self.rho)
        # The constant width replaces the noise deviation, which would grow with ||w||.
        observed = observed._replace(noise=width, x=unscaled_gains(observed) / self.rho)
        value, by_x = raw_bound_gradient(observed.x, samples)
        none = torch.zeros_like(noise_var)
        return pull_back(beams, none, observed, value, by_x, none)


def mser_descent(
    h: Tensor,
    noise_var: Tensor,
    start: Beams,
    samples: Samples,
    num_iter: int,
    rate: float,
    analog: bool = True,
) -> Best:
    """Minimise ln of the mean bound by Adam; without ``analog``, phases stay constant."""

    def step(beams: Beams) -> Gradient:
        observed = observe(h, beams, noise_var)
        value, by_x = log_bound_gradient(observed.x, samples)
        return gradient(beams, noise_var, observed, value, by_x)

    def value(beams: Beams) -> Tensor:
        return log_bound(observe(h, beams, noise_var).x, samples)

    return adam_descent(start, step, value, num_iter, rate, analog)


def _plain_step(beams: Beams, part: str, move: Tensor) -> Beams:
    if part == "f_phase":
        return beams._replace(f_rf=turned(beams.f_rf, -move))
    if part == "w_phase":
        return beams._replace(w_rf=turned(beams.w_rf, -move))
    return beams._replace(**{part: getattr(beams, part) - move})
