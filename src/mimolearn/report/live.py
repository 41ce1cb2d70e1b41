"""What a running simulation shows: errors counted so far, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mimolearn.scenario import Scenario
from mimolearn.simulation import METRIC_LABELS, ContenderProgress, ProgressEvent, RunPlan

_PLAIN_INTERVAL_S = 10.0


@contextmanager
def live_progress(
    console: Console, scenario: Scenario, plan: RunPlan
) -> Iterator[Callable[[ProgressEvent], None]]:
    """A callback for ``simulate``: a live table on a terminal, else a line every ten seconds."""
    if not console.is_terminal:
        yield _PlainProgress(console)
        return
    view = _LiveTable(scenario, plan)
    with Live(view, console=console, refresh_per_second=5, transient=True) as live:

        def update(event: ProgressEvent) -> None:
            view.take(event)
            live.update(view)

        yield update


def format_duration(seconds: float) -> str:
    """Seconds as 42 s, 3 min 05 s or 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format_left(seconds: float | None) -> str:
    """The time left in words; None where it is not known yet."""
    return (
        "time left not known yet" if seconds is None else f"about {format_duration(seconds)} left"
    )


class _LiveTable:
    """Contenders down, SNRs across: the rate once it is known, the errors while it is not."""

    def __init__(self, scenario: Scenario, plan: RunPlan) -> None:
        self._plan = plan
        symbols = scenario.num_tx_ant
        bits = symbols * scenario.points().bits_per_symbol
        self._per_vector = {"ber": bits, "ser": symbols, "ver": 1}[plan.metric]
        self._seen: dict[tuple[str, float], ContenderProgress] = {}
        self._event: ProgressEvent | None = None

    def take(self, event: ProgressEvent) -> None:
        self._event = event
        for progress in event.contenders:
            self._seen[progress.label, event.snr_db] = progress

    def __rich__(self) -> Group:
        return Group(self._table(), self._bar())

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column(escape(f"{METRIC_LABELS[self._plan.metric]} at SNR [dB]"), no_wrap=True)
        for snr_db in self._plan.snr_db:
            table.add_column(f"{snr_db:g}", justify="right", no_wrap=True)
        for contender in self._plan.contenders:
            table.add_row(
                contender.label,
                *(self._cell(contender.label, snr_db) for snr_db in self._plan.snr_db),
            )
        return table

    def _cell(self, label: str, snr_db: float) -> Text:
        seen = self._seen.get((label, snr_db))
        if seen is None or seen.vectors == 0:
            return Text("·", style="dim")
        if seen.finished:
            return Text(f"{seen.errors / (seen.vectors * self._per_vector):.1e}", style="green")
        return Text(f"{seen.errors} err", style="yellow")

    def _bar(self) -> Table:
        line = Table.grid(padding=(0, 1))
        event = self._event
        if event is None:
            line.add_row(Text("starting ...", style="dim"))
            return line
        line.add_row(
            ProgressBar(total=max(event.total_chunks, 1), completed=event.done_chunks, width=40),
            Text(f"{event.done_chunks}/{event.total_chunks} chunks"),
            Text(f"{event.vectors_per_s:,.0f} vectors/s", style="dim"),
            Text(format_left(event.eta_s), style="bold"),
        )
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
        self._console.print(
            f"{event.done_chunks}/{event.total_chunks} chunks, "
            f"{format_left(event.eta_s)}; errors at {event.snr_db:g} dB: {errors}",
            highlight=False,
            soft_wrap=True,
        )
