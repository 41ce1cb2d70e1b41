"""Progress of a command on standard error: a bar on a terminal, lines in a log or a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn
from rich.table import Column

from mimolearn.report.text.terminal import TerminalConsole, is_animated


class Shown(NamedTuple):
    """What is shown of one event: its words, and how much of the whole is done."""

    text: str
    done: float
    total: float


@contextmanager
def progress_bar(
    quiet: bool,
    shown: Callable[[Any], Shown],
    clock: ProgressColumn | None = None,
    *,
    topic: Callable[[Any], Any] | None = None,
    plain: Callable[[Any], str] | None = None,
) -> Iterator[Callable[[Any], None] | None]:
    """A callback for a run's events; None when quiet.

    clock: a column of times beside the bar. topic: a log gets a line for every new one,
    without it for every event. plain: the words of that line, by default those of the bar.
    """
    if quiet:
        yield None
        return
    console = TerminalConsole(stderr=True)
    if not is_animated(console):
        yield _Lines(console, topic, plain or (lambda event: shown(event).text))
        return
    # Words wrap in place of being cut.
    words = TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold"))
    bar = BarColumn(bar_width=40 if console.width >= 100 else 12)
    columns = (words, bar, TaskProgressColumn(), *([] if clock is None else [clock]))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting")

        def update(event: Any) -> None:
            text, done, total = shown(event)
            text = console.render_str(text).plain
            progress.update(task, description=text, completed=done, total=total)

        yield update


class _Lines:
    def __init__(
        self,
        console: TerminalConsole,
        topic: Callable[[Any], Any] | None,
        words: Callable[[Any], str],
    ) -> None:
        self._console, self._topic, self._words = console, topic, words
        self._last: Any = None

    def __call__(self, event: Any) -> None:
        topic = None if self._topic is None else self._topic(event)
        if topic is None or topic != self._last:
            self._last = topic
            self._console.print(self._words(event), soft_wrap=True)
