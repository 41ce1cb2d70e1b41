"""The unit of work: draw one chunk of channels once, run every contender on it, count errors.

Contenders are paired, so all see the same (h, y). A chunk goes one of two ways, with the same
integers: linear detectors on independent Gaussian channels take the fused pass (see ``fused``),
everything else is drawn whole, then detected batch by batch. Triangles of H = Q R in place of H are
cheaper still, but the same experiment only to some receivers: who asks for them by
``Scenario.draws`` has another scenario with another key.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError, MimolearnError, all_finite
from mimolearn.foundation.tensors.state import clean_torch, evaluating
from mimolearn.kernels.link import symbol_errors
from mimolearn.kernels.link.gaussian_link import is_compiled
from mimolearn.link.randomness import CounterGenerator
from mimolearn.link.scenario import Block, Scenario
from mimolearn.plans.counts import BLOCK_METRICS, Counts, ErrorPositions
from mimolearn.studies.kinds.fused import answer_fused
from mimolearn.studies.kinds.seeds import chunk_seed

# Measured with lmmse in torch, 32 x 64: 43 us per channel with 1 to 4 MB a call, 90 us with 64 MB
# (out of cache) and 79 us with 128 kB (overhead of calls); 4 x 4 stops gaining at 512 channels.
_CHUNK_BYTES = 8 * 2**20
_MAX_CHANNELS = 2048
_BATCHES = 2
# The fused kernel takes 20 s to compile, once, and saves milliseconds a chunk: what does not have
# it yet waits for it in long runs alone.
_LONG_RUN = 256
_MAX_BLOCKS = 64
# Of all numbers the one whose multiples divide a circle most evenly, however many they are.
_GOLDEN = (5**0.5 - 1) / 2


class ChunkResult(NamedTuple):
    """What one contender gave on one chunk, or on several.

    Attributes:
        counts: integers.
        positions: of the wrong vectors.
        blocks: of the wrong blocks of a coded link, else None.
    """

    counts: Counts
    positions: ErrorPositions
    blocks: ErrorPositions | None = None

    def cluster_errors(self, metric: str) -> np.ndarray:
        """int64 errors of every cluster that has any: a block for the metrics of blocks, else a
        channel."""
        counts, wrong = self.counts, self.positions
        if metric in BLOCK_METRICS and self.blocks is not None:
            return self.blocks.per_vector(metric)
        errors = wrong.per_channel(metric, counts.channels, counts.vectors // counts.channels)
        return errors[errors > 0]

    @property
    def channels(self) -> int:
        """Channels that were simulated."""
        return self.counts.channels

    def pack(self) -> bytes:
        """A line of JSON (counts, length of the positions), the positions, those of blocks."""
        positions = self.positions.to_bytes()
        blocks = b"" if self.blocks is None else self.blocks.to_bytes()
        head = {"counts": astuple(self.counts), "positions": len(positions)}
        return json.dumps(head).encode() + b"\n" + positions + blocks

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Inverse of ``pack``; ValueError for bytes that it did not make."""
        line, _, rest = data.partition(b"\n")
        try:
            head = json.loads(line)
            counts, length = Counts(*head["counts"]), head["positions"]
            positions = ErrorPositions.from_bytes(rest[:length])
            blocks = ErrorPositions.from_bytes(rest[length:]) if rest[length:] else None
        except (KeyError, TypeError, zlib.error) as error:
            raise ValueError(str(error)) from None
        return cls(counts, positions, blocks)

    @classmethod
    def join(cls, parts: Sequence[ChunkResult]) -> Self:
        """Chunks one behind the other."""
        counts = Counts.total(part.counts for part in parts)
        first = parts[0].counts
        positions = ErrorPositions.join((part.positions for part in parts), first.vectors)
        wrong = [part.blocks for part in parts if part.blocks is not None]
        blocks = ErrorPositions.join(wrong, first.blocks) if wrong else None
        return cls(counts, positions, blocks)

    def same(self, other: ChunkResult) -> bool:
        """Whether two say the same; compressed bytes differ between versions of zlib."""
        if not (self.counts.reliability and other.counts.reliability):
            # Older results do not know it.
            mine, theirs = (
                one._replace(counts=replace(one.counts, reliability=())) for one in (self, other)
            )
            return mine._plain() == theirs._plain()
        return self._plain() == other._plain()

    def _plain(self) -> tuple[object, ...]:
        columns = [
            column.tobytes()
            for part in (self.positions, self.blocks)
            if part is not None
            for column in (part.vector, part.bit_errors, part.symbol_errors)
        ]
        return (self.counts, self.blocks is None, *columns)


def chunk_channels(scenario: Scenario) -> int:
    """Channels in a chunk, a power of two that depends on the scenario alone.

    >>> chunk_channels(Scenario(num_tx_ant=32, num_rx_ant=64, constellation="bpsk"))
    512
    """
    if scenario.coding is not None:
        channels = scenario.uses_per_block // scenario.channel_reuse
        return chunk_blocks(scenario) * channels
    nr, nt = scenario.num_rx_ant, scenario.num_tx_ant
    channel_bytes = 8 * (nr * nt + scenario.channel_reuse * (nr + nt))
    fitting = min(max(_CHUNK_BYTES // channel_bytes, 1), _MAX_CHANNELS)
    return 2 ** round(np.log2(fitting))


def chunk_blocks(scenario: Scenario) -> int:
    """Coded blocks in a chunk, a power of two up to 64; 0 on an uncoded link."""
    if scenario.coding is None:
        return 0
    nr, nt = scenario.num_rx_ant, scenario.num_tx_ant
    block_bytes = 8 * scenario.uses_per_block * (nr * nt // scenario.channel_reuse + nr + nt)
    return 2 ** int(np.log2(min(max(_CHUNK_BYTES // block_bytes, 1), _MAX_BLOCKS)))


def batch_channels(scenario: Scenario) -> int:
    """Channels in one call of a detector: half a chunk, small enough to stay in cache."""
    return max(chunk_channels(scenario) // _BATCHES, 1)


def run_uncoded_chunk(
    scenario: Scenario, snr: str, chunk: int, detectors: Sequence[tuple[str, Detector]]
) -> list[ChunkResult]:
    """As ``run_chunk``, of a scenario without coding."""
    num, seed = chunk_channels(scenario), chunk_seed(scenario.key(), snr, chunk)
    with clean_torch():
        batch, only = batch_channels(scenario), [detector for _, detector in detectors]
        fused = None
        if detectors and (chunk >= _LONG_RUN or is_compiled()):
            fused = answer_fused(scenario, float(snr), num, batch, seed, only)
        if fused is None:
            generator = CounterGenerator(seed)
            return run_plainly(scenario, float(snr), num, generator, detectors, chunk)
        sent, decided = fused
        finite = torch.ones(sent.shape[:-1], dtype=torch.bool)
        return [
            _count(sent, _Answers(indices, finite, 0, None), label, detector)
            for indices, (label, detector) in zip(decided, detectors, strict=True)
        ]


def run_plainly(
    scenario: Scenario,
    snr_db: float,
    num_channels: int,
    generator: CounterGenerator,
    detectors: Sequence[tuple[str, Detector]],
    turn: int = 0,
) -> list[ChunkResult]:
    """The path that serves every scenario and every detector.

    Args:
        scenario: the link.
        snr_db: in dB.
        num_channels: to draw.
        generator: randomness of the chunk.
        detectors: (label, detector) of each contender.
        turn: says who begins, see ``in_turn``; no result depends on it.

    Returns:
        one result for each, in their order.
    """
    block, bad = replace_nonfinite(scenario.draw(snr_db, num_channels, generator))
    results = {}
    for i in in_turn(len(detectors), turn):
        label, detector = detectors[i]
        answers = _answers(scenario, block, label, detector)
        answers = answers._replace(finite=answers.finite & ~bad[:, None])
        results[i] = _count(block.indices, answers, label, detector)
    return [results[i] for i in range(len(detectors))]


def in_turn(num: int, turn: int) -> list[int]:
    """0 ... num - 1, from another one on in every turn.

    Processes that begin at the same time then compile different kernels, and later find on disk
    what the others have compiled.

    >>> [in_turn(5, turn)[0] for turn in range(4)]
    [0, 3, 1, 4]
    """
    first = int(num * (turn * _GOLDEN % 1))
    return [*range(first, num), *range(first)]


def replace_nonfinite(block: Block) -> tuple[Block, Tensor]:
    """The block with unusable channels replaced by harmless ones, and (N) bool where it did so."""
    good = torch.isfinite(block.noise_var) & (block.noise_var > 0)
    if bool(good.all()) and all_finite(block.h_hat) and all_finite(block.y):
        return block, ~good
    for tensor in (block.h_hat, block.y):
        good &= torch.isfinite(tensor).flatten(1).all(1)
    # An identity keeps every detector at work; the channel's vectors count as errors anyway.
    h_hat = torch.where(
        good[:, None, None],
        block.h_hat,
        torch.eye(*block.h_hat.shape[1:], dtype=torch.float32).to(block.h_hat.dtype),
    )
    y = torch.where(good[:, None, None], block.y, torch.zeros_like(block.y))
    noise_var = torch.where(good, block.noise_var, torch.ones_like(block.noise_var))
    return Block(block.indices, block.h, h_hat, y, noise_var), ~good


def _count(sent: Tensor, answers: _Answers, label: str, detector: Detector) -> ChunkResult:
    # Once a chunk: what a call costs beside a kernel's work is worth whole vectors.
    bits, symbols, inside = symbol_errors.count_errors(
        sent, answers.indices, answers.finite, detector.constellation.bits_per_symbol
    )
    if not inside:
        last = detector.constellation.num_points - 1
        raise InvalidInputError(f"contender {label!r}: decided an index outside 0..{last}")
    bits, symbols = bits.numpy(), symbols.numpy()
    wrong = np.flatnonzero(symbols)
    positions = ErrorPositions(wrong.astype(np.int64), bits[wrong], symbols[wrong])
    num_symbols = sent.numel()
    counts = Counts(
        chunks=1,
        channels=len(sent),
        vectors=symbols.size,
        symbols=num_symbols,
        bits=num_symbols * detector.constellation.bits_per_symbol,
        bit_errors=int(bits.sum()),
        symbol_errors=int(symbols.sum()),
        vector_errors=len(wrong),
        nonfinite=int((~answers.finite).sum()),
        incomplete=answers.incomplete,
        work=answers.work,
    )
    return ChunkResult(counts, positions)


class _Answers(NamedTuple):
    """A chunk's decisions (N, T, Nt), whether they are valid (N, T), and sums over its vectors."""

    indices: Tensor
    finite: Tensor
    incomplete: int
    work: int | None


def _answers(scenario: Scenario, block: Block, label: str, detector: Detector) -> _Answers:
    parts: list[tuple[Tensor, Tensor]] = []
    incomplete, works = 0, []
    step = batch_channels(scenario)
    with evaluating(detector):
        for start in range(0, len(block.h), step):
            part = slice(start, start + step)
            try:
                detection = detector(block.y[part], block.h_hat[part], block.noise_var[part])
                decided, finite = detection.indices(), detection.finite()
            except MimolearnError as error:
                raise InvalidInputError(f"contender {label!r}: {error}") from error
            sent = block.indices[part].shape
            if decided.shape != sent or finite.shape != sent[:-1]:
                raise InvalidInputError(
                    f"contender {label!r}: decided indices of shape {tuple(decided.shape)} with "
                    f"flags of shape {tuple(finite.shape)}, expected {tuple(sent)} and "
                    f"{tuple(sent[:-1])}"
                )
            parts.append((decided, finite))
            if detection.incomplete is not None:
                incomplete += int(detection.incomplete.sum())
            if detection.work is not None:
                works.append(int(detection.work.sum()))
    indices, finite = (torch.cat(column) for column in zip(*parts, strict=True))
    work = sum(works) if len(works) == len(parts) else None
    return _Answers(indices, finite, incomplete, work)
