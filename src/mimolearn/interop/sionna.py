"""Detectors of this library in Sionna's simulations, as callables (y, h, s)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisGaussianDetection, Detection, GaussianDetection, LogitDetection
from mimolearn.detectors import Detector
from mimolearn.detectors.text import detector_from_text
from mimolearn.foundation.errors import check_bool, check_finite, check_one_of, check_shape, invalid
from mimolearn.foundation.tensors.linalg import cholesky


class White(NamedTuple):
    """A link whose noise has covariance I.

    Attributes:
        y: (*C, M) complex.
        h: (*C, M, S) complex.
    """

    y: Tensor
    h: Tensor


class SionnaDetector:
    """A detector of this library with the signature of Sionna's detectors.

    Choose it as the ``detector`` of ``sionna.phy.ofdm.OFDMDetector``, or wherever Sionna takes a
    MIMO detector. Call it as ``detector(y, h, s)`` with y (*C, M), h (*C, M, S) and the covariance
    of the noise s (*C, M, M), all complex; each y has a separate channel. It returns bits
    (*C, S, K), logits (*C, S, points), or hard symbols (*C, S).

    The noise is whitened by the Cholesky factor of s = L L^H: L^-1 y = L^-1 H x + w, and w has
    covariance I, which is noise_var = 1. Both libraries define LLRs as ln P(b=1)/P(b=0) and labels
    by TS 38.211. BPSK is not in Sionna's QAM family: use a custom constellation with points
    {+1, -1}. Whitening takes M^3/3 + M^2 (S + 1) complex multiplications.

    Args:
        detector: a Detector, or text with a name, options or trained weights ("tap-net-any").
        constellation: a Constellation or its name; needed for text.
        output: "bit" (default), or "symbol" for logits of the points.
        hard_out: hard values, bits as floats and symbols as int32; default False.

    Raises:
        InvalidInputError: for shapes that do not fit, entries that are not finite, or an s that is
            not positive definite.
        NotSoftError: if a detector of hard decisions should give soft values.

    >>> h, s = torch.eye(2, dtype=torch.complex64), 0.1 * torch.eye(2, dtype=torch.complex64)
    >>> y = torch.tensor([1 + 1j, 1 - 1j], dtype=torch.complex64)
    >>> SionnaDetector("lmmse", "qpsk", hard_out=True)(y, h, s).tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """

    def __init__(
        self,
        detector: Detector | str,
        constellation: Constellation | str | None = None,
        *,
        output: str = "bit",
        hard_out: bool = False,
    ) -> None:
        if isinstance(detector, str):
            if constellation is None:
                raise invalid("constellation", None, f"that of the detector {detector!r}")
            detector = detector_from_text(detector, constellation)
        self.detector = detector.eval()
        self.output = check_one_of("output", output, ("bit", "symbol"))
        self.hard_out = check_bool("hard_out", hard_out)

    def __call__(self, y: Tensor, h: Tensor, s: Tensor) -> Tensor:
        y, h = whiten(y, h, s)
        blocks = y.shape[:-1]
        # One block axis for the batch, OFDM symbols and subcarriers of Sionna.
        detection = self.detector(y.reshape(-1, 1, y.shape[-1]), h.reshape(-1, *h.shape[-2:]), 1.0)
        output = self._output(detection).squeeze(1)
        return output.reshape(*blocks, *output.shape[1:])

    def _output(self, detection: Detection) -> Tensor:
        if self.output == "bit":
            return detection.bits().to(torch.float32) if self.hard_out else detection.llr()
        if self.hard_out:
            return detection.indices().to(torch.int32)
        return _symbol_logits(detection)


def _symbol_logits(detection: Detection) -> Tensor:
    """Return log-probabilities of the points, (*C, T, Nt, points), with any offset."""
    c = detection.constellation
    if isinstance(detection, LogitDetection):
        return detection.logits
    if isinstance(detection, GaussianDetection):
        variance = detection.error_var.unsqueeze(-1).unsqueeze(-1) / 2
        return _axis_metric(c, c.axes(detection.x_hat), variance)
    if isinstance(detection, AxisGaussianDetection):
        return _axis_metric(c, detection.values, detection.error_var.unsqueeze(-2))
    return c.llr_to_logits(detection.llr())


def _axis_metric(constellation: Constellation, values: Tensor, variance: Tensor) -> Tensor:
    """Compute log-probabilities from values (..., A) of variance (..., 1, A or 1)."""
    points = constellation.axes(constellation.points_as(values.dtype.to_complex(), values.device))
    return -((values.unsqueeze(-2) - points).square() / (2 * variance)).sum(-1)


def whiten(y: Tensor, h: Tensor, s: Tensor) -> White:
    """Compute L^-1 y and L^-1 h for noise of covariance s = L L^H, as ``SionnaDetector`` does.

    Args:
        y: (*C, M) complex; received.
        h: (*C, M, S) complex; the channels.
        s: (*C, M, M) complex; covariance of the noise.

    Raises:
        InvalidInputError: shapes that do not fit, or a matrix that is no covariance.
    """
    for field, tensor, least in (("y", y, 1), ("h", h, 2), ("s", s, 2)):
        check_shape(field, tensor, "(*C, M, ...)", tensor.ndim >= least)
        if not tensor.is_complex():
            raise invalid(field, f"<dtype {tensor.dtype}>", "a complex dtype")
    antennas = y.shape[-1]
    fitting = f"(*C, M, S) with (*C, M) = {tuple(y.shape)} as in y"
    check_shape("h", h, fitting, h.shape[:-1] == y.shape)
    square = f"(*C, M, M) = {(*y.shape, antennas)}"
    check_shape("s", s, square, s.shape == (*y.shape, antennas))
    check_finite("s", s)
    factor = cholesky(s)
    if bool(torch.isnan(factor.real).any()):
        raise invalid("s", "<a matrix that is not positive definite>", "covariance matrices")
    both = torch.cat([h, y.unsqueeze(-1)], -1)
    white = torch.linalg.solve_triangular(factor, both, upper=False)
    return White(white[..., -1], white[..., :-1])
