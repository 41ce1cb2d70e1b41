"""What a running simulation tells whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ContenderProgress:
    """A contender at one SNR: errors of the plan's metric, and what was simulated so far.

    trials: the units that the errors are of (bits, symbols, vectors, blocks). Where rates or mean
    squares are measured, there are no errors, and channels count as vectors.
    """

    label: str
    errors: int
    vectors: int
    trials: int
    finished: bool


@dataclass(frozen=True)
class ProgressEvent:
    """Sent after every chunk.

    snr_db: the point that moved, and its contenders. measured: labels of those that the chunk is
    of. done_chunks, total_chunks: over all points,
    the total estimated from the errors so far. vectors_per_s: drawn by this run, counted once for
    all contenders. elapsed_s: since the start. eta_s: seconds left, by that estimate and the pace
    of the last chunks; None until the first chunks, which also compile, are over.
    """

    snr_db: float
    contenders: tuple[ContenderProgress, ...]
    done_chunks: int
    total_chunks: int
    vectors_per_s: float
    elapsed_s: float
    eta_s: float | None
    measured: tuple[str, ...] = ()


Progress = Callable[[ProgressEvent], None]
