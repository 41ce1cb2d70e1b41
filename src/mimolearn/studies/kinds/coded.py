"""A chunk of a coded link: blocks encoded, sent and decoded for every contender.

All contenders see the same information, channels and noise. With a table [harq] blocks that failed
are transmitted again; a contender with a quantiser keeps what it heard before quantised. With
decoder feedback, blocks whose decoder did not end in a codeword are detected again with its
extrinsic LLRs as priors. Decisions, GMI and the work of a search are those of the first detection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.kernels.link import symbol_errors
from mimolearn.link.codes import CodedLink, CodedSymbols
from mimolearn.link.scenario import Scenario
from mimolearn.plans.counts import (
    CLAIM_SCALE,
    GMI_SCALE,
    RELIABILITY_EDGES,
    Counts,
    ErrorPositions,
)
from mimolearn.studies.kinds.calibration import CALIBRATION_CHUNK, Fit, FittedScales
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
    scenario: Scenario,
    snr: str,
    chunk: int,
    detectors: Sequence[tuple[str, Detector]],
    scales: FittedScales | None = None,
) -> list[ChunkResult]:
    """As ``run_chunk``, of a scenario with coding; scales: what earlier chunks have fitted."""
    with clean_torch():

        def fit() -> Fit:
            blocks = _drawn(scenario, snr, CALIBRATION_CHUNK)
            return lambda label, parts: (
                blocks.soft_bits(label, parts.detector).llr.flatten(),
                blocks.symbols.sent.flatten(),
            )

        detectors = (scales or FittedScales()).resolved(snr, detectors, fit)
        blocks = _drawn(scenario, snr, chunk)
        results = {i: _count(blocks, *detectors[i]) for i in most_passes_first(detectors)}
        return [results[i] for i in range(len(detectors))]


def _drawn(scenario: Scenario, snr: str, chunk: int) -> CodedChunk:
    link = CodedLink(scenario)
    generator = chunk_generator(scenario.key(), snr, chunk)
    symbols = link.draw(chunk_blocks(scenario), generator)

    def transmit(number: int) -> Sent:
        carried = symbols if number == 0 else link.retransmitted(symbols.info, number)
        return Sent(*replace_nonfinite(link.transmit(carried, float(snr), generator)))

    return CodedChunk(link, symbols, transmit)


def check_coded(scenario: Scenario, label: str, detector: Detector) -> None:
    """Refuse a receiver that a scenario without a grid, coded or not, does not have."""
    coded = scenario.coding is not None
    check_receiver(label, detector, coded=coded, grid=False, harq=scenario.harq)


def _count(blocks: CodedChunk, label: str, detector: Detector) -> ChunkResult:
    parts, link, symbols = parted(detector), blocks.link, blocks.symbols
    heard = blocks.soft_bits(label, parts.detector)
    stored = blocks.stored(label, parts)
    if parts.is_kept and link.transmissions == 1:
        # What is kept is all there is.
        heard = heard._replace(indices=link.map((stored.llr > 0).to(torch.uint8)))
    delivered = blocks.delivered(label, parts, stored.llr)
    wrong_bits = (delivered.info != symbols.info).sum(1)
    wrong_bits[delivered.lost] = link.coding.num_info_bits
    counted = _counted(link, label, symbols, heard, wrong_bits.numpy())
    loss = gmi_loss(stored.llr, symbols.sent)
    counts = replace(
        counted.counts,
        gmi_loss=int(loss.sum()),
        gmi_squares=int((loss.astype(object) ** 2).sum()),
        resent=delivered.resent,
        stored_bits=round(stored.bits),
        reliability=reliability(stored.llr, symbols.sent),
    )
    return counted._replace(counts=counts)


def reliability(llr: Tensor, sent: Tensor) -> tuple[int, ...]:
    """Count claimed and wrong soft bits, as ``Counts.reliability`` has them.

    Args:
        llr: real.
        sent: uint8 of as many bits.
    """
    values = llr.detach().double().flatten()
    size = values.abs()
    edges = torch.tensor(RELIABILITY_EDGES[1:], dtype=torch.float64)
    number = torch.bucketize(size, edges, right=True)
    twice_wrong = 2 * ((values > 0) != (sent.flatten() > 0)).to(torch.int64)
    twice_wrong[values == 0] = 1
    # Summed one by one, so that no order of summation matters.
    claimed = (torch.sigmoid(-size) * CLAIM_SCALE).round().to(torch.int64)
    columns = torch.stack([torch.ones_like(number), twice_wrong, claimed], 1)
    sums = torch.zeros(len(RELIABILITY_EDGES), 3, dtype=torch.int64)
    return tuple(sums.index_add_(0, number, columns).flatten().tolist())


def gmi_loss(llr: Tensor, sent: Tensor) -> np.ndarray:
    """(W) int64: mean log2(1 + e^-L) of each block in units of 1 / GMI_SCALE."""
    right = llr.double().clamp(-_MOST_GMI_LLR, _MOST_GMI_LLR) * (2.0 * sent - 1)
    loss = torch.nn.functional.softplus(-right).mean(1) / np.log(2)
    return (loss * GMI_SCALE).round().to(torch.int64).numpy()


def _counted(
    link: CodedLink, label: str, symbols: CodedSymbols, heard: SoftBits, wrong_bits: np.ndarray
) -> ChunkResult:
    """What is wrong in the first detection, and after decoding."""
    points = link.scenario.points()
    bits, wrong_symbols, inside = symbol_errors.count_errors(
        symbols.indices, heard.indices, heard.valid, points.bits_per_symbol
    )
    if not inside:
        last = points.num_points - 1
        raise InvalidInputError(f"contender {label!r}: decided an index outside 0..{last}")
    bits, wrong_symbols = bits.numpy().ravel(), wrong_symbols.numpy().ravel()
    wrong = np.flatnonzero(wrong_symbols)
    blocks = np.flatnonzero(wrong_bits)
    num_symbols = symbols.indices.numel()
    counts = Counts(
        chunks=1,
        channels=len(symbols.indices),
        vectors=wrong_symbols.size,
        symbols=num_symbols,
        bits=num_symbols * points.bits_per_symbol,
        bit_errors=int(bits.sum()),
        symbol_errors=int(wrong_symbols.sum()),
        vector_errors=len(wrong),
        nonfinite=int((~heard.valid).sum()),
        incomplete=heard.incomplete,
        work=heard.work,
        blocks=len(wrong_bits),
        info_bits=symbols.info.numel(),
        block_errors=len(blocks),
        info_bit_errors=int(wrong_bits.sum()),
    )
    positions = ErrorPositions(wrong.astype(np.int64), bits[wrong], wrong_symbols[wrong])
    wrong_info = wrong_bits[blocks].astype(np.int64)
    return ChunkResult(
        counts, positions, ErrorPositions(blocks.astype(np.int64), wrong_info, wrong_info)
    )
