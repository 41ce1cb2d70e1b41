"""When a point is finished: that follows from the longest contiguous prefix of its chunks alone."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from mimolearn.plans.counts import BLOCK_METRICS
from mimolearn.plans.plan import RunPlan
from mimolearn.results.statistics import ENOUGH_CLUSTERS
from mimolearn.studies.kinds.base import Result

_USUAL_ERRORS = 100
# Of a 95 % interval at either end.
_TAIL = 0.025


class Seen(NamedTuple):
    """Sums over a prefix of chunks.

    Attributes:
        errors: of the metric's unit.
        squares: of the errors of each cluster.
        channels: that were simulated.
        vectors: that were simulated.
        trials: the units that the errors are of.
        clusters: channels, or blocks after decoding, that are independent.
    """

    errors: int = 0
    squares: int = 0
    channels: int = 0
    vectors: int = 0
    trials: int = 0
    clusters: int = 0


class StopRule(NamedTuple):
    """When the errors of a point are enough.

    The errors must also be those of ``ENOUGH_CLUSTERS`` effective clusters: a hundred errors of
    three bad channels say little. Whoever asks for fewer than 100 errors is content with as much
    fewer clusters. A point without errors is finished as well, once its rate is known (95 %) to lie
    under the floor.

    Attributes:
        metric: whose unit the errors are of.
        min_errors: how many are enough.
        min_channels: on at least so many channels.
        max_vectors: vectors that are enough whatever the errors.
        floor: an error rate; 0 for none.
    """

    metric: str
    min_errors: int
    min_channels: int
    max_vectors: int
    floor: float = 0.0

    @classmethod
    def of(cls, plan: RunPlan) -> StopRule:
        """The rule of a plan."""
        most = plan.max_vectors
        return cls(plan.metric, plan.min_errors, plan.min_channels, most, plan.floor_rate)

    @property
    def min_clusters(self) -> float:
        """Effective clusters of errors that are enough."""
        return ENOUGH_CLUSTERS * min(self.min_errors, _USUAL_ERRORS) / _USUAL_ERRORS

    def added(self, seen: Seen, result: Any) -> Seen:
        """What was seen, and a chunk's counts."""
        counts = result.counts
        # A coded block spans several channels, or over a grid several blocks share one.
        decoded = self.metric in BLOCK_METRICS
        clusters = min(counts.blocks, counts.channels) if decoded else counts.channels
        return Seen(
            seen.errors + counts.errors(self.metric),
            seen.squares + sum(n * n for n in result.cluster_errors(self.metric).tolist()),
            seen.channels + counts.channels,
            seen.vectors + counts.vectors,
            seen.trials + counts.trials(self.metric),
            seen.clusters + clusters,
        )

    @property
    def clean_clusters(self) -> float:
        """Clusters without an error that show the rate to lie under the floor; infinite without.

        The bound of ``results.statistics`` on a rate of which no error was seen.
        """
        if not 0 < self.floor < 1:
            return math.inf
        # One more, so that no rounding decides.
        return math.ceil(math.log(_TAIL) / math.log1p(-self.floor)) + 1

    def holds(self, seen: Seen) -> bool:
        """True when this much is enough."""
        enough = seen.errors >= self.min_errors and seen.channels >= self.min_channels
        # Integers, so that no rounding decides: errors^2 / squares is the effective number.
        clusters = ENOUGH_CLUSTERS * min(self.min_errors, _USUAL_ERRORS) * seen.squares
        enough = enough and _USUAL_ERRORS * seen.errors**2 >= clusters
        clean = seen.errors == 0 and seen.channels >= self.min_channels
        clean = clean and seen.clusters >= self.clean_clusters
        return enough or clean or seen.vectors >= self.max_vectors

    def expected_chunks(self, seen: Seen, length: int) -> int:
        """How many chunks will be enough, judged by the errors of those that were seen."""
        if length == 0:
            return 1
        vectors = self.min_channels * seen.vectors / seen.channels
        # Half an error more keeps the estimate finite before the first one.
        vectors = max(vectors, self.min_errors / (seen.errors + 0.5) * seen.vectors)
        if seen.errors:
            effective = seen.errors**2 / seen.squares
            vectors = max(vectors, self.min_clusters / effective * seen.vectors)
        else:
            vectors = min(vectors, self.clean_clusters / max(seen.clusters, 1) * seen.vectors)
        per_chunk = seen.vectors / length
        return max(length + 1, round(min(vectors, self.max_vectors) / per_chunk))

    def max_chunks(self, chunk_vectors: int) -> int:
        """So many chunks of chunk_vectors vectors are always enough."""
        return -(-self.max_vectors // chunk_vectors)


class FixedChannels(NamedTuple):
    """So many channels, in whole chunks, whatever they show; each counts as one vector."""

    channels: int
    chunk_channels: int

    def added(self, seen: Seen, result: Any) -> Seen:
        """What was seen, and a chunk's channels."""
        channels = seen.channels + result.channels
        return Seen(channels=channels, vectors=channels, trials=channels)

    def holds(self, seen: Seen) -> bool:
        """True when all channels were seen."""
        return seen.channels >= self.channels

    def expected_chunks(self, seen: Seen, length: int) -> int:
        """Chunks of all channels."""
        return -(-self.channels // self.chunk_channels)

    def max_chunks(self, chunk_vectors: int) -> int:
        """Chunks of all channels."""
        return -(-self.channels // self.chunk_channels)


Rule = StopRule | FixedChannels


class PointState:
    """Chunks of one contender at one SNR, in whatever order they arrive.

    Attributes:
        length: the shortest prefix 0..length-1 of finished chunks on which the rule holds, or the
            longest one there is while it does not. Chunks beyond it wait and are not counted.
    """

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._chunks: dict[int, Result] = {}
        self.length = 0
        self.seen = Seen()
        self.finished = False

    def add(self, chunk: int, result: Result) -> None:
        """Take in a chunk."""
        self._chunks[chunk] = result
        while not self.finished and self.length in self._chunks:
            self.seen = self._rule.added(self.seen, self._chunks[self.length])
            self.length += 1
            self.finished = self._rule.holds(self.seen)

    def has(self, chunk: int) -> bool:
        """True when the chunk is here."""
        return chunk in self._chunks

    def total(self) -> Any:
        """The result over the prefix, which has at least one chunk."""
        prefix = [self._chunks[chunk] for chunk in range(self.length)]
        return type(prefix[0]).join(prefix)

    def expected_chunks(self) -> int:
        """How many chunks the point will take, judged by those so far."""
        if self.finished:
            return max(self.length, 1)
        return self._rule.expected_chunks(self.seen, self.length)
