"""The results of detectors, from which indices, bits, LLRs and symbols are computed on demand.

There are six kinds: a Gaussian estimate of symbols or of their real axes, log-probabilities
(logits) of symbols or of the levels on their axes, bit LLRs, and symbol indices alone.

Shapes: *C channels, T vectors a channel, Nt streams, K bits a symbol, M points, A real axes of L
levels. LLRs are ln P(b=1)/P(b=0).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import NotSoftError, all_finite, invalid
from mimolearn.foundation.tensors.modes import in_standard_mode
from mimolearn.kernels.linear import calls as linear_kernels
from mimolearn.kernels.link import symbol_errors

# In single precision, tanh(L/2) of larger LLRs cannot be told from 1.
_MOST_CERTAIN = 1 - 1e-6


def llr_from_soft_bits(soft_bits: Tensor) -> Tensor:
    """Convert soft bits s = P(b=1) - P(b=0) to LLRs 2 atanh(s).

    Args:
        soft_bits: real, of any shape, from -1 to 1.

    Returns:
        LLRs of the same shape and dtype, at most 14.5 in magnitude.

    Raises:
        InvalidInputError: for NaN, and for soft bits outside [-1, 1].

    >>> llr_from_soft_bits(torch.tensor([0.0, -0.5])).tolist()
    [0.0, -1.0986123085021973]
    """
    if not isinstance(soft_bits, Tensor) or not soft_bits.is_floating_point():
        had = soft_bits.dtype if isinstance(soft_bits, Tensor) else type(soft_bits).__name__
        raise invalid("soft_bits", f"<{had}>", "a tensor of real numbers")
    outside = soft_bits[~(soft_bits.abs() <= 1)]
    if outside.numel():
        had = f"<{outside.numel()} of {soft_bits.numel()}, as {outside[0].item():g}>"
        raise invalid("soft_bits", had, "numbers from -1 to 1")
    return 2 * torch.atanh(soft_bits.clamp(-_MOST_CERTAIN, _MOST_CERTAIN))


class Detection(ABC):
    """The detected symbols (*C, T, Nt) of a block; the base of all results.

    Each method returns a new tensor, which the caller may edit.

    Args:
        constellation: of the symbols.
        incomplete: (*C, T) bool, or None; True where a search reached its node limit, so that the
            result may not be the best one. Such vectors are counted like all others.
        work: (*C, T) int64, or None; real multiplications that a data-dependent search needed.
    """

    def __init__(
        self,
        constellation: Constellation,
        incomplete: Tensor | None = None,
        work: Tensor | None = None,
    ) -> None:
        self.constellation = constellation
        self.incomplete = incomplete
        self.work = work

    def __repr__(self) -> str:
        *channels, vectors, streams = self.indices().shape
        size = f"{' x '.join(map(str, channels)) or 1} channels, {vectors} vectors a channel"
        wrong = int((~self.finite()).sum())
        not_finite = f", {wrong} vectors not finite" if wrong else ""
        name = type(self).__name__
        return f"{name}({self.constellation.name}: {size}, {streams} streams{not_finite})"

    @abstractmethod
    def indices(self) -> Tensor:
        """Return the indices of the detected points, (*C, T, Nt) int64."""

    @abstractmethod
    def llr(self) -> Tensor:
        """Return the LLRs of all bits, (*C, T, Nt, K) real.

        Where the detector was given priors they are in it: it is that of the posterior.

        Raises:
            NotSoftError: if the detector makes hard decisions only.
        """

    @abstractmethod
    def soft_symbols(self) -> Tensor:
        """Return the posterior means of the symbols, (*C, T, Nt) complex."""

    @abstractmethod
    def finite(self) -> Tensor:
        """Return (*C, T) bool: False where the output is NaN or infinite."""

    def extrinsic_llr(self, prior_llr: Tensor) -> Tensor:
        """Return what the received vectors add to priors that the detector was given.

        Args:
            prior_llr: (*C, T, Nt, K) real; the LLRs that were given to the detector.

        Returns:
            ``llr() - prior_llr``, (*C, T, Nt, K) real: the input of a decoder.
        """
        return self.llr() - prior_llr

    def bits(self) -> Tensor:
        """Return the bits of the detected points, (*C, T, Nt, K) uint8."""
        return self.constellation.indices_to_bits(self.indices())


class GaussianDetection(Detection):
    """A Gaussian estimate of each symbol, x_hat = x + CN(0, error_var).

    Args:
        constellation: of the symbols.
        x_hat: (*C, T, Nt) complex; the estimates.
        error_var: broadcastable to x_hat, real; variance, total over real and imaginary part. A
            real constellation uses half of it.
        demapping: "exact" (log-sum-exp, the default) or "max-log".
        llr_scale: factor of the LLRs, to correct an overconfident model; default 1.
        llr_clip: largest magnitude of a scaled LLR; default None, no limit.
    """

    def __init__(
        self,
        constellation: Constellation,
        x_hat: Tensor,
        error_var: Tensor,
        demapping: str = "exact",
        llr_scale: float = 1.0,
        llr_clip: float | None = None,
    ) -> None:
        super().__init__(constellation)
        self.x_hat = x_hat
        self.error_var = error_var
        self.demapping = demapping
        self.llr_scale = llr_scale
        self.llr_clip = llr_clip

    def indices(self) -> Tensor:
        return symbol_errors.nearest(self.constellation, self.x_hat)

    @in_standard_mode
    def llr(self) -> Tensor:
        llr = linear_kernels.llr(self.constellation, self.x_hat, self.error_var, self.demapping)
        if self.llr_scale != 1:
            llr = llr * self.llr_scale
        return llr if self.llr_clip is None else llr.clamp(-self.llr_clip, self.llr_clip)

    @in_standard_mode
    def soft_symbols(self) -> Tensor:
        c = self.constellation
        return c.posterior(*c.within_range(self.x_hat, self.error_var))[0]

    def finite(self) -> Tensor:
        plain = not torch.compiler.is_compiling()
        if plain and all_finite(self.x_hat.detach()) and all_finite(self.error_var.detach()):
            # Two sums in place of four passes.
            return torch.ones(self.x_hat.shape[:-1], dtype=torch.bool, device=self.x_hat.device)
        return torch.isfinite(self.x_hat).all(-1) & torch.isfinite(self.error_var).all(-1)


class AxisGaussianDetection(Detection):
    """A Gaussian estimate of each real axis, values = axes(x) + N(0, error_var).

    The two axes of a symbol may have different error variances.

    Args:
        constellation: of the symbols.
        values: (*C, T, Nt, A) real; the estimates, A = 2, or 1 for a real constellation.
        error_var: broadcastable to values; the variance of each real axis.
        demapping: "exact" (log-sum-exp, the default) or "max-log".
    """

    def __init__(
        self,
        constellation: Constellation,
        values: Tensor,
        error_var: Tensor,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation)
        self.values = values
        self.error_var = error_var
        self.demapping = demapping

    def indices(self) -> Tensor:
        if self.constellation.is_real and self.constellation.num_levels == 2:
            # The same as the nearest point, by one comparison.
            return (self.values[..., 0] <= 0).to(torch.int64)
        return self.constellation.nearest(self._complex(self.values))

    def bits(self) -> Tensor:
        if self.constellation.num_levels == 2:
            # The upper level of each axis stands for a 0.
            return (self.values <= 0).to(torch.uint8)
        return super().bits()

    @in_standard_mode
    def llr(self) -> Tensor:
        return linear_kernels.axes_llr(
            self.constellation, self.values, self.error_var, self.demapping
        )

    @in_standard_mode
    def soft_symbols(self) -> Tensor:
        c = self.constellation
        bounded = c.within_range(self.values, self.error_var)
        return self._complex(c.axis_posterior(*bounded)[0])

    def finite(self) -> Tensor:
        return (torch.isfinite(self.values) & torch.isfinite(self.error_var)).flatten(-2).all(-1)

    def _complex(self, values: Tensor) -> Tensor:
        if self.constellation.is_real:
            return torch.complex(values[..., 0], torch.zeros_like(values[..., 0]))
        return torch.view_as_complex(values.contiguous())


class LogitDetection(Detection):
    """Log-probabilities of the points, for each symbol.

    Args:
        constellation: of the symbols.
        logits: (*C, T, Nt, M) real, with any offset per symbol.
        demapping: "exact" (log-sum-exp, the default) or "max-log".
        decided: (*C, T, Nt) int64; indices of jointly detected points. Default None: the most
            likely point of each symbol alone.
    """

    def __init__(
        self,
        constellation: Constellation,
        logits: Tensor,
        demapping: str = "exact",
        decided: Tensor | None = None,
    ) -> None:
        super().__init__(constellation)
        self.logits = logits
        self.demapping = demapping
        self.decided = decided

    def indices(self) -> Tensor:
        return self.logits.argmax(-1) if self.decided is None else self.decided.clone()

    @in_standard_mode
    def llr(self) -> Tensor:
        return self.constellation.logits_to_llr(self.logits, self.demapping)

    @in_standard_mode
    def soft_symbols(self) -> Tensor:
        points = self.constellation.points_as(self.logits.dtype.to_complex(), self.logits.device)
        return torch.softmax(self.logits, -1).to(points.dtype) @ points

    def finite(self) -> Tensor:
        return torch.isfinite(self.logits).flatten(-2).all(-1)


class AxisLogitDetection(Detection):
    """Log-probabilities of the levels on each real axis, for each symbol.

    Args:
        constellation: of the symbols.
        logits: (*C, T, Nt, A, L) real, with any offset per axis.
        decided: (*C, T, Nt) int64; indices of jointly detected points.
        demapping: "exact" (log-sum-exp, the default) or "max-log".
        llr: (*C, T, Nt, K) real; LLRs that the detector has already. Default None: computed from
            the logits.
    """

    def __init__(
        self,
        constellation: Constellation,
        logits: Tensor,
        decided: Tensor,
        demapping: str = "exact",
        llr: Tensor | None = None,
    ) -> None:
        super().__init__(constellation)
        self.logits = logits
        self.decided = decided
        self.demapping = demapping
        self._llr = llr

    def indices(self) -> Tensor:
        return self.decided.clone()

    @in_standard_mode
    def llr(self) -> Tensor:
        if self._llr is not None:
            return self._llr.clone()
        return self.constellation.axis_logits_to_llr(self.logits, self.demapping)

    @in_standard_mode
    def soft_symbols(self) -> Tensor:
        axis = self.constellation.axis(self.logits.dtype, self.logits.device)
        values = torch.softmax(self.logits, -1) @ axis.levels
        if self.constellation.is_real:
            return torch.complex(values[..., 0], torch.zeros_like(values[..., 0]))
        return torch.view_as_complex(values)

    def finite(self) -> Tensor:
        return torch.isfinite(self.logits).flatten(-3).all(-1)


class LLRDetection(Detection):
    """LLRs of all bits.

    Args:
        constellation: of the symbols.
        llr: (*C, T, Nt, K) real.
        incomplete: (*C, T) bool, or None; as in ``Detection``.
        work: (*C, T) int64, or None; as in ``Detection``.
        decided: (*C, T, Nt) int64; indices of jointly detected points, below 0 where there is
            none. Default None: each bit is the sign of its LLR.
    """

    def __init__(
        self,
        constellation: Constellation,
        llr: Tensor,
        incomplete: Tensor | None = None,
        work: Tensor | None = None,
        decided: Tensor | None = None,
    ) -> None:
        super().__init__(constellation, incomplete, work)
        self._llr = llr
        self.decided = decided

    def indices(self) -> Tensor:
        if self.decided is None:
            return self.constellation.bits_to_indices(self._llr > 0)
        return self.decided.clamp(min=0)

    @in_standard_mode
    def llr(self) -> Tensor:
        return self._llr.clone()

    @in_standard_mode
    def soft_symbols(self) -> Tensor:
        logits = self.constellation.llr_to_logits(self._llr)
        return LogitDetection(self.constellation, logits).soft_symbols()

    def finite(self) -> Tensor:
        return ~torch.isnan(self._llr).flatten(-2).any(-1)


class HardDetection(Detection):
    """Symbol indices alone, without soft information.

    Args:
        constellation: of the symbols.
        indices: (*C, T, Nt) int64; below 0 where the detector has no valid result.
        incomplete: (*C, T) bool, or None; as in ``Detection``.
        work: (*C, T) int64, or None; as in ``Detection``.
    """

    def __init__(
        self,
        constellation: Constellation,
        indices: Tensor,
        incomplete: Tensor | None = None,
        work: Tensor | None = None,
    ) -> None:
        super().__init__(constellation, incomplete, work)
        self._indices = indices

    def indices(self) -> Tensor:
        return self._indices.clamp(min=0)

    @in_standard_mode
    def llr(self) -> Tensor:
        raise NotSoftError(
            "llr: this detector makes hard decisions only; use a soft one such as "
            "'soft-sphere', 'k-best', 'lmmse' or 'ep'"
        )

    @in_standard_mode
    def soft_symbols(self) -> Tensor:
        return self.constellation.map(self.indices())

    def finite(self) -> Tensor:
        return (self._indices >= 0).all(-1)
