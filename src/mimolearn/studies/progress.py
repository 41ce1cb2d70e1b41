"""What a running simulation tells whoever watches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

# Chunks that the pace is taken of: enough to even out, few enough to follow a change.
_WINDOW = 64


class Pace:
    """Seconds a chunk takes, by the last ones; unknown until the first round is over.

    slots: how many chunks are under way at once. The first of each slot is left out, because it
    also imports and compiles, which takes longer than many chunks.
    """

    def __init__(self, slots: int) -> None:
        self._left_out = slots
        self._times: deque[float] = deque(maxlen=_WINDOW + 1)

    def add(self, now_s: float) -> None:
        """A chunk was finished at this time."""
        self._left_out -= 1
        if self._left_out <= 0:
            self._times.append(now_s)

    def seconds_for(self, chunks: int) -> float | None:
        """Seconds that so many chunks will take; None while that is unknown."""
        if chunks <= 0:
            return 0.0
        if len(self._times) < 2:
            return None
        return chunks * (self._times[-1] - self._times[0]) / (len(self._times) - 1)


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
