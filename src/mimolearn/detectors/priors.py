"""Priors of the bits: what is checked of them, and detection by axis that takes them in.

A prior is an LLR, ln P(b=1)/P(b=0), that a decoder has of a bit beforehand. Bits count as
independent, so that a level of an axis has the log-probability sum of the LLRs of its one-bits, up
to a number that all levels share.

Shapes: *C channels, T vectors a channel, Nt streams, K bits a symbol, A real axes of L levels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import Detection
from mimolearn.foundation.errors import check_finite, check_shape, invalid
from mimolearn.foundation.tensors.modes import check_has_values, in_standard_mode
from mimolearn.kernels.linear import calls as linear_kernels


def check_prior(prior_llr: Tensor, y: Tensor, constellation: Constellation) -> Tensor:
    """Check priors (*C, T, Nt, K) for y (*C, T, Nr), and return them in its precision.

    Raises:
        InvalidInputError: for another shape or type, and where an LLR is not finite.
    """
    bits = constellation.bits_per_symbol
    expected = f"(*C, T, Nt, {bits}) with *C, T = {tuple(y.shape[:-1])} as in y"
    tensor = isinstance(prior_llr, Tensor)
    fitting = tensor and prior_llr.shape[:-2] == y.shape[:-1] and prior_llr.shape[-1] == bits
    check_shape("prior_llr", prior_llr, expected, fitting)
    if not prior_llr.is_floating_point():
        raise invalid("prior_llr", f"<dtype {prior_llr.dtype}>", "a real dtype")
    check_has_values(prior_llr=prior_llr)
    prior_llr = prior_llr.to(y.device, y.dtype.to_real())
    check_finite("prior_llr", prior_llr)
    return prior_llr


def check_streams(prior_llr: Tensor, num_tx_ant: int) -> None:
    """Refuse priors (*C, T, Nt, K) of another number of streams."""
    fitting = prior_llr.shape[-2] == num_tx_ant
    check_shape("prior_llr", prior_llr, f"(*C, T, Nt, K) with Nt = {num_tx_ant}", fitting)


def level_priors(constellation: Constellation, prior_llr: Tensor) -> Tensor:
    """Log-probabilities of the levels on each axis: (..., K) -> (..., A, L) real."""
    return constellation.logits_to_axis_logits(constellation.llr_to_logits(prior_llr))


def moments(logits: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (...) of levels (L) with log-probabilities (..., L)."""
    weights = torch.softmax(logits, -1)
    mean = weights @ levels
    return mean, (weights * (levels - mean.unsqueeze(-1)) ** 2).sum(-1)


class InformedDetection(Detection):
    """A Gaussian estimate of each real axis, values = axes(x) + N(0, error_var), and priors.

    The estimate does not contain the priors of its own symbol. All results are of both.

    Args:
        constellation: of the symbols.
        values: (*C, T, Nt, A) real; the estimates.
        error_var: (*C, T, Nt, A) real; the variance of each real axis.
        prior_llr: (*C, T, Nt, K) real; LLRs of the bits.
        demapping: "exact" (log-sum-exp, the default) or "max-log".
    """

    def __init__(
        self,
        constellation: Constellation,
        values: Tensor,
        error_var: Tensor,
        prior_llr: Tensor,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation)
        self.values = values
        self.error_var = error_var
        self.prior_llr = prior_llr
        self.demapping = demapping

    @in_standard_mode
    def logits(self) -> Tensor:
        """Return the log-probabilities of the levels, (*C, T, Nt, A, L), with any offset."""
        c = self.constellation
        values, error_var = c.within_range(self.values, self.error_var)
        levels = c.axis(values.dtype, values.device).levels
        gaps = (values.unsqueeze(-1) - levels).square()
        return level_priors(c, self.prior_llr) - gaps / (2 * error_var.unsqueeze(-1))

    def indices(self) -> Tensor:
        levels = self.logits().argmax(-1)
        to_index = self.constellation.axis(torch.float64, levels.device).to_index[levels]
        if self.constellation.is_real:
            return to_index[..., 0]
        return to_index[..., 0] + (to_index[..., 1] >> 1)

    @in_standard_mode
    def llr(self) -> Tensor:
        llr = linear_kernels.informed_llr(
            self.constellation, self.values, self.error_var, self.prior_llr, self.demapping
        )
        if llr is not None:
            return llr
        return self.constellation.axis_logits_to_llr(self.logits(), self.demapping)

    @in_standard_mode
    def soft_symbols(self) -> Tensor:
        levels = self.constellation.axis(self.values.dtype, self.values.device).levels
        values = torch.softmax(self.logits(), -1) @ levels
        if self.constellation.is_real:
            return torch.complex(values[..., 0], torch.zeros_like(values[..., 0]))
        return torch.view_as_complex(values)

    def finite(self) -> Tensor:
        return (torch.isfinite(self.values) & torch.isfinite(self.error_var)).flatten(-2).all(-1)
