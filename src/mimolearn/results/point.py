"""One contender at one SNR: counts, and rates with honest intervals drawn from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mimolearn.foundation.errors import invalid
from mimolearn.plans.counts import (
    BLOCK_METRICS,
    CLAIM_SCALE,
    GMI_SCALE,
    RELIABILITY_EDGES,
    Counts,
    ErrorPositions,
)
from mimolearn.plans.plan import metrics
from mimolearn.results import statistics
from mimolearn.results.llrs.check import Bin
from mimolearn.results.statistics import Interval

UPPER_LIMIT_ERRORS = 100


def cluster_word(metric: str, *, grid: bool) -> str:
    """What is independent: blocks for what is decoded, channels for the rest, slots over a grid.

    Args:
        metric: as for ``RunPlan``.
        grid: whether the link is one over a resource grid.
    """
    if grid:
        return "slots"
    return "blocks" if metric in BLOCK_METRICS else "channels"


@dataclass(frozen=True, eq=False)
class Point:
    """One contender at one SNR.

    A point that was never simulated does not exist.

    Attributes:
        snr_db: in dB, of the scenario's definition.
        counts: integers, over the prefix of chunks that the stop rule picked.
        positions: of the wrong vectors.
        channel_reuse: vectors per channel.
        finished: the stop rule was met; False for a run that was interrupted.
        blocks: wrong blocks of a coded link.
        blocks_per_cluster: blocks that are not independent; those of a slot over a resource grid.
    """

    snr_db: float
    counts: Counts
    positions: ErrorPositions
    channel_reuse: int
    finished: bool
    blocks: ErrorPositions | None = None
    blocks_per_cluster: int = 1

    def rate(self, metric: str = "ber") -> float:
        """Errors over trials; 0.0 means no error was seen, read the interval then.

        Args:
            metric: as for ``RunPlan``; default "ber".
        """
        return self.counts.errors(metric) / (self.trials_each(metric) * self.clusters(metric))

    def interval(self, metric: str = "ber", confidence: float = 0.95) -> Interval:
        """(low, high): confidence interval that knows errors within one channel to be dependent.

        Args:
            metric: as for ``RunPlan``; default "ber".
            confidence: of the interval; default 0.95.
        """
        errors = self.channel_errors(metric)
        return statistics.clustered_interval(errors, self.trials_each(metric), confidence)

    def gmi(self) -> float:
        """Generalised mutual information a bit of a coded link's soft bits, taken at their word."""
        return self.counts.gmi_of()

    def gmi_interval(self, confidence: float = 0.95) -> Interval:
        """(low, high): normal interval of the GMI, blocks being independent.

        Args:
            confidence: of the interval; default 0.95.
        """
        counts = self.counts
        value = self.gmi()
        mean_square = counts.gmi_squares / (counts.blocks * GMI_SCALE**2)
        clusters = counts.blocks / self.blocks_per_cluster
        variance = max(mean_square - (1 - value) ** 2, 0.0) / clusters
        return statistics.normal_interval(value, variance, confidence)

    def rates_after(self) -> tuple[float, ...]:
        """Block error rate after the first transmission, the second, and so on.

        All but the last are shares of blocks that were transmitted again. Without retransmissions
        there is one.
        """
        blocks = self.counts.blocks
        resent = (count / blocks for count in self.counts.resent)
        return (*resent, self.rate("bler"))

    def mean_transmissions(self) -> float:
        """Transmissions of a block, in the mean."""
        return 1 + sum(self.counts.resent) / self.counts.blocks

    def delivered_share(self) -> float:
        """Right blocks a transmission: what of the information rate becomes goodput."""
        return (1 - self.rate("bler")) / self.mean_transmissions()

    def stored_bits(self) -> float:
        """Bits a vector that a quantiser keeps, under an ideal entropy coder; 0 without one."""
        return self.counts.stored_bits / self.counts.vectors

    def reliability(self) -> tuple[Bin, ...]:
        """Claimed and counted error probability of the soft bits that the decoder gets first.

        Returns:
            bins from small to large LLRs; none on an uncoded link.
        """
        ends = (*RELIABILITY_EDGES[1:], math.inf)
        rows = np.array(self.counts.reliability, np.int64).reshape(-1, 3)
        bins = []
        for low, high, (bits, twice, claimed) in zip(
            RELIABILITY_EDGES, ends, rows.tolist(), strict=False
        ):
            if bits:
                counted = statistics.clopper_pearson(twice / 2, bits)
                mean = claimed / (CLAIM_SCALE * bits)
                bins.append(Bin(low, high, bits, mean, twice / 2, counted))
        return tuple(bins)

    def calibration_error(self) -> float | None:
        """Mean distance of claimed and counted error probability; None on an uncoded link."""
        bins = self.reliability()
        if not bins:
            return None
        gaps = (abs((b.errors or 0.0) - b.claimed * b.bits) for b in bins)
        return math.fsum(gaps) / sum(b.bits for b in bins)

    def is_upper_limit(self, metric: str = "ber") -> bool:
        """True when fewer than 100 errors were seen, so that the rate is a bound and no more.

        Args:
            metric: as for ``RunPlan``; default "ber".
        """
        return self.counts.errors(metric) < UPPER_LIMIT_ERRORS

    def effective_clusters(self, metric: str = "ber") -> float:
        """How many equally bad channels, or blocks, the errors are worth; 0 without errors.

        Args:
            metric: as for ``RunPlan``; default "ber".
        """
        positions, reuse = self._wrong(metric)
        cluster = positions.vector // reuse
        _, index = np.unique(cluster, return_inverse=True)
        errors = np.bincount(index, weights=positions.per_vector(metric))
        return statistics.effective_clusters(errors)

    def is_unsure(self, metric: str = "ber") -> bool:
        """True when the errors are worth those of fewer than 16 equally bad channels, or blocks.

        A handful of errors is, too. The interval may then be too narrow.

        Args:
            metric: as for ``RunPlan``; default "ber".
        """
        return self.effective_clusters(metric) < statistics.ENOUGH_CLUSTERS

    def clusters(self, metric: str = "ber") -> int:
        """Independent ones: blocks for what is decoded, channels for the rest.

        Args:
            metric: as for ``RunPlan``; default "ber".
        """
        if metric not in BLOCK_METRICS:
            return self.counts.channels
        return self.counts.blocks // self.blocks_per_cluster

    def trials_each(self, metric: str = "ber") -> int:
        """Units of the metric in a cluster.

        Args:
            metric: as for ``RunPlan``; default "ber".
        """
        clusters = self.clusters(metric)
        if not clusters:
            raise invalid("metric", metric, "ber, ser or ver: the scenario has no coding")
        return self.counts.trials(metric) // clusters

    def channel_errors(self, metric: str = "ber", num_channels: int | None = None) -> np.ndarray:
        """Errors of each cluster: a channel, or a block for the metrics of blocks.

        Args:
            metric: as for ``RunPlan``.
            num_channels: the first clusters; None for all that were simulated.

        Returns:
            (clusters,) int64 errors of the metric's unit.
        """
        count = self.clusters(metric) if num_channels is None else num_channels
        positions, reuse = self._wrong(metric)
        return positions.per_channel(metric, count, reuse)

    def wrong(self, metric: str, num_clusters: int) -> np.ndarray:
        """Positions of the wrong vectors, or blocks, within the first clusters.

        Args:
            metric: as for ``RunPlan``.
            num_clusters: how many clusters, from the first on.

        Returns:
            (wrong,) int64, ascending.
        """
        positions, reuse = self._wrong(metric)
        return positions.vector[positions.vector < num_clusters * reuse]

    def metrics(self) -> tuple[str, ...]:
        """The error rates that were counted."""
        return tuple(m for m in metrics() if self.counts.blocks or m not in BLOCK_METRICS)

    def _wrong(self, metric: str) -> tuple[ErrorPositions, int]:
        if metric not in BLOCK_METRICS:
            return self.positions, self.channel_reuse
        if self.blocks is None:
            raise invalid("metric", metric, "ber, ser or ver: the scenario has no coding")
        return self.blocks, self.blocks_per_cluster

    def work_per_vector(self) -> float | None:
        """Real multiplications per vector that a data-dependent search spent, else None."""
        work = self.counts.work
        return None if work is None else work / self.counts.vectors
