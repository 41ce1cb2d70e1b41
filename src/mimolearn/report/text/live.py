"""What a running simulation shows: errors counted so far, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from mimolearn.link.grid_scenario import GridScenario
from mimolearn.plans.plan import AnyScenario
from mimolearn.report.numbers import format_left
from mimolearn.report.text.fitted import FittedTable
from mimolearn.report.text.tables import over_snr
from mimolearn.report.text.terminal import is_animated
from mimolearn.studies import METRIC_LABELS, ContenderProgress, ProgressEvent, RunPlan

_PLAIN_INTERVAL_S = 10.0


@contextmanager
def live_progress(
    console: Console, scenario: AnyScenario, plan: RunPlan
) -> Iterator[Callable[[ProgressEvent], None]]:
    """A callback for ``simulate``: a live table on a terminal, else a line every ten seconds.

    Args:
        console: where it is written.
        scenario: that of the run.
        plan: that of the run.
    """
    if not is_animated(console):
        yield _PlainProgress(console)
        return
    view = _LiveTable(scenario, plan)
    with Live(view, console=console, refresh_per_second=5, transient=True) as live:

        def update(event: ProgressEvent) -> None:
            view.take(event)
            live.update(view)

        yield update


class _LiveTable:
    """Contenders down, SNRs across: the rate once it is known, the errors while it is not."""

    def __init__(self, scenario: AnyScenario, plan: RunPlan) -> None:
        self._plan = plan
        # Over a resource grid people count slots.
        grid = isinstance(scenario, GridScenario)
        self._unit = "slots" if grid else "vectors"
        self._unit_vectors = scenario.vectors_per_cluster if grid else 1
        self._seen: dict[tuple[str, float], ContenderProgress] = {}
        self._event: ProgressEvent | None = None

    def take(self, event: ProgressEvent) -> None:
        if self._event is not None and event.part != self._event.part:
            self._seen.clear()
        self._event = event
        for progress in event.contenders:
            self._seen[progress.label, event.snr_db] = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bar = console.render_lines(self._bar(options), options, pad=False)
        room = options.size.height - len(bar)
        lines = self._lines(self._plan.snr_db, console, options)
        if len(lines) > room:
            lines = self._lines(self._unfinished(), console, options)[: max(0, room)]
        for line in [*lines, *bar]:
            yield from line
            yield Segment.line()

    def _lines(
        self, snrs: Sequence[float], console: Console, options: ConsoleOptions
    ) -> list[list[Segment]]:
        blocks = self._table(snrs).blocks(options)
        return [line for block in blocks for line in console.render_lines(block, options)]

    def _table(self, snrs: Sequence[float]) -> FittedTable:
        table = over_snr(f"{METRIC_LABELS[self._plan.metric]} at SNR [dB]", snrs)
        for contender in self._plan.contenders:
            table.add_row(contender.label, *(self._cell(contender.label, snr) for snr in snrs))
        return table

    def _unfinished(self) -> list[float]:
        """SNRs at which some contender is not finished."""

        def finished(label: str, snr_db: float) -> bool:
            seen = self._seen.get((label, snr_db))
            return seen is not None and seen.finished

        labels = [contender.label for contender in self._plan.contenders]
        return [s for s in self._plan.snr_db if not all(finished(label, s) for label in labels)]

    def _cell(self, label: str, snr_db: float) -> Text:
        seen = self._seen.get((label, snr_db))
        if seen is None or seen.trials == 0:
            return Text("·", style="dim")
        if seen.finished:
            return Text(f"{seen.errors / seen.trials:.1e}", style="green")
        return Text(f"{seen.errors} err", style="yellow")

    def _bar(self, options: ConsoleOptions) -> Table:
        line = Table.grid(padding=(0, 1))
        event = self._event
        if event is None:
            line.add_row(Text("starting ...", style="dim"))
            return line
        texts = [
            *([Text(event.part)] if event.part else []),
            Text(f"{event.done_chunks}/{event.total_chunks} chunks"),
            Text(f"{event.vectors_per_s / self._unit_vectors:,.0f} {self._unit}/s", style="dim"),
            Text(format_left(event.eta_s), style="bold"),
        ]
        room = options.max_width - sum(len(text.plain) + 1 for text in texts) - 1
        total = max(event.total_chunks, 1)
        bar = ProgressBar(total=total, completed=event.done_chunks, width=max(4, min(40, room)))
        for _ in range(1 + len(texts)):
            line.add_column(overflow="fold")
        line.add_row(bar, *texts)
        return line


class _PlainProgress:
    """One line every ten seconds, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = time.monotonic()

    def __call__(self, event: ProgressEvent) -> None:
        now = time.monotonic()
        if now - self._last < _PLAIN_INTERVAL_S:
            return
        self._last = now
        errors = ", ".join(f"{c.label} {c.errors}" for c in event.contenders)
        part = f"{event.part}: " if event.part else ""
        self._console.print(
            f"{part}{event.done_chunks}/{event.total_chunks} chunks, "
            f"{format_left(event.eta_s)}; errors at {event.snr_db:g} dB: {errors}",
            highlight=False,
            soft_wrap=True,
        )
