"""What a run knows and what it needs next. Nothing here depends on time or on workers."""

from __future__ import annotations

from collections.abc import Iterator

from mimolearn.link.scenario import Scenario
from mimolearn.plans.plan import RunPlan, canonical_snr
from mimolearn.results.comparison import Curve, Point
from mimolearn.studies.execution.executors import Task
from mimolearn.studies.kinds.chunk import ChunkResult, chunk_channels
from mimolearn.studies.progress import ContenderProgress
from mimolearn.studies.stopping import PointState, StopRule


class Schedule:
    """The grid of points, contender by SNR, with the chunks of each.

    Contenders share draws where they need the same chunk; low chunks go first and SNRs take turns,
    so that the low SNRs, which finish soon, tell early which high ones can be left out.
    """

    def __init__(self, scenario: Scenario, plan: RunPlan) -> None:
        self.scenario_key = scenario.key()
        self.contender_keys = [contender.key() for contender in plan.contenders]
        self._channel_reuse = scenario.channel_reuse
        self._plan = plan
        self._snrs = [canonical_snr(snr) for snr in plan.snr_db]
        self._position = {snr: j for j, snr in enumerate(self._snrs)}
        rule = StopRule.of(plan)
        self._states = [[PointState(rule) for _ in self._snrs] for _ in plan.contenders]
        # Position of the lowest SNR at which each contender lies under the floor.
        self._under_floor = [len(self._snrs)] * len(plan.contenders)
        self._running: set[tuple[int, int]] = set()
        vectors = chunk_channels(scenario) * scenario.channel_reuse
        self._max_chunks = -(-plan.max_vectors // vectors)

    def points(self) -> Iterator[tuple[int, str]]:
        """Every (contender position, canonical SNR) of the plan."""
        for i in range(len(self._plan.contenders)):
            for snr in self._snrs:
                yield i, snr

    def add(self, contender: int, snr: str, chunk: int, result: ChunkResult) -> None:
        """Take in a chunk of one contender."""
        position = self._position[snr]
        state = self._states[contender][position]
        known = state.finished
        state.add(chunk, result)
        if state.finished and not known and position < self._under_floor[contender]:
            point = self._point(contender, position)
            if point.interval(self._plan.metric).high < self._plan.floor_rate:
                self._under_floor[contender] = position

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
        self._running.add((j, chunk))
        wanting = tuple(i for i in self._active(j) if not self._states[i][j].has(chunk))
        return Task(self._snrs[j], chunk, wanting)

    def complete(self, task: Task, results: list[ChunkResult]) -> None:
        """Take in the results of a task."""
        self._running.discard((self._position[task.snr], task.chunk))
        for contender, result in zip(task.contenders, results, strict=True):
            self.add(contender, task.snr, task.chunk, result)

    @property
    def num_running(self) -> int:
        """Tasks handed out and not completed."""
        return len(self._running)

    @property
    def done(self) -> bool:
        """True when every point is finished or left out."""
        return not any(self._active(j) for j in range(len(self._snrs)))

    def num_chunks(self) -> tuple[int, int]:
        """(done, expected) over all points; contenders that share a chunk count once."""
        done = expected = 0
        for j in range(len(self._snrs)):
            states = [self._states[i][j] for i in self._wanted(j)]
            done += max((state.length for state in states), default=0)
            expected += max((state.expected_chunks() for state in states), default=0)
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
            for i, contender in enumerate(self._plan.contenders)
        )

    def curves(self) -> tuple[Curve, ...]:
        """The points so far; one without any chunk is absent."""
        return tuple(
            Curve(
                contender,
                tuple(
                    self._point(i, j)
                    for j in range(len(self._snrs))
                    if j <= self._under_floor[i] and self._states[i][j].length
                ),
                tuple(self._plan.snr_db[self._under_floor[i] + 1 :]),
            )
            for i, contender in enumerate(self._plan.contenders)
        )

    def _wanted(self, position: int) -> list[int]:
        return [i for i, limit in enumerate(self._under_floor) if position <= limit]

    def _active(self, position: int) -> list[int]:
        return [i for i in self._wanted(position) if not self._states[i][position].finished]

    def _first_missing(self, contender: int, position: int) -> int:
        state = self._states[contender][position]
        chunk = state.length
        while state.has(chunk) or (position, chunk) in self._running:
            chunk += 1
        return chunk

    def _point(self, contender: int, position: int) -> Point:
        state = self._states[contender][position]
        total = state.total()
        snr_db = self._plan.snr_db[position]
        return Point(
            snr_db,
            total.counts,
            total.positions,
            self._channel_reuse,
            state.finished,
            total.blocks,
        )
