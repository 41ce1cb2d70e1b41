"""Blocks of a coded link, and what receivers make of them; what several of them share is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.detectors import Detector
from mimolearn.link.codes import CodedLink, CodedSymbols
from mimolearn.link.scenario import Block
from mimolearn.plans.receiver import Receiver
from mimolearn.quantizers import Quantizer, Statistics
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


class Inputs(NamedTuple):
    """What a detector gets of N channels.

    Attributes:
        y: (N, T, Nr) complex; received vectors.
        h_hat: (N, Nr, Nt) complex; the channels as the receiver knows them.
        noise_var: (N) real.
        bad: (N) bool; whether the channel was unusable.
    """

    y: Tensor
    h_hat: Tensor
    noise_var: Tensor
    bad: Tensor

    def at(self, channels: Tensor) -> Inputs:
        """Those of some channels; channels: (M) int64."""
        return Inputs(*(tensor[channels] for tensor in self))


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


class Stored(NamedTuple):
    """What a receiver has of W blocks after their first transmission.

    Attributes:
        llr: (W, S) real; soft bits, as they are kept where there is a quantiser.
        bits: entropy of the quantiser's codes, bits; 0 without one.
    """

    llr: Tensor
    bits: float


class Delivered(NamedTuple):
    """What a receiver made of W blocks in the end.

    Attributes:
        info: (W, k) uint8; information bits.
        lost: (W) bool; whether a vector of the block had no finite output.
        resent: blocks that were transmitted again after each transmission but the last.
    """

    info: Tensor
    lost: Tensor
    resent: tuple[int, ...]


class CodedChunk:
    """Blocks that were sent, and what receivers make of them.

    Args:
        link: the link.
        symbols: what was sent first.
        transmit: draws one more transmission; its argument is the number, from 0 in sequence.
    """

    def __init__(
        self, link: CodedLink, symbols: CodedSymbols, transmit: Callable[[int], Sent]
    ) -> None:
        self.link, self.symbols, self._transmit = link, symbols, transmit
        self._sent: list[Sent] = []
        self._soft: dict[int, SoftBits] = {}
        self._outcomes: dict[tuple[int, str], list[Outcome]] = {}

    def soft_bits(self, label: str, detector: Detector) -> SoftBits:
        """The soft bits (N, T, Nt, K) of the first transmission, before scale and clip."""
        if id(detector) not in self._soft:
            self._soft[id(detector)] = self._heard(label, detector, self._inputs(0))
        return self._soft[id(detector)]

    def stored(self, label: str, parts: Parts) -> Stored:
        """What the receiver has, or keeps, of the first transmission."""
        if parts.statistics is not None:
            inputs, bits = self._through_statistics(parts.statistics, self._inputs(0))
            soft = self._heard(label, parts.detector, inputs)
            return Stored(self._blocks(parts.receiver.adjusted(soft.llr)), bits)
        soft = self.soft_bits(label, parts.detector)
        llr = self._blocks(parts.receiver.adjusted(soft.llr))
        if parts.quantizer is None:
            return Stored(llr, 0.0)
        codes = parts.quantizer.indices(self._vectors(llr).flatten(0, 1))
        return Stored(
            self._read(parts.quantizer, codes, soft.valid), parts.quantizer.entropy_bits(codes)
        )

    def delivered(self, label: str, parts: Parts, stored: Tensor) -> Delivered:
        """What is decoded in the end.

        Args:
            label: of the contender, for errors.
            parts: of the contender.
            stored: (W, S) real; as ``stored`` returns them.
        """
        if self.link.transmissions > 1:
            return self._after_retransmissions(label, parts)
        lost = self._lost(self.soft_bits(label, parts.detector).valid)
        if parts.is_kept:
            decoding = parts.receiver.decoding_for(self.link.coding)
            return Delivered(self.link.decode(stored, decoding=decoding).info, lost, ())
        outcome = self._outcome(label, parts.detector, parts.receiver, stored)
        return Delivered(outcome.info, lost, ())

    def _after_retransmissions(self, label: str, parts: Parts) -> Delivered:
        """Blocks that failed are transmitted again; a perfect check tells which ones did."""
        truth, statistics = self.symbols.info, parts.statistics
        last, decoding = self.link.transmissions - 1, parts.receiver.decoding_for(self.link.coding)
        info, lost = torch.zeros_like(truth), torch.zeros(len(truth), dtype=torch.bool)
        rows, kept, known = torch.arange(len(truth)), list[Tensor](), None
        resent = [0] * last
        for number in range(last + 1):
            inputs = self._inputs(number, rows)
            if known is not None:
                inputs = _together(known, inputs)
            if number:
                soft = self._heard(label, parts.detector, inputs)
            else:
                soft = self.soft_bits(label, parts.detector)
            fresh = self._blocks(parts.receiver.adjusted(soft.llr))
            info[rows] = self.link.decode_together([*kept, fresh], decoding).info
            lost[rows] |= self._lost(soft.valid)
            failed = (info[rows] != truth[rows]).any(1) | lost[rows]
            if number == last or not bool(failed.any()):
                break
            resent[number] = int(failed.sum())
            if statistics is not None:
                known, _ = self._through_statistics(statistics, inputs)
                known = known.at(self._channels(failed.nonzero()[:, 0]))
            else:
                kept = self._kept([*kept, fresh], soft.valid, parts.quantizer)
                kept = [llr[failed] for llr in kept]
            rows = rows[failed]
        return Delivered(info, lost, tuple(resent))

    def _kept(self, llr: list[Tensor], valid: Tensor, quantizer: Quantizer | None) -> list[Tensor]:
        """LLRs (M, S) that wait for the next transmission: one sum, or those of each so far.

        Args:
            llr: kept ones, then those of the latest transmission.
            valid: (M uses / T, T) bool; of the latest transmission.
            quantizer: what LLRs are kept through.
        """
        harq = self.link.scenario.harq
        if harq is not None and harq.combining == "chase":
            llr = [sum(llr[1:], llr[0])]
        if quantizer is None:
            return llr
        codes = quantizer.indices(self._vectors(llr[-1]).flatten(0, 1))
        return [*llr[:-1], self._read(quantizer, codes, valid)]

    def _through_statistics(self, statistics: Statistics, inputs: Inputs) -> tuple[Inputs, float]:
        """What is known of received vectors behind their statistics, and the entropy of these."""
        codes = statistics.encode(inputs.h_hat, inputs.y, inputs.noise_var)
        kept = statistics.decode(codes)
        known = Inputs(kept.y, kept.h, torch.ones_like(inputs.noise_var), inputs.bad)
        return known, statistics.entropy_bits(codes)

    def _outcome(self, label: str, detector: Detector, receiver: Receiver, llr: Tensor) -> Outcome:
        rest = receiver.model_copy(update={"passes": 0}).model_dump_json()
        return after_passes(
            self._outcomes.setdefault((id(detector), rest), []),
            receiver.passes,
            lambda feedback: self._decoded(llr, receiver, feedback=feedback),
            lambda before: self._again(before, label, detector, receiver),
        )

    def _decoded(self, llr: Tensor, receiver: Receiver, *, feedback: bool) -> Outcome:
        decoding = receiver.decoding_for(self.link.coding)
        decoded = self.link.decode(llr, feedback, decoding)
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
        soft = self._heard(label, detector, self._inputs(0, failed), prior)
        llr = self._blocks(receiver.adjusted(added(soft, prior)))
        after = self._decoded(llr, receiver, feedback=True)
        assert after.extrinsic is not None
        info, passed, extrinsic = info.clone(), passed.clone(), extrinsic.clone()
        info[failed], passed[failed], extrinsic[failed] = after.info, after.passed, after.extrinsic
        return Outcome(info, passed, extrinsic)

    def _inputs(self, number: int, blocks: Tensor | None = None) -> Inputs:
        """What arrived of a transmission, of all blocks or those listed."""
        while len(self._sent) <= number:
            self._sent.append(self._transmit(len(self._sent)))
        block, bad = self._sent[number]
        inputs = Inputs(block.y, block.h_hat, block.noise_var, bad)
        return inputs if blocks is None else inputs.at(self._channels(blocks))

    def _channels(self, blocks: Tensor) -> Tensor:
        """Positions of the channels of blocks."""
        of_block = torch.arange(self.link.channels_per_block)
        return (blocks[:, None] * self.link.channels_per_block + of_block).flatten()

    def _heard(
        self, label: str, detector: Detector, inputs: Inputs, prior_llr: Tensor | None = None
    ) -> SoftBits:
        """Detect channels, some at a time."""
        step, results = batch_channels(self.link.scenario), []
        for start in range(0, len(inputs.y), step):
            part = slice(start, start + step)
            prior = None if prior_llr is None else prior_llr[part]
            y, h_hat, noise_var = (tensor[part] for tensor in inputs[:3])
            results.append(detected(label, detector, y, h_hat, noise_var, prior))
        indices, valid, llr = (torch.cat(column) for column in list(zip(*results, strict=True))[:3])
        valid = valid & ~inputs.bad[:, None]
        llr = torch.where(valid[..., None, None], llr, torch.zeros_like(llr))
        works = [result.work for result in results if result.work is not None]
        work = sum(works) if len(works) == len(results) else None
        return SoftBits(indices, valid, llr, sum(one.incomplete for one in results), work)

    def _lost(self, valid: Tensor) -> Tensor:
        """(W) bool; a block with a vector of no finite output counts as wrong."""
        return ~valid.reshape(-1, self.link.scenario.uses_per_block).all(1)

    def _blocks(self, llr: Tensor) -> Tensor:
        """(N, T, Nt, K) to (W, S)."""
        return llr.reshape(-1, self.link.num_sent)

    def _vectors(self, llr: Tensor) -> Tensor:
        """(W, S) to (N, T, Nt, K)."""
        scenario = self.link.scenario
        bits = scenario.points().bits_per_symbol
        return llr.reshape(-1, scenario.channel_reuse, scenario.num_tx_ant, bits)

    def _read(self, quantizer: Quantizer, codes: Tensor, valid: Tensor) -> Tensor:
        """(W, S) LLRs of codes, which are of one use each; 0 where not valid."""
        llr = quantizer.from_indices(codes).to(torch.float32)
        llr = torch.where(valid.reshape(-1, 1, 1), llr, torch.zeros_like(llr))
        return self._blocks(llr)


def _together(known: Inputs, fresh: Inputs) -> Inputs:
    """Vectors of the same symbols as one of all their antennas, with noise of variance 1."""
    scale = fresh.noise_var.rsqrt()[:, None, None]
    return Inputs(
        torch.cat([known.y, fresh.y * scale], 2),
        torch.cat([known.h_hat, fresh.h_hat * scale], 1),
        torch.ones_like(fresh.noise_var),
        known.bad | fresh.bad,
    )
