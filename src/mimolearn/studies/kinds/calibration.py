"""Factors of soft bits that are fitted, ``llr_scale = "fitted"``: once for each receiver and SNR.

They are fitted on a chunk of their own, which no result counts, so that a factor knows nothing of
the blocks that it is judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from mimolearn.detectors import Detector
from mimolearn.plans.chain import ReceiverChain
from mimolearn.plans.quantized import QuantizedDetector
from mimolearn.plans.receiver import FITTED
from mimolearn.results.llrs.check import best_scale
from mimolearn.studies.kinds.receivers import Parts, parted

CALIBRATION_CHUNK = -1
"""Number of the chunk that factors are fitted on; counted ones start at 0."""

Fit = Callable[[str, Parts], tuple[Tensor, Tensor]]
"""From label and parts of a contender: LLRs of the calibration chunk before scale, sent bits."""


class FittedScales:
    """Factors that were fitted so far."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], float] = {}

    def resolved(
        self, snr: str, detectors: Sequence[tuple[str, Detector]], make: Callable[[], Fit]
    ) -> list[tuple[str, Detector]]:
        """Contenders with numbers in place of "fitted".

        Args:
            snr: canonical.
            detectors: (label, detector) of each.
            make: draws the calibration chunk, where it is needed.
        """
        fit: Fit | None = None
        resolved = []
        for label, detector in detectors:
            parts = parted(detector)
            if parts.receiver.llr_scale == FITTED:
                key = snr, label
                if key not in self._known:
                    fit = make() if fit is None else fit
                    llr, sent = fit(label, parts)
                    scale = best_scale(llr.double().numpy(), sent.double().numpy())
                    # What a fit on some thousand bits can tell.
                    self._known[key] = float(f"{scale:.3g}")
                detector = _scaled(detector, self._known[key])
            resolved.append((label, detector))
        return resolved


def _scaled(detector: Detector, scale: float) -> Detector:
    if isinstance(detector, QuantizedDetector):
        return QuantizedDetector(_scaled(detector.detector, scale), detector.quantizer)
    assert isinstance(detector, ReceiverChain)
    receiver = detector.receiver.model_copy(update={"llr_scale": scale})
    return ReceiverChain(detector.detector, receiver)
