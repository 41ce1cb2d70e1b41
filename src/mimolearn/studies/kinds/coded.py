"""A chunk of a coded link: blocks encoded, sent and decoded for every contender.

All contenders see the same information, channels and noise. With two transmissions the receiver
keeps the soft bits of a block that failed and adds those of the second transmission to them
(chase combining); a contender with a quantiser keeps them quantised. With decoder feedback, blocks
whose decoder did not end in a codeword are detected again with its extrinsic LLRs as priors.
Decisions, GMI and the work of a search are those of the first detection.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.kernels.link import symbol_errors
from mimolearn.link.codes import CodedLink, CodedSymbols
from mimolearn.link.scenario import Scenario
from mimolearn.plans.counts import GMI_SCALE, Counts, ErrorPositions
from mimolearn.studies.kinds.chunk import ChunkResult, chunk_blocks, replace_nonfinite
from mimolearn.studies.kinds.coded_chunk import CodedChunk, Sent
from mimolearn.studies.kinds.receivers import (
    SoftBits,
    check_receiver,
    most_passes_first,
    parted,
)
from mimolearn.studies.kinds.seeds import chunk_generator

# Squares of the GMI's losses stay within 64 bits then.
_MOST_GMI_LLR = 200.0


def run_coded_chunk(
    scenario: Scenario, snr: str, chunk: int, detectors: Sequence[tuple[str, Detector]]
) -> list[ChunkResult]:
    """As ``run_chunk``, of a scenario with coding."""
    with clean_torch():
        link = CodedLink(scenario)
        generator = chunk_generator(scenario.key(), snr, chunk)
        symbols = link.draw(chunk_blocks(scenario), generator)
        sent = [
            Sent(*replace_nonfinite(link.transmit(symbols, float(snr), generator)))
            for _ in range(link.coding.transmissions)
        ]
        blocks = CodedChunk(link, symbols, sent)
        results = {i: _count(blocks, *detectors[i]) for i in most_passes_first(detectors)}
        return [results[i] for i in range(len(detectors))]


def check_coded(scenario: Scenario, label: str, detector: Detector) -> None:
    """Refuse a receiver that a scenario without a grid, coded or not, does not have."""
    check_receiver(label, detector, coded=scenario.coding is not None, grid=False)
    passes = parted(detector).receiver.passes
    if passes and scenario.coding is not None and scenario.coding.transmissions > 1:
        expected = "0 where coding.transmissions is 2: feedback serves single transmissions"
        raise InvalidInputError(f"contender {label!r}: {invalid('passes', passes, expected)}")


def _count(blocks: CodedChunk, label: str, detector: Detector) -> ChunkResult:
    parts, link, symbols = parted(detector), blocks.link, blocks.symbols
    heard = blocks.soft_bits(label, parts.detector)
    stored = blocks.stored(label, parts)
    if parts.quantizer is not None and len(heard) == 1:
        # What is kept is all there is.
        heard = [heard[0]._replace(indices=link.map((stored > 0).to(torch.uint8)))]
    wrong_bits = (blocks.info(label, parts, stored) != symbols.info).sum(1)
    lost = torch.stack([_lost_blocks(link, one.valid) for one in heard]).any(0)
    wrong_bits[lost] = link.coding.num_info_bits
    loss = gmi_loss(stored, symbols.sent)
    return _joined(link, label, symbols, heard, wrong_bits.numpy(), loss)


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
    heard: list[SoftBits],
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
