"""Expectation-propagation detection."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisGaussianDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.message_passing.cavity import (
    LEAST_PRIOR_VAR,
    Cavity,
    RealModel,
    by_axis,
    cavity,
    log_priors,
    matched,
    posterior_inverse,
    real_model,
    stand_ins,
)
from mimolearn.detectors.message_passing.damped import DampedDetector
from mimolearn.detectors.priors import InformedDetection, moments
from mimolearn.foundation.tensors.linalg import add_diagonal, hermitian_inverse
from mimolearn.kernels.iterative import calls as iterative_kernels

# A posterior variance counts as at least this share of its cavity's. A decided symbol would else
# get a precision beside which the cavity's, their difference, is lost in rounding; what is left of
# its interference is far below the noise.
_LEAST_VAR = {torch.float32: 1e-3, torch.float64: 1e-6}


class Prepared(NamedTuple):
    """The real model and the first inverse.

    Attributes:
        model: N = 2Nt unknowns (BPSK: Nt).
        first: (*C, 1, N, N) real; the inverse of the first iteration.
    """

    model: RealModel
    first: Tensor


@final
class ExpectationPropagation(DampedDetector):
    """Expectation propagation in real form: near ML at ten LMMSE inversions a vector.

    Choose it if LMMSE is not enough and Nt is beyond what a tree search can do. It works in square
    channels, in which OAMP does not. LLRs of the few vectors it gets wrong are overconfident: at
    16-QAM, 8 x 8, 20 dB it has a ninth of LMMSE's bit errors but no more mutual information.
    Coded links clip them at 20, unless told otherwise; ``llr`` returns them as they are.

    A Gaussian of precision lam and weighted mean gam replaces the prior of every real unknown.
    Sigma = (H_r^T H_r/s2 + diag lam)^-1, mu = Sigma (H_r^T y_r/s2 + gam). Without that Gaussian
    remains the cavity (x_obs, v_obs), whose posterior moments over the PAM levels give new lam and
    gam. They are kept at the old value if lam would be negative (Cespedes et al. 2014, eqs 28..38),
    and damped: (1 - damping) new + damping old. The output is the last cavity. QAM is in real form
    too: complex EP loses much at small sizes. BPSK uses [Re H; Im H].
    Differs from the paper: constant damping, 0.9 as in Sionna; a variance floor relative to the
    cavity (1e-3 in float32, 1e-6 in float64), not an absolute one; a cavity precision lost in
    rounding counts as no information.
    Priors of the bits give those Gaussians their first moments, with a variance of at least 1e-4
    (1e-8 in float64), and weigh the levels in every later one and in the demapping.

    Cost: the Gram and one real inverse of size N per channel; num_iter - 1 inverses per vector.

    Args:
        constellation: of the symbols, or its name.
        num_iter: number of iterations; default 10.
        damping: share of the old values that is kept, 0 to 1; default 0.9.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> ExpectationPropagation("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "ep"
    rotation_invariant = True
    halves = "fused"
    takes_prior = True
    revision = 2
    # Without it coded links have an error floor: at 4 x 4 16-QAM, 18 dB, 8 of 128 blocks are wrong,
    # with it none of 128. Clips of 8 to 20 leave the rates around the waterfall as they are.
    decoding_clip = 20.0

    def __init__(
        self,
        constellation: Constellation | str,
        num_iter: int = 10,
        damping: float = 0.9,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_iter, damping, demapping)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> AxisGaussianDetection:
        least_var = _LEAST_VAR[torch.float32]
        cavities = iterative_kernels.expectation_propagation(
            y, h, noise_var, self.constellation, self.num_iter, self.damping, least_var
        )
        return AxisGaussianDetection(self.constellation, *cavities, self.demapping)

    def _one_shot_informed(
        self, y: Tensor, h: Tensor, noise_var: Tensor, prior_llr: Tensor
    ) -> InformedDetection:
        cavities = iterative_kernels.expectation_propagation(
            y,
            h,
            noise_var,
            self.constellation,
            self.num_iter,
            self.damping,
            _LEAST_VAR[torch.float32],
            prior_llr=prior_llr,
            least_prior_var=LEAST_PRIOR_VAR[torch.float32],
        )
        return InformedDetection(self.constellation, *cavities, prior_llr, self.demapping)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        model = real_model(h, noise_var, self.constellation)
        prior = torch.full_like(noise_var, self._prior())
        first = hermitian_inverse(add_diagonal(model.system, prior))
        return Prepared(model, first.unsqueeze(-3))

    def _detect(self, prepared: Prepared, y: Tensor) -> AxisGaussianDetection:
        last = self._cavities(prepared, y)[-1]
        values, error_var = (by_axis(part, self.constellation) for part in last)
        return AxisGaussianDetection(self.constellation, values, error_var, self.demapping)

    def _detect_informed(
        self, prepared: Prepared, y: Tensor, prior_llr: Tensor
    ) -> InformedDetection:
        log_prior = log_priors(prepared.model, prior_llr, self.constellation)
        last = self._cavities(prepared, y, log_prior)[-1]
        values, error_var = (by_axis(part, self.constellation) for part in last)
        return InformedDetection(self.constellation, values, error_var, prior_llr, self.demapping)

    def iterates(self, prepared: Prepared, y: Tensor) -> list[Tensor]:
        """Return the cavity means of all iterations.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; the received vectors.
        """
        cavities = self._cavities(self._in_torch(prepared), y)
        estimates = [by_axis(step.mean, self.constellation) for step in cavities]
        if self.constellation.is_real:
            return [torch.complex(x[..., 0], torch.zeros_like(x[..., 0])) for x in estimates]
        return [torch.view_as_complex(x) for x in estimates]

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        real = self.constellation.is_real
        rows = 2 * num_rx_ant if real else num_rx_ant
        n = num_tx_ant if real else 2 * num_tx_ant
        inverse = counting.hermitian_inverse(n, real=True)
        # Per unknown and level: distance, its weight, mean, and variance (2 products).
        moments = n * (5 * self.constellation.num_levels + 8)
        step = counting.matvec(n, n, real=True) + moments
        matched = counting.matvec(rows, num_tx_ant, real=real)
        return Cost(
            counting.gram(rows, num_tx_ant, real=real) + inverse,
            matched + self.num_iter * step + (self.num_iter - 1) * inverse,
        )

    def _prior(self) -> float:
        """Return the precision of one real unknown of unit-energy symbols."""
        return 1.0 if self.constellation.is_real else 2.0

    def _cavities(
        self, prepared: Prepared, y: Tensor, log_prior: Tensor | None = None
    ) -> list[Cavity]:
        """log_prior: (*C, T, N, L) log-probabilities of the levels, or None."""
        model, inverse = prepared
        b = matched(model, y, self.constellation)
        if log_prior is None:
            lam, gam = torch.full_like(b, self._prior()), torch.zeros_like(b)
        else:
            lam, gam = stand_ins(log_prior, self.constellation)
            inverse = posterior_inverse(model, lam)
        history = []
        for i in range(self.num_iter):
            if i:
                inverse = posterior_inverse(model, lam)
            history.append(cavity(inverse, b, lam, gam))
            lam, gam = self._refine(history[-1], lam, gam, log_prior)
        return history

    def _refine(
        self, cavity: Cavity, lam: Tensor, gam: Tensor, log_prior: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Match the moments of cavity times PAM prior, then damp."""
        if log_prior is None:
            mean, var = self.constellation.axis_posterior(cavity.mean, cavity.var)
        else:
            levels = self.constellation.axis(cavity.mean.dtype, cavity.mean.device).levels
            gaps = (cavity.mean.unsqueeze(-1) - levels).square()
            mean, var = moments(log_prior - gaps / (2 * cavity.var.unsqueeze(-1)), levels)
        var = torch.maximum(var, _LEAST_VAR[var.dtype] * cavity.var)
        new_lam = 1 / var - 1 / cavity.var
        new_gam = mean / var - cavity.mean / cavity.var
        valid = new_lam >= 0
        new_lam, new_gam = torch.where(valid, new_lam, lam), torch.where(valid, new_gam, gam)
        return torch.lerp(new_lam, lam, self.damping), torch.lerp(new_gam, gam, self.damping)
