"""A detector with the receiver around it: its soft bits as the decoder gets them."""

from __future__ import annotations

from typing import final

from torch import Tensor

from mimolearn.detection import Detection
from mimolearn.detectors import Cost, Detector
from mimolearn.foundation.errors import invalid
from mimolearn.plans.quantized import Inner
from mimolearn.plans.receiver import Receiver


class AdjustedDetection(Detection):
    """A detection whose LLRs are scaled, then clipped; its decisions stay as they are.

    Args:
        detection: what the detector returned.
        receiver: with the factor and the limit.
    """

    def __init__(self, detection: Detection, receiver: Receiver) -> None:
        super().__init__(detection.constellation, detection.incomplete, detection.work)
        self._detection = detection
        self._receiver = receiver

    def indices(self) -> Tensor:
        return self._detection.indices()

    def llr(self) -> Tensor:
        return self._receiver.adjusted(self._detection.llr())

    def soft_symbols(self) -> Tensor:
        return self._detection.soft_symbols()

    def finite(self) -> Tensor:
        return self._detection.finite()


@final
class ReceiverChain(Detector):
    """A detector and the options of the receiver around it.

    Choose it to compare receivers on the same draws. Decoder feedback takes place in coded links
    alone, where ``detector`` is called again.
    Cost: the detector's, once.

    Args:
        detector: with soft bits.
        receiver: its options.

    Raises:
        InvalidInputError: for a detector without soft bits.

    >>> import torch
    >>> from mimolearn.detectors import make_detector
    >>> chain = ReceiverChain(make_detector("lmmse", "qpsk"), Receiver(llr_clip=3.0))
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.full((1, 2), 1 + 1j)
    >>> chain(y, h, 0.5).llr()[0, 0].tolist()
    [-3.0, -3.0]
    """

    name = "receiver"
    any_points = True

    def __init__(self, detector: Detector, receiver: Receiver) -> None:
        super().__init__(detector.constellation)
        if not detector.soft:
            option = next(iter(receiver.stated()))
            expected = f"nothing for {detector.name}, which has no soft bits"
            raise invalid(option, receiver.stated()[option], expected)
        self.detector = detector
        self.receiver = receiver
        self.rotation_invariant = detector.rotation_invariant

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        self.detector._check_size(num_rx_ant, num_tx_ant)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Inner:
        return Inner(self.detector.prepare(h, noise_var))

    def _detect(self, prepared: Inner, y: Tensor) -> AdjustedDetection:
        return AdjustedDetection(self.detector.detect(prepared.prepared, y), self.receiver)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return self.detector.cost(num_rx_ant, num_tx_ant)
