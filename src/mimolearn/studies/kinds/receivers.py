"""What kinds with a decoder share: the parts of a receiver, and its passes of decoder feedback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError, MimolearnError, invalid
from mimolearn.foundation.tensors.state import evaluating
from mimolearn.link.harq import Harq
from mimolearn.plans.chain import ReceiverChain
from mimolearn.plans.quantized import QuantizedDetector
from mimolearn.plans.receiver import Receiver
from mimolearn.quantizers import Quantizer, Statistics

# The decoder is given no larger LLR, so that no sum of them overflows.
MOST_LLR = 1e6
# Detector and decoder exchange LLRs of at most this magnitude.
MOST_FEEDBACK = 20.0


class Parts(NamedTuple):
    """A contender in parts.

    Attributes:
        detector: the plain detector.
        receiver: what stands around it, with the detector's default clip unless it states one.
        quantizer: what its soft bits go through, or None.
        statistics: what its received vectors go through in their place, or None.
    """

    detector: Detector
    receiver: Receiver
    quantizer: Quantizer | None
    statistics: Statistics | None

    @property
    def is_kept(self) -> bool:
        """Whether what it hears goes through a quantiser of either kind."""
        return self.quantizer is not None or self.statistics is not None


class SoftBits(NamedTuple):
    """What a detector said of received vectors; *N is their shape.

    Attributes:
        indices: (*N, Nt) int64; decisions.
        valid: (*N) bool; False where the output was not finite.
        llr: (*N, Nt, K) float32; 0 where not valid.
        incomplete: vectors whose search ended at its limit.
        work: multiplications of a search whose work depends on the data; None for others.
    """

    indices: Tensor
    valid: Tensor
    llr: Tensor
    incomplete: int
    work: int | None


class _Outcome(Protocol):
    @property
    def extrinsic(self) -> Tensor | None: ...


AnyOutcome = TypeVar("AnyOutcome", bound=_Outcome)


def parted(detector: Detector) -> Parts:
    """Take a contender's detector apart."""
    quantizer, statistics, receiver = None, None, Receiver()
    if isinstance(detector, QuantizedDetector):
        if isinstance(detector.quantizer, Statistics):
            statistics = detector.quantizer
        else:
            quantizer = detector.quantizer
        detector = detector.detector
    if isinstance(detector, ReceiverChain):
        detector, receiver = detector.detector, detector.receiver
    if receiver.llr_clip is None and detector.decoding_clip is not None:
        receiver = receiver.model_copy(update={"llr_clip": detector.decoding_clip})
    return Parts(detector, receiver, quantizer, statistics)


def check_receiver(
    label: str, detector: Detector, *, coded: bool, grid: bool, harq: Harq | None
) -> None:
    """Refuse options of a receiver that the link does not have, or that do not go together.

    Args:
        label: of the contender.
        detector: of the contender, with what stands around it.
        coded: whether blocks are decoded.
        grid: whether the link is one over a resource grid.
        harq: retransmissions of blocks, or None.
    """
    try:
        _check_options(detector, coded, grid)
        _check_harq(detector, grid, harq)
    except InvalidInputError as error:
        raise InvalidInputError(f"contender {label!r}: {error}") from None


def _check_options(detector: Detector, coded: bool, grid: bool) -> None:
    parts = parted(detector)
    inner = parts.detector
    chain = detector.detector if isinstance(detector, QuantizedDetector) else detector
    stated = chain.receiver.stated() if isinstance(chain, ReceiverChain) else {}
    if not grid:
        for option in ("estimator", "covariance"):
            if option in stated:
                expected = "nothing: a scenario with [frame] has pilots, this one has csi.error_var"
                raise invalid(option, stated[option], expected)
    if not coded:
        # A quantiser's decisions follow from what it is given.
        kept = {"llr_scale", "llr_clip"} if parts.quantizer is not None else set()
        for option in ("llr_scale", "llr_clip", "passes", "decoder", "decoder_bits"):
            if option in stated and option not in kept:
                expected = "nothing: no decoder follows, a scenario with [coding] has one"
                raise invalid(option, stated[option], expected)
    if coded and grid and not inner.soft:
        raise InvalidInputError(f"{inner.name} has no soft bits to decode")
    passes = stated.get("passes")
    if passes and not inner.takes_prior:
        raise invalid("passes", passes, f"0: {inner.name} takes no priors")
    if passes and parts.is_kept:
        raise invalid("passes", passes, "0 behind a quantizer, whose far end has no y")


def _check_harq(detector: Detector, grid: bool, harq: Harq | None) -> None:
    parts = parted(detector)
    name = None
    if isinstance(detector, QuantizedDetector):
        name = detector.quantizer.name
    if harq is None:
        if grid and name is not None:
            expected = "none over a resource grid without [harq]"
            raise invalid("quantizer", name, expected)
        return
    if parts.receiver.passes:
        expected = "0 with [harq]: feedback serves single transmissions"
        raise invalid("passes", parts.receiver.passes, expected)
    if parts.statistics is not None and harq.combining != "chase":
        expected = "one of soft bits: harq.combining = 'incremental' repeats no symbols"
        raise invalid("quantizer", name, expected)
    if parts.statistics is not None and grid:
        expected = "one of soft bits over a resource grid, where other users' symbols change"
        raise invalid("quantizer", name, expected)


def detected(
    label: str,
    detector: Detector,
    y: Tensor,
    h_hat: Tensor,
    noise_var: Tensor,
    prior_llr: Tensor | None = None,
) -> SoftBits:
    """Detect received vectors.

    Args:
        label: of the contender, for errors.
        detector: the plain detector.
        y: (*C, T, Nr) complex.
        h_hat: (*C, Nr, Nt) complex.
        noise_var: (*C) real.
        prior_llr: (*C, T, Nt, K) real, or None.
    """
    try:
        with evaluating(detector):
            # A detector without priors may take three arguments only.
            given = () if prior_llr is None else (prior_llr,)
            detection = detector(y, h_hat, noise_var, *given)
            indices, finite, llr = detection.indices(), detection.finite(), detection.llr()
    except MimolearnError as error:
        raise InvalidInputError(f"contender {label!r}: {error}") from error
    vectors = *y.shape[:-1], h_hat.shape[-1]
    bits = detector.constellation.bits_per_symbol
    answer = [tuple(t.shape) for t in (indices, finite, llr)]
    if answer != [vectors, vectors[:-1], (*vectors, bits)]:
        shapes = ", ".join(map(str, answer))
        raise InvalidInputError(
            f"contender {label!r}: decided indices, flags and LLRs of shapes {shapes}, "
            f"expected {vectors}, {vectors[:-1]}, {(*vectors, bits)}"
        )
    valid = finite & ~torch.isnan(llr).flatten(-2).any(-1)
    llr = torch.where(valid[..., None, None], llr, torch.zeros_like(llr))
    incomplete, work = detection.incomplete, detection.work
    return SoftBits(
        indices,
        valid,
        llr.to(torch.float32).clamp(-MOST_LLR, MOST_LLR),
        0 if incomplete is None else int(incomplete.sum()),
        None if work is None else int(work.sum()),
    )


def added(soft: SoftBits, prior_llr: Tensor) -> Tensor:
    """What a detector adds to its priors (*N, Nt, K): the LLRs that the decoder gets."""
    extrinsic = soft.llr - prior_llr
    return clipped(torch.where(soft.valid[..., None, None], extrinsic, torch.zeros_like(extrinsic)))


def clipped(llr: Tensor) -> Tensor:
    """Clip LLRs to what detector and decoder exchange."""
    return llr.clamp(-MOST_FEEDBACK, MOST_FEEDBACK)


def after_passes(
    outcomes: list[AnyOutcome],
    passes: int,
    first: Callable[[bool], AnyOutcome],
    again: Callable[[AnyOutcome], AnyOutcome],
) -> AnyOutcome:
    """What is decoded after some passes of feedback.

    Args:
        outcomes: of the passes so far, which receivers with other numbers of passes share; it
            grows.
        passes: how many are wanted.
        first: decodes without priors; its argument says whether feedback is wanted.
        again: one more pass behind an outcome.
    """
    if not outcomes:
        outcomes.append(first(passes > 0))
    elif passes and outcomes[0].extrinsic is None:
        outcomes[0] = first(True)
    while len(outcomes) <= passes:
        outcomes.append(again(outcomes[-1]))
    return outcomes[passes]


def most_passes_first(detectors: Sequence[tuple[str, Detector]]) -> list[int]:
    """Positions of contenders, so that no decoding is done again for the sake of its feedback."""
    passes = [parted(detector).receiver.passes for _, detector in detectors]
    return sorted(range(len(passes)), key=lambda i: -passes[i])
