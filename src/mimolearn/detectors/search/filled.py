"""Max-log LLRs of a list of vectors, with a linear detector for what the list does not hold.

Shapes: *C channels, T vectors a channel, Nt streams, K bits a symbol, k vectors of the list.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from mimolearn.constellation import Constellation
from mimolearn.detection import LLRDetection
from mimolearn.foundation.tensors.modes import in_standard_mode
from mimolearn.kernels.machine.launch import usable
from mimolearn.kernels.search import calls as search_kernels


class FilledDetection(LLRDetection):
    """A list's LLRs, filled when they are asked for.

    Args:
        constellation: of the symbols.
        llr: (*C, T, Nt, K) real; infinite where the list holds one value of a bit only.
        decided: (*C, T, Nt) int64; indices of the nearest vector.
        nearest: (*C, T) real; its metric.
        log_evidence: (*C, T) real; ln Z, see ``fill``.
        linear: gives the LLRs (*C, T, Nt, K) of a linear detector when it is called.
        clip: largest magnitude of an LLR.
        prior_llr: (*C, T, Nt, K) real; priors that are in ``llr`` and ``nearest``, or None.
    """

    def __init__(
        self,
        constellation: Constellation,
        llr: Tensor,
        decided: Tensor,
        nearest: Tensor,
        log_evidence: Tensor,
        linear: Callable[[], Tensor],
        clip: float,
        prior_llr: Tensor | None = None,
    ) -> None:
        super().__init__(constellation, llr, decided=decided)
        self.nearest = nearest
        self.log_evidence = log_evidence
        self.linear = linear
        self.clip = clip
        self.prior_llr = prior_llr

    @in_standard_mode
    def llr(self) -> Tensor:
        linear = self.linear().detach().to(self._llr)
        log_evidence = self.log_evidence
        if self.prior_llr is not None:
            linear = linear.nan_to_num(nan=0.0)
            informed = linear + self.prior_llr
            # The factor that priors put on the evidence, with the bits as independent.
            log_evidence = log_evidence + (softplus(informed) - softplus(linear)).flatten(-2).sum(
                -1
            )
            linear = informed
        if self.prior_llr is None:
            return fill(self._llr, self.nearest, log_evidence, linear, self.clip)
        filled = fill(self._llr, self.nearest, log_evidence, linear, math.inf)
        # What is clipped is what y says; priors keep their size.
        return self.prior_llr + (filled - self.prior_llr).clamp(-self.clip, self.clip)

    @in_standard_mode
    def soft_symbols(self) -> Tensor:
        return LLRDetection(self.constellation, self.llr()).soft_symbols()


def fill(llr: Tensor, nearest: Tensor, log_evidence: Tensor, linear: Tensor, clip: float) -> Tensor:
    """Replace infinite LLRs, those of bits of which a list holds one value s only.

    With D the metric of the nearest vector, Z the sum of exp(-metric) over all vectors of the
    linear detector's Gaussian model, and q its probability of s:

        L = s (ln(exp(-D) + Z q) - ln(Z (1 - q)))

    Args:
        llr: (*C, T, Nt, K) real.
        nearest: (*C, T) real; D.
        log_evidence: (*C, T) real; ln Z.
        linear: (*C, T, Nt, K) real; LLRs of the linear detector. Where they are NaN, it has failed
            and knows nothing.
        clip: largest magnitude of an LLR, infinite for none.
    """
    if usable(llr, nearest, log_evidence, linear):
        return search_kernels.fill_missing(llr, nearest, log_evidence, linear, clip)
    missing = torch.isinf(llr)
    ratio = -(nearest + log_evidence)[..., None, None].expand_as(llr)[missing]
    held = torch.sign(llr[missing])
    agreed = held * linear[missing].nan_to_num(nan=0.0)
    filled = torch.logaddexp(ratio, logsigmoid(agreed)) - logsigmoid(-agreed)
    return llr.masked_scatter(missing, held * filled).clamp(-clip, clip)


def rescored(metrics: Tensor, ones: Tensor, prior_llr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Take priors into a list, without another search.

    Args:
        metrics: (*C, T, k) real; of the vectors.
        ones: (*C, T, k, Nt, K) bool; which bits of each are 1.
        prior_llr: (*C, T, Nt, K) real.

    Returns:
        max-log LLRs (*C, T, Nt, K), infinite where the list holds one value only; the least metric
        (*C, T); and the position (*C, T) of its vector.
    """
    prior = torch.where(ones, prior_llr.unsqueeze(-3), 0.0).flatten(-2).sum(-1)
    weighed = metrics - prior
    each = weighed[..., None, None]
    zeros, of_ones = (torch.where(side, each, torch.inf).amin(-3) for side in (~ones, ones))
    nearest, position = weighed.min(-1)
    return zeros - of_ones, nearest, position
