"""When a point is finished: decided on the longest contiguous prefix of its chunks, alone."""

from __future__ import annotations

from typing import NamedTuple

from mimolearn.plans.counts import Counts, ErrorPositions
from mimolearn.plans.plan import RunPlan
from mimolearn.results.statistics import ENOUGH_CLUSTERS
from mimolearn.studies.kinds.chunk import ChunkResult

_USUAL_ERRORS = 100


class Seen(NamedTuple):
    """Sums over a prefix of chunks.

    squares: of the errors of each cluster. trials: the units that the errors are of.
    """

    errors: int = 0
    squares: int = 0
    channels: int = 0
    vectors: int = 0
    trials: int = 0


class StopRule(NamedTuple):
    """min_errors of the metric's unit on min_channels channels, or max_vectors vectors.

    The errors must also be those of ``ENOUGH_CLUSTERS`` effective clusters: a hundred errors of
    three bad channels say little. Whoever asks for fewer than 100 errors is content with as much
    fewer clusters.
    """

    metric: str
    min_errors: int
    min_channels: int
    max_vectors: int

    @classmethod
    def of(cls, plan: RunPlan) -> StopRule:
        """The rule of a plan."""
        return cls(plan.metric, plan.min_errors, plan.min_channels, plan.max_vectors)

    @property
    def min_clusters(self) -> float:
        """Effective clusters of errors that are enough."""
        return ENOUGH_CLUSTERS * min(self.min_errors, _USUAL_ERRORS) / _USUAL_ERRORS

    def holds(self, seen: Seen) -> bool:
        """True when this much is enough."""
        enough = seen.errors >= self.min_errors and seen.channels >= self.min_channels
        # Integers, so that no rounding decides: errors^2 / squares is the effective number.
        clusters = ENOUGH_CLUSTERS * min(self.min_errors, _USUAL_ERRORS) * seen.squares
        enough = enough and _USUAL_ERRORS * seen.errors**2 >= clusters
        return enough or seen.vectors >= self.max_vectors

    def vectors_wanted(self, seen: Seen) -> float:
        """How many vectors will be enough, judged by those that were seen."""
        vectors = self.min_channels * seen.vectors / seen.channels
        # Half an error more keeps the estimate finite before the first one.
        vectors = max(vectors, self.min_errors / (seen.errors + 0.5) * seen.vectors)
        if seen.errors:
            effective = seen.errors**2 / seen.squares
            vectors = max(vectors, self.min_clusters / effective * seen.vectors)
        return min(vectors, self.max_vectors)


class PointState:
    """Chunks of one contender at one SNR, in whatever order they arrive.

    length: the shortest prefix 0..length-1 of finished chunks on which the rule holds, or the
    longest one there is while it does not. Chunks beyond it wait and are not counted.
    """

    def __init__(self, rule: StopRule) -> None:
        self._rule = rule
        self._chunks: dict[int, ChunkResult] = {}
        self.length = 0
        self.seen = Seen()
        self.finished = False

    def add(self, chunk: int, result: ChunkResult) -> None:
        """Take in a chunk."""
        self._chunks[chunk] = result
        while not self.finished and self.length in self._chunks:
            self.seen = self._with(self._chunks[self.length])
            self.length += 1
            self.finished = self._rule.holds(self.seen)

    def _with(self, result: ChunkResult) -> Seen:
        """What was seen, and a chunk more."""
        seen, metric, counts = self.seen, self._rule.metric, result.counts
        return Seen(
            seen.errors + counts.errors(metric),
            seen.squares + sum(n * n for n in result.cluster_errors(metric).tolist()),
            seen.channels + counts.channels,
            seen.vectors + counts.vectors,
            seen.trials + counts.trials(metric),
        )

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
        per_chunk = self.seen.vectors / self.length
        return max(self.length + 1, round(self._rule.vectors_wanted(self.seen) / per_chunk))
