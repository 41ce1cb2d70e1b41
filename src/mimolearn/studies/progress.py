"""What a running simulation tells whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ContenderProgress:
    """A contender at one SNR.

    Where rates or mean squares are measured, there are no errors, and channels count as vectors.

    Attributes:
        label: the contender's.
        errors: of the plan's metric, so far.
        vectors: simulated so far.
        trials: the units that the errors are of (bits, symbols, vectors, blocks).
        finished: whether the point is.
    """

    label: str
    errors: int
    vectors: int
    trials: int
    finished: bool


@dataclass(frozen=True)
class ProgressEvent:
    """What a run tells after every chunk.

    Attributes:
        snr_db: the point that moved, in dB.
        contenders: all of them at that point.
        done_chunks: over all points.
        total_chunks: over all points, estimated from the errors so far.
        vectors_per_s: drawn by this run, counted once for all contenders.
        elapsed_s: since the start.
        eta_s: seconds left, by that estimate and the pace of the last chunks; None until the first
            chunks, which also compile, are over.
        measured: labels of the contenders that the chunk is of.
        part: of a run over several MCS, the one under way in words; else empty.
    """

    snr_db: float
    contenders: tuple[ContenderProgress, ...]
    done_chunks: int
    total_chunks: int
    vectors_per_s: float
    elapsed_s: float
    eta_s: float | None
    measured: tuple[str, ...] = ()
    part: str = ""


Progress = Callable[[ProgressEvent], None]
