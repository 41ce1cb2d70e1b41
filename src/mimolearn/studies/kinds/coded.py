"""A chunk of a coded link: blocks encoded, sent and decoded for every contender.

All contenders see the same information, channels and noise. With two transmissions the receiver
keeps the soft bits of a block that failed and adds those of the second transmission to them
(chase combining); a contender with a quantiser keeps them quantised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError, MimolearnError
from mimolearn.foundation.tensors.state import clean_torch, evaluating
from mimolearn.kernels.link import symbol_errors
from mimolearn.link.codes import CodedLink, CodedSymbols
from mimolearn.link.scenario import Block, Scenario
from mimolearn.plans.counts import GMI_SCALE, Counts, ErrorPositions
from mimolearn.plans.quantized import QuantizedDetector
from mimolearn.quantizers import Quantizer
from mimolearn.studies.kinds.chunk import (
    ChunkResult,
    batch_channels,
    chunk_blocks,
    replace_nonfinite,
)
from mimolearn.studies.kinds.seeds import chunk_generator

# What the decoder is given at most, so that no sum of it overflows; and the GMI, whose squares
# stay within 64 bits then.
MOST_LLR = 1e6
_MOST_GMI_LLR = 200.0


class _Sent(NamedTuple):
    """One transmission: what arrived, and (N) bool where a channel was unusable."""

    block: Block
    bad: Tensor


class _Heard(NamedTuple):
    """One transmission as a contender heard it.

    indices (N, T, Nt); valid (N, T); llr (W, S) of the sent bits, 0 where not valid; incomplete,
    work: sums over the vectors.
    """

    indices: Tensor
    valid: Tensor
    llr: Tensor
    incomplete: int
    work: int | None


def run_coded_chunk(
    scenario: Scenario, snr: str, chunk: int, detectors: Sequence[tuple[str, Detector]]
) -> list[ChunkResult]:
    """As ``run_chunk``, of a scenario with coding."""
    with clean_torch():
        link = CodedLink(scenario)
        generator = chunk_generator(scenario.key(), snr, chunk)
        symbols = link.draw(chunk_blocks(scenario), generator)
        sent = [
            _Sent(*replace_nonfinite(link.transmit(symbols, float(snr), generator)))
            for _ in range(link.coding.transmissions)
        ]
        heard: _Ears = {}
        return [
            _count(link, symbols, sent, label, detector, heard) for label, detector in detectors
        ]


# What detectors heard of a chunk, by their identity: quantisers may share one detector.
_Ears = dict[int, list[_Heard]]


def _count(
    link: CodedLink,
    symbols: CodedSymbols,
    sent: list[_Sent],
    label: str,
    detector: Detector,
    ears: _Ears,
) -> ChunkResult:
    quantizer = None
    if isinstance(detector, QuantizedDetector):
        detector, quantizer = detector.detector, detector.quantizer
    if id(detector) not in ears:
        with evaluating(detector):
            ears[id(detector)] = [_hear(link, one, label, detector) for one in sent]
    heard = ears[id(detector)]
    stored = heard[0].llr if quantizer is None else _kept(link, heard[0], quantizer)
    if quantizer is not None and len(heard) == 1:
        # What is kept is all there is; else fresh soft bits are decoded as they are.
        bits = (stored > 0).to(torch.uint8)
        heard = [heard[0]._replace(llr=stored, indices=link.map(bits))]
    decoded = link.decode(heard[0].llr).info
    for again in heard[1:]:
        failed = (decoded != symbols.info).any(1)
        decoded[failed] = link.decode((stored + again.llr)[failed]).info
    lost = torch.stack([_lost_blocks(link, one.valid) for one in heard]).any(0)
    wrong_bits = (decoded != symbols.info).sum(1)
    wrong_bits[lost] = link.coding.num_info_bits
    loss = gmi_loss(stored, symbols.sent)
    return _joined(link, label, symbols, heard, wrong_bits.numpy(), loss)


def _hear(link: CodedLink, sent: _Sent, label: str, detector: Detector) -> _Heard:
    block, step = sent.block, batch_channels(link.scenario)
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    incomplete, works = 0, []
    for start in range(0, len(block.h), step):
        part = slice(start, start + step)
        try:
            detection = detector(block.y[part], block.h_hat[part], block.noise_var[part])
            answer = detection.indices(), detection.finite(), detection.llr()
        except MimolearnError as error:
            raise InvalidInputError(f"contender {label!r}: {error}") from error
        vectors = block.indices[part].shape
        bits = link.scenario.points().bits_per_symbol
        if [tuple(t.shape) for t in answer] != [vectors, vectors[:-1], (*vectors, bits)]:
            shapes = ", ".join(str(tuple(t.shape)) for t in answer)
            raise InvalidInputError(
                f"contender {label!r}: decided indices, flags and LLRs of shapes {shapes}, "
                f"expected {tuple(vectors)}, {tuple(vectors[:-1])}, {(*vectors, bits)}"
            )
        parts.append(answer)
        if detection.incomplete is not None:
            incomplete += int(detection.incomplete.sum())
        if detection.work is not None:
            works.append(int(detection.work.sum()))
    indices, finite, llr = (torch.cat(column) for column in zip(*parts, strict=True))
    valid = finite & ~sent.bad[:, None] & ~torch.isnan(llr).flatten(2).any(-1)
    llr = torch.where(valid[..., None, None], llr, torch.zeros_like(llr))
    llr = llr.to(torch.float32).clamp(-MOST_LLR, MOST_LLR).reshape(-1, link.num_sent)
    work = sum(works) if len(works) == len(parts) else None
    return _Heard(indices, valid, llr, incomplete, work)


def _kept(link: CodedLink, heard: _Heard, quantizer: Quantizer) -> Tensor:
    """(W, S) LLRs behind the quantiser, which sees them use by use; 0 where not valid."""
    scenario = link.scenario
    shape = (-1, scenario.num_tx_ant, scenario.points().bits_per_symbol)
    kept = quantizer.through(heard.llr.reshape(shape))
    kept = torch.where(heard.valid.reshape(-1, 1, 1), kept, torch.zeros_like(kept))
    return kept.reshape(heard.llr.shape)


def _lost_blocks(link: CodedLink, valid: Tensor) -> Tensor:
    """(W) bool: a block with a vector of no finite output counts as wrong, all its bits too."""
    return ~valid.reshape(-1, link.scenario.uses_per_block).all(1)


def gmi_loss(llr: Tensor, sent: Tensor) -> np.ndarray:
    """(W) int64: mean log2(1 + e^-L) of each block in units of 1 / GMI_SCALE."""
    right = llr.double().clamp(-_MOST_GMI_LLR, _MOST_GMI_LLR) * (2.0 * sent - 1)
    loss = torch.nn.functional.softplus(-right).mean(1) / np.log(2)
    return (loss * GMI_SCALE).round().to(torch.int64).numpy()


def _joined(
    link: CodedLink,
    label: str,
    symbols: CodedSymbols,
    heard: list[_Heard],
    wrong_bits: np.ndarray,
    loss: np.ndarray,
) -> ChunkResult:
    points = link.scenario.points()
    parts = [
        symbol_errors.count_errors(symbols.indices, one.indices, one.valid, points.bits_per_symbol)
        for one in heard
    ]
    if not all(inside for _, _, inside in parts):
        last = points.num_points - 1
        raise InvalidInputError(f"contender {label!r}: decided an index outside 0..{last}")
    bits = np.concatenate([part[0].numpy() for part in parts])
    wrong_symbols = np.concatenate([part[1].numpy() for part in parts])
    wrong = np.flatnonzero(wrong_symbols)
    blocks = np.flatnonzero(wrong_bits)
    num_symbols = symbols.indices.numel() * len(heard)
    works = [one.work for one in heard if one.work is not None]
    counts = Counts(
        chunks=1,
        channels=len(symbols.indices) * len(heard),
        vectors=wrong_symbols.size,
        symbols=num_symbols,
        bits=num_symbols * points.bits_per_symbol,
        bit_errors=int(bits.sum()),
        symbol_errors=int(wrong_symbols.sum()),
        vector_errors=len(wrong),
        nonfinite=sum(int((~one.valid).sum()) for one in heard),
        incomplete=sum(one.incomplete for one in heard),
        work=sum(works) if len(works) == len(heard) else None,
        blocks=len(wrong_bits),
        info_bits=symbols.info.numel(),
        block_errors=len(blocks),
        info_bit_errors=int(wrong_bits.sum()),
        gmi_loss=int(loss.sum()),
        gmi_squares=int((loss.astype(object) ** 2).sum()),
    )
    positions = ErrorPositions(wrong.astype(np.int64), bits[wrong], wrong_symbols[wrong])
    wrong_info = wrong_bits[blocks].astype(np.int64)
    return ChunkResult(
        counts, positions, ErrorPositions(blocks.astype(np.int64), wrong_info, wrong_info)
    )
