"""Blocks of a coded link, and what receivers make of them; what several of them share is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.detectors import Detector
from mimolearn.link.codes import CodedLink, CodedSymbols
from mimolearn.link.scenario import Block
from mimolearn.plans.receiver import Receiver
from mimolearn.quantizers import Quantizer
from mimolearn.studies.kinds.chunk import batch_channels
from mimolearn.studies.kinds.receivers import (
    Parts,
    SoftBits,
    added,
    after_passes,
    clipped,
    detected,
)


class Sent(NamedTuple):
    """One transmission: what arrived, and (N) bool where a channel was unusable."""

    block: Block
    bad: Tensor


class Outcome(NamedTuple):
    """What a receiver decoded of W blocks.

    Attributes:
        info: (W, k) uint8; information bits.
        passed: (W) bool; whether the decoder ended in a codeword.
        extrinsic: (W, S) float32; what the decoder said of the sent bits beyond what it was given;
            None without feedback.
    """

    info: Tensor
    passed: Tensor
    extrinsic: Tensor | None


class CodedChunk:
    """Blocks that were sent, and what receivers make of them.

    Args:
        link: the link.
        symbols: what was sent.
        sent: each transmission of it.
    """

    def __init__(self, link: CodedLink, symbols: CodedSymbols, sent: Sequence[Sent]) -> None:
        self.link, self.symbols, self._sent = link, symbols, sent
        self._soft: dict[int, list[SoftBits]] = {}
        self._outcomes: dict[tuple[int, str], list[Outcome]] = {}

    def soft_bits(self, label: str, detector: Detector) -> list[SoftBits]:
        """The soft bits (N, T, Nt, K) of each transmission, before scale and clip."""
        if id(detector) not in self._soft:
            self._soft[id(detector)] = [self._heard(label, detector, one) for one in self._sent]
        return self._soft[id(detector)]

    def stored(self, label: str, parts: Parts) -> Tensor:
        """The LLRs (W, S) of the first transmission as the receiver keeps them."""
        soft = self.soft_bits(label, parts.detector)[0]
        llr = self._blocks(parts.receiver.adjusted(soft.llr))
        return llr if parts.quantizer is None else self._kept(llr, soft.valid, parts.quantizer)

    def info(self, label: str, parts: Parts, stored: Tensor) -> Tensor:
        """The information bits (W, k) that are decoded in the end.

        Args:
            label: of the contender, for errors.
            parts: of the contender.
            stored: (W, S) real; as ``stored`` returns them.
        """
        detector, receiver = parts.detector, parts.receiver
        if parts.quantizer is None and len(self._sent) == 1:
            return self._outcome(label, detector, receiver, stored).info
        info = self.link.decode(stored).info
        for soft in self.soft_bits(label, detector)[1:]:
            failed = (info != self.symbols.info).any(1)
            fresh = self._blocks(receiver.adjusted(soft.llr))
            info[failed] = self.link.decode((stored + fresh)[failed]).info
        return info

    def _outcome(self, label: str, detector: Detector, receiver: Receiver, llr: Tensor) -> Outcome:
        rest = receiver.model_copy(update={"passes": 0}).model_dump_json()
        return after_passes(
            self._outcomes.setdefault((id(detector), rest), []),
            receiver.passes,
            lambda feedback: self._decoded(llr, feedback=feedback),
            lambda before: self._again(before, label, detector, receiver),
        )

    def _decoded(self, llr: Tensor, *, feedback: bool) -> Outcome:
        decoded = self.link.decode(llr, feedback=feedback)
        extrinsic = None if decoded.extrinsic is None else clipped(decoded.extrinsic)
        return Outcome(decoded.info, decoded.found, extrinsic)

    def _again(
        self, before: Outcome, label: str, detector: Detector, receiver: Receiver
    ) -> Outcome:
        """One more pass of the blocks whose decoder did not end in a codeword."""
        failed = (~before.passed).nonzero()[:, 0]
        if not len(failed):
            return before
        info, passed, extrinsic = before
        assert extrinsic is not None
        prior = self._vectors(extrinsic[failed])
        of_blocks = torch.arange(self.link.channels_per_block)
        channels = (failed[:, None] * self.link.channels_per_block + of_blocks).flatten()
        soft = self._heard(label, detector, self._sent[0], channels, prior)
        after = self._decoded(self._blocks(receiver.adjusted(added(soft, prior))), feedback=True)
        assert after.extrinsic is not None
        info, passed, extrinsic = info.clone(), passed.clone(), extrinsic.clone()
        info[failed], passed[failed], extrinsic[failed] = after.info, after.passed, after.extrinsic
        return Outcome(info, passed, extrinsic)

    def _heard(
        self,
        label: str,
        detector: Detector,
        sent: Sent,
        channels: Tensor | None = None,
        prior_llr: Tensor | None = None,
    ) -> SoftBits:
        """Detect channels of a transmission, all or those listed, some at a time."""
        block, bad = sent.block, sent.bad
        inputs = [block.y, block.h_hat, block.noise_var, bad]
        if channels is not None:
            inputs = [tensor[channels] for tensor in inputs]
        step, results = batch_channels(self.link.scenario), []
        for start in range(0, len(inputs[0]), step):
            part = slice(start, start + step)
            prior = None if prior_llr is None else prior_llr[part]
            y, h_hat, noise_var = (tensor[part] for tensor in inputs[:3])
            results.append(detected(label, detector, y, h_hat, noise_var, prior))
        indices, valid, llr = (torch.cat(column) for column in list(zip(*results, strict=True))[:3])
        valid = valid & ~inputs[3][:, None]
        llr = torch.where(valid[..., None, None], llr, torch.zeros_like(llr))
        works = [result.work for result in results if result.work is not None]
        work = sum(works) if len(works) == len(results) else None
        return SoftBits(indices, valid, llr, sum(one.incomplete for one in results), work)

    def _blocks(self, llr: Tensor) -> Tensor:
        """(N, T, Nt, K) to (W, S)."""
        return llr.reshape(-1, self.link.num_sent)

    def _vectors(self, llr: Tensor) -> Tensor:
        """(W, S) to (N, T, Nt, K)."""
        scenario = self.link.scenario
        bits = scenario.points().bits_per_symbol
        return llr.reshape(-1, scenario.channel_reuse, scenario.num_tx_ant, bits)

    def _kept(self, llr: Tensor, valid: Tensor, quantizer: Quantizer) -> Tensor:
        """(W, S) LLRs behind the quantiser, which sees them use by use; 0 where not valid."""
        kept = quantizer.through(self._vectors(llr).flatten(0, 1))
        kept = torch.where(valid.reshape(-1, 1, 1), kept, torch.zeros_like(kept))
        return kept.reshape(llr.shape)
