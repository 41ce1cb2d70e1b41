"""How fast work goes, without its first part, which also imports and compiles."""

from __future__ import annotations

from collections import deque

# Chunks that the pace is taken of: enough to even out, few enough to follow a change.
_WINDOW = 64


class Pace:
    """Seconds a chunk of work takes, by the last ones; unknown until the first round is over."""

    def __init__(self, slots: int) -> None:
        """Start to watch.

        Args:
            slots: how many chunks are under way at once. The first of each slot is left out,
                because it also imports and compiles, which takes longer than many chunks.
        """
        self._left_out = slots
        self._done = 0
        # Times, and the chunks that were done by then.
        self._seen: deque[tuple[float, int]] = deque(maxlen=_WINDOW + 1)

    def add(self, now_s: float, chunks: int = 1) -> None:
        """Something was finished.

        Args:
            now_s: the time, in seconds of a clock that never goes back.
            chunks: how many chunks it was.
        """
        self._left_out -= 1
        self._done += chunks
        if self._left_out <= 0:
            self._seen.append((now_s, self._done))

    def seconds_for(self, chunks: int) -> float | None:
        """Seconds that so many chunks will take; None while that is unknown."""
        if chunks <= 0:
            return 0.0
        if len(self._seen) < 2:
            return None
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return chunks * (last_s - first_s) / (last - first)
