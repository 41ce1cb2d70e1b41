"""A detector whose soft bits went through a quantiser: what the far end of a narrow pipe gets."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from mimolearn.detection import LLRDetection
from mimolearn.detectors import Cost, Detector
from mimolearn.foundation.errors import invalid
from mimolearn.quantizers import Quantizer


class Inner(NamedTuple):
    """The state of a detector around another one.

    Attributes:
        prepared: what the inner detector prepared.
    """

    prepared: Any


@final
class QuantizedDetector(Detector):
    """A detector and a quantiser behind it; decisions are the signs of what is decoded.

    Choose it to compare quantisers on the same draws. On a link of two transmissions only the
    stored soft bits go through the quantiser.
    Cost: the detector's; the quantiser's is not counted.

    >>> from mimolearn.detectors import make_detector
    >>> from mimolearn.quantizers import make_quantizer
    >>> detector = make_detector("lmmse", "qpsk")
    >>> coarse = QuantizedDetector(detector, make_quantizer("uniform", "qpsk", bits=2, clip=8.0))
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> coarse(y, h, 0.5).llr()[0, 0].tolist()
    [-6.0, 2.0]
    """

    name = "quantized"
    any_points = True

    def __init__(self, detector: Detector, quantizer: Quantizer) -> None:
        super().__init__(detector.constellation)
        if quantizer.constellation != detector.constellation:
            expected = f"the detector's, {detector.constellation}"
            raise invalid("constellation of the quantizer", quantizer.constellation, expected)
        if not detector.soft:
            raise invalid("detector", f"<{detector.name}>", "one with soft bits for the quantizer")
        self.detector = detector
        self.rotation_invariant = detector.rotation_invariant
        self.quantizer = quantizer

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        self.detector._check_size(num_rx_ant, num_tx_ant)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Inner:
        return Inner(self.detector.prepare(h, noise_var))

    def _detect(self, prepared: Inner, y: Tensor) -> LLRDetection:
        detection = self.detector.detect(prepared.prepared, y)
        llr = detection.llr()
        missing = torch.isnan(llr)
        kept = self.quantizer.through(torch.where(missing, 0.0, llr))
        kept = torch.where(missing, torch.nan, kept)
        return LLRDetection(self.constellation, kept, detection.incomplete, detection.work)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return self.detector.cost(num_rx_ant, num_tx_ant)
