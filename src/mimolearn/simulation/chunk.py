"""The unit of work: draw one chunk of channels once, run every contender on it, count errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.detectors import Detector
from mimolearn.errors import InvalidInputError, MimolearnError, all_finite
from mimolearn.scenario import Block, Scenario
from mimolearn.simulation.counts import Counts, ErrorPositions
from mimolearn.simulation.seeds import chunk_generator
from mimolearn.threads import one_thread

# Measured with lmmse, 32 x 64: 43 us per channel with 1 to 4 MB a call, 90 us with 64 MB (out of
# cache) and 79 us with 128 kB (overhead of calls); 4 x 4 stops gaining at 512 channels.
_CHUNK_BYTES = 8 * 2**20
_MAX_CHANNELS = 2048
_BATCHES = 4


class ChunkResult(NamedTuple):
    """What one contender did on one chunk."""

    counts: Counts
    positions: ErrorPositions


def chunk_channels(scenario: Scenario) -> int:
    """Channels in a chunk, a power of two that depends on the scenario alone.

    >>> chunk_channels(Scenario(num_tx_ant=32, num_rx_ant=64, constellation="bpsk"))
    512
    """
    nr, nt = scenario.num_rx_ant, scenario.num_tx_ant
    channel_bytes = 8 * (nr * nt + scenario.channel_reuse * (nr + nt))
    fitting = min(max(_CHUNK_BYTES // channel_bytes, 1), _MAX_CHANNELS)
    return 2 ** round(np.log2(fitting))


def batch_channels(scenario: Scenario) -> int:
    """Channels in one call of a detector: a quarter of a chunk, small enough to stay in cache."""
    return max(chunk_channels(scenario) // _BATCHES, 1)


def run_chunk(
    scenario: Scenario, snr: str, chunk: int, detectors: Sequence[tuple[str, Detector]]
) -> list[ChunkResult]:
    """Draw chunk number ``chunk`` at the canonical SNR and run each (label, detector) on it.

    The counts depend on the arguments alone: one thread is used whatever torch is set to, and
    each detector sees the same batches whoever else runs.
    """
    with one_thread(), torch.no_grad():
        block = _draw(scenario, snr, chunk)
        block, bad = _replace_nonfinite(block)
        return [_count(scenario, block, bad, label, detector) for label, detector in detectors]


def _draw(scenario: Scenario, snr: str, chunk: int) -> Block:
    generator = chunk_generator(scenario.key(), snr, chunk)
    return scenario.draw(float(snr), chunk_channels(scenario), generator)


def _replace_nonfinite(block: Block) -> tuple[Block, Tensor]:
    """The block with unusable channels replaced by harmless ones, and (N) bool where it did so."""
    good = torch.isfinite(block.noise_var) & (block.noise_var > 0)
    if bool(good.all()) and all_finite(block.h_hat) and all_finite(block.y):
        return block, ~good
    for tensor in (block.h_hat, block.y):
        good &= torch.isfinite(tensor).flatten(1).all(1)
    # An identity keeps every detector at work; the channel's vectors count as errors anyway.
    h_hat = torch.where(
        good[:, None, None], block.h_hat, torch.eye(*block.h_hat.shape[1:]).to(block.h_hat.dtype)
    )
    y = torch.where(good[:, None, None], block.y, torch.zeros_like(block.y))
    noise_var = torch.where(good, block.noise_var, torch.ones_like(block.noise_var))
    return Block(block.indices, block.h, h_hat, y, noise_var), ~good


def _count(
    scenario: Scenario, block: Block, bad: Tensor, label: str, detector: Detector
) -> ChunkResult:
    bit_errors, symbol_errors, nonfinite = [], [], 0
    incomplete, work = 0, 0
    knows_work = True
    step = batch_channels(scenario)
    with evaluating(detector):
        for start in range(0, len(block.h), step):
            part = slice(start, start + step)
            sent = block.indices[part]
            try:
                detection = detector(block.y[part], block.h_hat[part], block.noise_var[part])
                decided, finite = detection.indices(), detection.finite()
            except MimolearnError as error:
                raise InvalidInputError(f"contender {label!r}: {error}") from error
            valid = finite & ~bad[part, None]
            bits, symbols = _errors(scenario, label, sent, decided, valid)
            bit_errors.append(bits)
            symbol_errors.append(symbols)
            nonfinite += int((~valid).sum())
            if detection.incomplete is not None:
                incomplete += int(detection.incomplete.sum())
            if detection.work is None:
                knows_work = False
            else:
                work += int(detection.work.sum())
    bits, symbols = torch.cat(bit_errors).numpy(), torch.cat(symbol_errors).numpy()
    wrong = np.flatnonzero(symbols)
    positions = ErrorPositions(wrong.astype(np.int64), bits[wrong], symbols[wrong])
    num_symbols = block.indices.numel()
    counts = Counts(
        chunks=1,
        channels=len(block.h),
        vectors=symbols.size,
        symbols=num_symbols,
        bits=num_symbols * detector.constellation.bits_per_symbol,
        bit_errors=int(bits.sum()),
        symbol_errors=int(symbols.sum()),
        vector_errors=len(wrong),
        nonfinite=nonfinite,
        incomplete=incomplete,
        work=work if knows_work else None,
    )
    return ChunkResult(counts, positions)


def _errors(
    scenario: Scenario, label: str, sent: Tensor, decided: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor]:
    """Wrong bits and wrong symbols of each vector, (N T) int64; invalid vectors are all wrong."""
    bits_per_symbol = scenario.points().bits_per_symbol
    if decided.shape != sent.shape or valid.shape != sent.shape[:-1]:
        raise InvalidInputError(
            f"contender {label!r}: decided indices of shape {tuple(decided.shape)} with flags of "
            f"shape {tuple(valid.shape)}, expected {tuple(sent.shape)} and {tuple(sent.shape[:-1])}"
        )
    # A label is the binary number of its index, so that different bits are those of the XOR.
    differing = torch.where(valid.unsqueeze(-1), decided ^ sent, 2**bits_per_symbol - 1)
    if bool(((differing < 0) | (differing >= 2**bits_per_symbol)).any()):
        raise InvalidInputError(
            f"contender {label!r}: decided an index outside 0..{2**bits_per_symbol - 1}"
        )
    bits = _POPCOUNT[differing].sum(-1).flatten()
    return bits, (differing != 0).sum(-1).flatten()


_POPCOUNT = torch.tensor([value.bit_count() for value in range(256)])


@contextmanager
def evaluating(detector: Detector) -> Iterator[None]:
    """Put a detector in evaluation mode, and back."""
    training = detector.training
    detector.eval()
    try:
        yield
    finally:
        detector.train(training)
