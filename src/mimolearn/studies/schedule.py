"""What a run knows and what it needs next. Nothing here depends on time or on workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from mimolearn.plans.plan import canonical_snr
from mimolearn.studies.kinds.base import Kind, Task
from mimolearn.studies.progress import ContenderProgress
from mimolearn.studies.stopping import PointState, Rule


class Known(NamedTuple):
    """One contender at one SNR.

    Attributes:
        snr_db: in dB.
        result: over the chunks so far.
        finished: whether the stop rule holds.
    """

    snr_db: float
    result: Any
    finished: bool


class Schedule:
    """The grid of points, contender by SNR, with the chunks of each.

    Contenders share draws where they need the same chunk, if the kind does so; low chunks go first
    and SNRs take turns, so that the low SNRs, which finish soon, tell early which high ones can be
    left out.

    Args:
        kind: contenders on a scenario.
        snr_db: SNRs in dB, ascending.
        rule: when a point is finished.
        leaves_out: from (SNR in dB, result) of a finished point, whether the contender is left out
            at all higher SNRs.
    """

    def __init__(
        self,
        kind: Kind,
        snr_db: Sequence[float],
        rule: Rule,
        leaves_out: Callable[[float, Any], bool] | None = None,
    ) -> None:
        self.kind = kind
        self.snr_db = tuple(snr_db)
        self._leaves_out = leaves_out
        self._contenders = range(len(kind.contenders))
        self._snrs = [canonical_snr(snr) for snr in snr_db]
        self._position = {snr: j for j, snr in enumerate(self._snrs)}
        self._states = [[PointState(rule) for _ in self._snrs] for _ in self._contenders]
        # Position of the SNR above which each contender is left out.
        self._last = [len(self._snrs)] * len(kind.contenders)
        # (SNR position, chunk, contender) of what was handed out.
        self._running: set[tuple[int, int, int]] = set()
        self.num_running = 0
        self._max_chunks = rule.max_chunks(kind.chunk_vectors)

    def points(self) -> Iterator[tuple[int, str]]:
        """Every (contender position, canonical SNR) of the plan."""
        for i in self._contenders:
            for snr in self._snrs:
                yield i, snr

    def add(self, contender: int, snr: str, chunk: int, result: Any) -> None:
        """Take in a chunk of one contender.

        Args:
            contender: its position.
            snr: canonical.
            chunk: its number.
            result: of the contender on the chunk.
        """
        position = self._position[snr]
        state = self._states[contender][position]
        known = state.finished
        state.add(chunk, result)
        if self._leaves_out is None or known or not state.finished:
            return
        below = position < self._last[contender]
        if below and self._leaves_out(self.snr_db[position], state.total()):
            self._last[contender] = position

    def next_task(self) -> Task | None:
        """The most useful chunk that is neither here nor under way; None when there is none."""
        best: tuple[int, int] | None = None
        for j in range(len(self._snrs)):
            missing = [self._first_missing(i, j) for i in self._active(j)]
            chunk = min(missing, default=self._max_chunks)
            if chunk < self._max_chunks and (best is None or chunk < best[0]):
                best = chunk, j
        if best is None:
            return None
        chunk, j = best
        wanting = [i for i in self._active(j) if self._is_missing(i, j, chunk)]
        chosen = tuple(wanting if self.kind.shares_draws else wanting[:1])
        self._running |= {(j, chunk, i) for i in chosen}
        self.num_running += 1
        return Task(self._snrs[j], chunk, chosen)

    def complete(self, task: Task, results: Sequence[Any]) -> None:
        """Take in the results of a task."""
        j = self._position[task.snr]
        self._running -= {(j, task.chunk, i) for i in task.contenders}
        self.num_running -= 1
        for contender, result in zip(task.contenders, results, strict=True):
            self.add(contender, task.snr, task.chunk, result)

    @property
    def done(self) -> bool:
        """True when every point is finished or left out."""
        return not any(self._active(j) for j in range(len(self._snrs)))

    def num_chunks(self) -> tuple[int, int]:
        """(done, expected) over all points; contenders that share a chunk count once."""
        done = expected = 0
        for j in range(len(self._snrs)):
            states = [self._states[i][j] for i in self._wanted(j)]
            done += self._together(state.length for state in states)
            expected += self._together(state.expected_chunks() for state in states)
        return done, expected

    def progress(self, snr: str) -> tuple[ContenderProgress, ...]:
        """Where each contender stands at one SNR."""
        j = self._position[snr]
        return tuple(
            ContenderProgress(
                contender.label,
                self._states[i][j].seen.errors,
                self._states[i][j].seen.vectors,
                self._states[i][j].seen.trials,
                self._states[i][j].finished,
            )
            for i, contender in enumerate(self.kind.contenders)
        )

    def known(self, contender: int) -> list[Known]:
        """What is known of a contender, ascending in SNR; a point without any chunk is absent."""
        states = self._states[contender]
        return [
            Known(self.snr_db[j], state.total(), state.finished)
            for j, state in enumerate(states)
            if j <= self._last[contender] and state.length
        ]

    def skipped_db(self, contender: int) -> tuple[float, ...]:
        """SNRs at which a contender was left out."""
        return self.snr_db[self._last[contender] + 1 :]

    def _together(self, chunks: Iterable[int]) -> int:
        return max(chunks, default=0) if self.kind.shares_draws else sum(chunks)

    def _wanted(self, position: int) -> list[int]:
        return [i for i, last in enumerate(self._last) if position <= last]

    def _active(self, position: int) -> list[int]:
        return [i for i in self._wanted(position) if not self._states[i][position].finished]

    def _is_missing(self, contender: int, position: int, chunk: int) -> bool:
        here = self._states[contender][position].has(chunk)
        return not here and (position, chunk, contender) not in self._running

    def _first_missing(self, contender: int, position: int) -> int:
        chunk = self._states[contender][position].length
        while not self._is_missing(contender, position, chunk):
            chunk += 1
        return chunk
