"""A detector whose soft bits went through a quantiser: what the far end of a narrow pipe gets."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import Detection, LLRDetection
from mimolearn.detectors import Cost, Detector
from mimolearn.detectors.text import split_text
from mimolearn.foundation.errors import check_one_of, invalid
from mimolearn.plans.identity import UNTRAINED
from mimolearn.quantizers import Quantizer, Statistics, make_quantizer
from mimolearn.quantizers.trained import load_quantizer


def read_quantizer(text: str, constellation: Constellation | str) -> Quantizer | Statistics:
    """Build or load a quantiser as a contender names it.

    Args:
        text: name or file of trained weights, or a scheme that needs none with its options:
            "uniform:bits=4;clip=12", "statistics:step=1".
        constellation: of the LLRs; weights have one of their own.

    Raises:
        InvalidInputError: one line, for an unknown name or option.

    >>> read_quantizer("uniform:bits=2;clip=8", "qpsk").bits_per_llr
    2.0
    """
    name, given = split_text(text)
    options: dict[str, Any] = dict(given)
    if name == Statistics.name:
        for option in options:
            check_one_of(f"option of quantizer {name!r}", option, Statistics.option_names())
        return Statistics(**options)
    if name in UNTRAINED:
        return make_quantizer(name, constellation, **options)
    return load_quantizer(text)


class Inner(NamedTuple):
    """The state of a detector around another one.

    Attributes:
        prepared: what the inner detector prepared.
    """

    prepared: Any


@final
class QuantizedDetector(Detector):
    """A detector and a quantiser behind it; decisions are the signs of what is decoded.

    Choose it to compare quantisers on the same draws. Where blocks are transmitted again only what
    is kept of earlier transmissions goes through the quantiser. ``Statistics`` quantises received
    vectors in place of soft bits, and the far end detects.
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

    def __init__(self, detector: Detector, quantizer: Quantizer | Statistics) -> None:
        super().__init__(detector.constellation)
        of_llrs = isinstance(quantizer, Quantizer)
        if of_llrs and quantizer.constellation != detector.constellation:
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
        if isinstance(self.quantizer, Statistics):
            return Inner((h, noise_var))
        return Inner(self.detector.prepare(h, noise_var))

    def _detect(self, prepared: Inner, y: Tensor) -> Detection:
        if isinstance(self.quantizer, Statistics):
            h, noise_var = prepared.prepared
            return self._from_statistics(h, noise_var, y)
        detection = self.detector.detect(prepared.prepared, y)
        llr = detection.llr()
        missing = torch.isnan(llr)
        kept = self.quantizer.through(torch.where(missing, 0.0, llr))
        kept = torch.where(missing, torch.nan, kept)
        return LLRDetection(self.constellation, kept, detection.incomplete, detection.work)

    def _from_statistics(self, h: Tensor, noise_var: Tensor, y: Tensor) -> Detection:
        assert isinstance(self.quantizer, Statistics)
        flat = h.reshape(-1, *h.shape[-2:]), y.reshape(-1, *y.shape[-2:]), noise_var.reshape(-1)
        kept = self.quantizer.decode(self.quantizer.encode(*flat))
        kept_h = kept.h.reshape(*h.shape[:-2], *kept.h.shape[1:])
        kept_y = kept.y.reshape(*y.shape[:-2], *kept.y.shape[1:])
        return self.detector.detect(self.detector.prepare(kept_h, 1.0), kept_y)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return self.detector.cost(num_rx_ant, num_tx_ant)
