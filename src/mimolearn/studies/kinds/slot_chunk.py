"""A chunk of slots, and what receivers make of it; whatever several receivers share is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors import Detector
from mimolearn.link.coding import Coding, Decoding
from mimolearn.link.estimators import Estimator
from mimolearn.link.harq import Harq
from mimolearn.link.slot_codes import DecodedStreams, SlotBits, SlotCode
from mimolearn.link.slots import Observed, Received, SlotLink, SlotReceiver
from mimolearn.plans.receiver import Receiver
from mimolearn.quantizers import Quantizer
from mimolearn.studies.kinds.receivers import SoftBits, added, after_passes, clipped, detected


class Outcome(NamedTuple):
    """What a receiver decoded.

    Attributes:
        info: (N, U, B, k) uint8.
        passed: (N, U, B) bool; what the receiver takes for right.
        iterations: (N, U) int64; decoder iterations of all passes.
        runs: decoder runs of all passes.
        extrinsic: (N, U, G) float32; what the decoder said of the transmitted bits beyond what it
            was given; None without feedback.
    """

    info: Tensor
    passed: Tensor
    iterations: Tensor
    runs: int
    extrinsic: Tensor | None


class Delivered(NamedTuple):
    """What a receiver made of N slots in the end.

    Attributes:
        outcome: what was decoded.
        lost: (N) bool; whether a vector that was needed had no finite output.
        resent: blocks that were transmitted again after each transmission but the last; empty
            without HARQ.
    """

    outcome: Outcome
    lost: Tensor
    resent: tuple[int, ...]


class Spent(NamedTuple):
    """Processor time of receivers on a chunk, s."""

    estimate: float = 0.0
    detect: float = 0.0
    decode: float = 0.0


class SlotChunk:
    """Slots that were sent, and what receivers make of them.

    Args:
        link: the link.
        code: of its bits.
        points: the constellation.
        bits: what was sent.
        received: what arrived.
        front: makes the receiver of an estimator, kept over chunks of one SNR.
        harq: retransmissions, or None.
        coding: of block codes, or None.
        transmit: draws the slots of one more transmission; its argument is the number, from 1 in
            sequence.

    Attributes:
        spent: processor time of all that was computed, on this thread.
    """

    def __init__(
        self,
        link: SlotLink,
        code: SlotCode,
        points: Constellation,
        bits: SlotBits,
        received: Received,
        front: Callable[[Estimator], SlotReceiver],
        harq: Harq | None = None,
        coding: Coding | None = None,
        transmit: Callable[[int], Received] | None = None,
    ) -> None:
        self.link, self.code, self.bits, self.received = link, code, bits, received
        self._points, self._front = points, front
        self._harq, self._coding, self._transmit = harq, coding, transmit
        self._later: list[Received] = []
        self._observed: dict[tuple[str, int], tuple[SlotReceiver, Observed]] = {}
        self._soft: dict[tuple[str, int], SoftBits] = {}
        self._outcomes: dict[tuple[str, int, str], list[Outcome]] = {}
        self.spent = Spent()

    def again(self) -> SlotChunk:
        """The same slots, of which nothing has been computed."""
        parts = self.link, self.code, self._points, self.bits, self.received, self._front
        return SlotChunk(*parts, self._harq, self._coding, self._transmit)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        begin = time.thread_time()
        yield
        spent = getattr(self.spent, part) + time.thread_time() - begin
        self.spent = self.spent._replace(**{part: spent})

    def observed(self, estimator: Estimator, number: int = 0) -> tuple[SlotReceiver, Observed]:
        """What an estimator hands to detectors.

        Args:
            estimator: of the channels.
            number: of the transmission, from 0 for the first; default 0.
        """
        key = estimator.model_dump_json(), number
        if key not in self._observed:
            front, received = self._front(estimator), self._received(number)
            with self._timed("estimate"):
                self._observed[key] = front, front.observe(received)
        return self._observed[key]

    def _received(self, number: int) -> Received:
        while len(self._later) < number:
            assert self._transmit is not None
            self._later.append(self._transmit(len(self._later) + 1))
        return self._later[number - 1] if number else self.received

    def soft_bits(self, label: str, detector: Detector, estimator: Estimator) -> SoftBits:
        """The soft bits of a detector, before scale and clip."""
        key = estimator.model_dump_json(), id(detector)
        if key not in self._soft:
            front, observed = self.observed(estimator)
            with self._timed("detect"):
                call = observed.y, observed.h_hat, observed.noise_var
                self._soft[key] = _at_data(front, detected(label, detector, *call))
        return self._soft[key]

    def outcome(
        self, label: str, detector: Detector, receiver: Receiver, estimator: Estimator
    ) -> Outcome:
        """What is decoded after the receiver's passes of feedback."""
        rest = receiver.model_copy(update={"passes": 0}).model_dump_json()
        key = estimator.model_dump_json(), id(detector), rest
        soft = self.soft_bits(label, detector, estimator)
        return after_passes(
            self._outcomes.setdefault(key, []),
            receiver.passes,
            lambda feedback: self._decoded(soft.llr, receiver, feedback=feedback),
            lambda before: self._again(before, label, detector, receiver, estimator),
        )

    def _decoded(self, llr: Tensor, receiver: Receiver, *, feedback: bool) -> Outcome:
        streams = self._streams(receiver.adjusted(llr))
        num, users = streams.shape[:2]
        rows = torch.arange(users).repeat(num)
        with self._timed("decode"):
            decoded = self.code.decode(
                streams.flatten(0, 1), rows, feedback=feedback, decoding=self._decoding(receiver)
            )
        shape = (num, users)
        extrinsic = decoded.extrinsic
        return Outcome(
            decoded.info.unflatten(0, shape),
            decoded.passed.unflatten(0, shape),
            decoded.iterations.unflatten(0, shape),
            num * users * self.code.code_blocks,
            None if extrinsic is None else clipped(extrinsic).unflatten(0, shape),
        )

    def _again(
        self,
        before: Outcome,
        label: str,
        detector: Detector,
        receiver: Receiver,
        estimator: Estimator,
    ) -> Outcome:
        """One more pass: only slots with a failed block, and of these only streams that failed."""
        assert before.extrinsic is not None
        failed = ~before.passed.all(-1)
        slots = failed.any(-1).nonzero()[:, 0]
        if not len(slots):
            return before
        front, observed = self.observed(estimator)
        y, h_hat, noise_var = self._of_slots(observed, slots)
        prior = self._layers(before.extrinsic[slots])
        prior_llr = front.from_data(prior)
        with self._timed("detect"):
            soft = _at_data(front, detected(label, detector, y, h_hat, noise_var, prior_llr))
        streams = self._streams(receiver.adjusted(added(soft, prior)))
        rows = failed[slots].nonzero()
        failing = streams[rows[:, 0], rows[:, 1]]
        with self._timed("decode"):
            decoded = self.code.decode(
                failing, rows[:, 1], feedback=True, decoding=self._decoding(receiver)
            )
        assert decoded.extrinsic is not None
        return _replaced(before, slots[rows[:, 0]], rows[:, 1], decoded, self.code.code_blocks)

    def delivered(
        self,
        label: str,
        detector: Detector,
        receiver: Receiver,
        estimator: Estimator,
        quantizer: Quantizer | None = None,
    ) -> Delivered:
        """What is decoded in the end, after retransmissions where there are any.

        A user whose blocks failed transmits them again in a later slot, next to the other users. A
        CRC tells which ones failed; a perfect check stands for it where the code has none.

        Args:
            label: of the contender, for errors.
            detector: the plain detector.
            receiver: what stands around it.
            estimator: of the channels.
            quantizer: what soft bits are kept through; default None, as they are.
        """
        outcome = self.outcome(label, detector, receiver, estimator)
        soft = self.soft_bits(label, detector, estimator)
        lost = ~soft.valid.all(1)
        if self._harq is None:
            return Delivered(outcome, lost, ())
        resent = [0] * (self._harq.transmissions - 1)
        outcome = self._checked(outcome)
        rows = (~outcome.passed.all(-1)).nonzero()
        llr, kept = receiver.adjusted(soft.llr), list[Tensor]()
        slots = torch.arange(len(llr))
        for number in range(1, self._harq.transmissions):
            if not len(rows):
                break
            resent[number - 1] = int((~outcome.passed[rows[:, 0], rows[:, 1]]).sum())
            kept = self._kept(kept, llr, slots, rows, quantizer)
            slots = rows[:, 0].unique()
            front, observed = self.observed(estimator, number)
            with self._timed("detect"):
                call = self._of_slots(observed, slots)
                again = _at_data(front, detected(label, detector, *call))
            lost[slots] |= ~again.valid.all(1)
            llr = receiver.adjusted(again.llr)
            at = torch.searchsorted(slots, rows[:, 0].contiguous())
            fresh = self._streams(llr)[at, rows[:, 1]]
            with self._timed("decode"):
                decoded = self.code.decode(
                    fresh, rows[:, 1], earlier=kept, decoding=self._decoding(receiver)
                )
            decoded = _beside(outcome, rows, decoded)
            outcome = _replaced(outcome, rows[:, 0], rows[:, 1], decoded, self.code.code_blocks)
            outcome = self._checked(outcome)
            failed = ~outcome.passed[rows[:, 0], rows[:, 1]].all(-1)
            rows, kept = rows[failed], [one[failed] for one in kept]
            # What was heard last is of slots that may hold no failed block now.
            slots, llr = self._still_failing(slots, llr, rows)
        return Delivered(outcome, lost, tuple(resent))

    def _decoding(self, receiver: Receiver) -> Decoding | None:
        return receiver.decoding_for(self._coding)

    def _checked(self, outcome: Outcome) -> Outcome:
        """With what the receiver takes for right where blocks are transmitted again."""
        if self.code.has_crc:
            return outcome
        return outcome._replace(passed=(outcome.info == self.bits.info).all(-1))

    def _still_failing(self, slots: Tensor, llr: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        remain = torch.isin(slots, rows[:, 0])
        return slots[remain], llr[remain]

    def _kept(
        self,
        kept: list[Tensor],
        llr: Tensor,
        slots: Tensor,
        rows: Tensor,
        quantizer: Quantizer | None,
    ) -> list[Tensor]:
        """LLRs (M, G) of failed streams that wait for the next transmission.

        Args:
            kept: (M, G) each; of earlier transmissions.
            llr: (n, D, S, K) real; of the latest one.
            slots: (n) int64; the slots that llr is of, ascending.
            rows: (M, 2) int64; slot and user of failed streams.
            quantizer: what LLRs are kept through.
        """
        assert self._harq is not None
        at = torch.searchsorted(slots, rows[:, 0].contiguous()), rows[:, 1]
        if self._harq.combining == "chase" and kept:
            streams = self._streams(llr).clone()
            streams[at] += kept[0]
            llr, kept = self._layers(streams), []
        if quantizer is not None:
            llr = quantizer.through(llr)
        return [*kept, self._streams(llr)[at]]

    def _of_slots(self, observed: Observed, slots: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors, channels and noise variances of some slots."""
        num = len(self.received.y)
        y, h_hat, noise_var = (
            tensor.unflatten(0, (num, -1))[slots].flatten(0, 1) for tensor in observed[:3]
        )
        return y, h_hat, noise_var

    def _streams(self, llr: Tensor) -> Tensor:
        """(N, D, S, K) to (N, U, G)."""
        return self.link.grid.to_codewords(llr).contiguous()

    def _layers(self, streams: Tensor) -> Tensor:
        """(N, U, G) to (N, D, S, K)."""
        bits = self._points.bits_per_symbol
        return self.link.grid.to_layers(streams.unflatten(-1, (-1, bits)))


def _at_data(front: SlotReceiver, soft: SoftBits) -> SoftBits:
    """Soft bits of the data elements, (N, D, S, K)."""
    indices, valid, llr = (front.to_data(tensor) for tensor in soft[:3])
    return soft._replace(indices=indices, valid=valid, llr=llr)


def _beside(before: Outcome, rows: Tensor, decoded: DecodedStreams) -> DecodedStreams:
    """Leave blocks of a failed stream that were right before as they were."""
    info, passed = (tensor[rows[:, 0], rows[:, 1]] for tensor in before[:2])
    info = torch.where(passed[..., None], info, decoded.info)
    return decoded._replace(info=info, passed=passed | decoded.passed)


def _replaced(
    before: Outcome, slots: Tensor, users: Tensor, decoded: DecodedStreams, code_blocks: int
) -> Outcome:
    """Put the streams that were decoded again in the place of their earlier ones."""
    info, passed, iterations = (t.clone() for t in before[:3])
    extrinsic = before.extrinsic
    if extrinsic is not None and decoded.extrinsic is not None:
        extrinsic = extrinsic.clone()
        extrinsic[slots, users] = clipped(decoded.extrinsic)
    info[slots, users], passed[slots, users] = decoded.info, decoded.passed
    iterations[slots, users] += decoded.iterations
    return Outcome(info, passed, iterations, before.runs + len(slots) * code_blocks, extrinsic)


def estimate_errors(chunk: SlotChunk, estimator: Estimator) -> np.ndarray:
    """Compute the mean square errors of the estimates of each slot relative to the channels' power.

    Returns:
        (2, N) float64; as they are, and as the estimator claims.
    """
    _, observed = chunk.observed(estimator)
    measured = observed.squared_error.double()
    powers = torch.tensor(chunk.link.powers, dtype=torch.float64)
    both = (measured, observed.error_var.double().expand(measured.shape))
    return torch.stack([(part / powers).mean((1, 2)) for part in both]).numpy()
