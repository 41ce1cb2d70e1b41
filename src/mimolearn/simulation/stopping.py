"""When a point is finished: decided on the longest contiguous prefix of its chunks, alone."""

from __future__ import annotations

from typing import NamedTuple

from mimolearn.simulation.chunk import ChunkResult
from mimolearn.simulation.counts import Counts, ErrorPositions
from mimolearn.simulation.run import RunPlan


class StopRule(NamedTuple):
    """min_errors of the metric's unit on min_channels channels, or max_vectors vectors."""

    metric: str
    min_errors: int
    min_channels: int
    max_vectors: int

    @classmethod
    def of(cls, plan: RunPlan) -> StopRule:
        """The rule of a plan."""
        return cls(plan.metric, plan.min_errors, plan.min_channels, plan.max_vectors)

    def holds(self, errors: int, channels: int, vectors: int) -> bool:
        """True when this much is enough."""
        enough = errors >= self.min_errors and channels >= self.min_channels
        return enough or vectors >= self.max_vectors


class PointState:
    """Chunks of one contender at one SNR, in whatever order they arrive.

    length: the shortest prefix 0..length-1 of finished chunks on which the rule holds, or the
    longest one there is while it does not. Chunks beyond it wait and are not counted.
    """

    def __init__(self, rule: StopRule) -> None:
        self._rule = rule
        self._chunks: dict[int, ChunkResult] = {}
        self.length = 0
        self.errors = 0
        self.channels = 0
        self.vectors = 0
        self.trials = 0
        self.finished = False

    def add(self, chunk: int, result: ChunkResult) -> None:
        """Take in a chunk."""
        self._chunks[chunk] = result
        while not self.finished and self.length in self._chunks:
            counts = self._chunks[self.length].counts
            self.errors += counts.errors(self._rule.metric)
            self.channels += counts.channels
            self.vectors += counts.vectors
            self.trials += counts.trials(self._rule.metric)
            self.length += 1
            self.finished = self._rule.holds(self.errors, self.channels, self.vectors)

    def has(self, chunk: int) -> bool:
        """True when the chunk is here."""
        return chunk in self._chunks

    def total(self) -> ChunkResult:
        """Counts and error positions over the prefix."""
        prefix = [self._chunks[chunk] for chunk in range(self.length)]
        counts = Counts.total(result.counts for result in prefix)
        per_chunk = prefix[0].counts.vectors if prefix else 0
        positions = ErrorPositions.join((r.positions for r in prefix), per_chunk)
        wrong = [r.blocks for r in prefix if r.blocks is not None]
        blocks = ErrorPositions.join(wrong, prefix[0].counts.blocks) if wrong else None
        return ChunkResult(counts, positions, blocks)

    def expected_chunks(self) -> int:
        """How many chunks the point will take, judged by the errors so far."""
        if self.finished or self.length == 0:
            return max(self.length, 1)
        rule, per_chunk = self._rule, self.vectors / self.length
        vectors = rule.min_channels * self.vectors / self.channels
        # Half an error more keeps the estimate finite before the first one.
        vectors = max(vectors, rule.min_errors / (self.errors + 0.5) * self.vectors)
        return max(self.length + 1, round(min(vectors, rule.max_vectors) / per_chunk))
