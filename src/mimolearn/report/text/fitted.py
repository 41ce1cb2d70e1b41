"""A table that fits the width it gets without cutting a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from mimolearn.foundation.errors import printable
from mimolearn.report.text.terminal import encodable

# Columns that hold words are not made narrower than these, while there is another way.
_LEAST_NAME, _LEAST_WORDS = 16, 20


class Column(NamedTuple):
    """kind: "name" stands at the left of every block, and "words" wrap; a "number" is never cut.

    rank: 0 for a column that is always shown; the highest is left out first.
    """

    heading: str
    kind: Literal["name", "number", "words"] = "number"
    rank: int = 0


class Prose(Text):
    """A cell of a column of numbers that holds words, which may wrap."""


class _Width(NamedTuple):
    """least: the narrowest that is legible. most: what everything takes on one line."""

    least: int
    most: int


class FittedTable:
    """Rows of plain text, laid out when the width is known.

    Where the width does not suffice, words wrap; then columns of a rank are left out, the highest
    first, which a line below says; then the columns are shown in several blocks, one below the
    other. Cells are strings or Texts of one style; nothing in them is markup.
    """

    def __init__(
        self, *columns: Column, title: str = "", caption: str = "", show_header: bool = True
    ) -> None:
        self.columns = columns
        self.title, self.caption = title, caption
        self._show_header = show_header
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: str | Text) -> None:
        """One cell for each column."""
        row = [cell if isinstance(cell, Text) else Text(cell) for cell in cells]
        if len(row) != len(self.columns):
            raise ValueError(f"{len(row)} cells for {len(self.columns)} columns")
        self._rows.append(row)

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        if self.title:
            yield Text(_plain(self.title, options.encoding), style="italic")
        yield from self.blocks(options)
        if self.caption:
            yield Text(_plain(self.caption, options.encoding), style="dim italic")
        missing = [self.columns[i].heading for i in self._left_out(options)]
        if missing:
            words = f"Too narrow for: {', '.join(missing)}."
            yield Text(_plain(words, options.encoding), style="dim")

    def blocks(self, options: ConsoleOptions) -> list[Table]:
        """The table in as many parts as the width asks for."""
        rows = [[_plain_text(cell, options.encoding) for cell in row] for row in self._rows]
        headings = [_plain(column.heading, options.encoding) for column in self.columns]
        return [self._table(part, headings, rows, options) for part in self._parts(options)]

    def _widths(self, options: ConsoleOptions) -> list[_Width]:
        """Of each column."""
        widths = []
        for i, column in enumerate(self.columns):
            heading = _plain(column.heading, options.encoding) if self._show_header else ""
            cells = [(_plain(row[i].plain, options.encoding), row[i]) for row in self._rows]
            longest = max((cell_len(text) for text, _ in cells), default=0)
            # What must stay in one piece: numbers, and each word of the rest.
            pieces = [text for text, cell in cells if not isinstance(cell, Prose)]
            words = [text for text, cell in cells if isinstance(cell, Prose)]
            pieces += [word for text in (heading, *words) for word in text.split()]
            most = max(longest, cell_len(heading), 1)
            least = {
                "name": min(most, max(_LEAST_NAME, options.max_width // 3)),
                "words": min(most, _LEAST_WORDS),
                "number": max([1, *map(cell_len, pieces)]),
            }
            widths.append(_Width(least[column.kind], most))
        return widths

    def _left_out(self, options: ConsoleOptions) -> list[int]:
        """Columns that are not shown."""
        widths = self._widths(options)
        shown = list(range(len(self.columns)))
        by_rank = sorted(shown, key=lambda i: (-self.columns[i].rank, -i))
        dropped = []
        for i in by_rank:
            if self.columns[i].rank == 0 or _total(shown, widths) <= options.max_width:
                break
            shown.remove(i)
            dropped.append(i)
        return sorted(dropped)

    def _parts(self, options: ConsoleOptions) -> list[list[int]]:
        """Columns of each block."""
        widths, dropped = self._widths(options), self._left_out(options)
        names = [i for i, column in enumerate(self.columns) if column.kind == "name"]
        parts: list[list[int]] = [[*names]]
        for i in range(len(self.columns)):
            if i in names or i in dropped:
                continue
            full = _total([*parts[-1], i], widths) > options.max_width
            if full and len(parts[-1]) > len(names):
                parts.append([*names])
            parts[-1].append(i)
        return [sorted(part) for part in parts]

    def _table(
        self,
        part: Sequence[int],
        headings: Sequence[str],
        rows: Sequence[Sequence[Text]],
        options: ConsoleOptions,
    ) -> Table:
        all_widths = self._widths(options)
        widths = self._shared({i: all_widths[i] for i in part}, options.max_width)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=self._show_header)
        for i in part:
            table.add_column(
                Text(headings[i]),
                justify="right" if self.columns[i].kind == "number" else "left",
                width=widths[i],
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(row[i] for i in part))
        return table

    def _shared(self, part: dict[int, _Width], width: int) -> dict[int, int]:
        """What each column of a block gets: its least, and a share of what is left."""
        widths = {i: least for i, (least, _) in part.items()}
        left = width - _overhead(len(part)) - sum(widths.values())
        for kind in ("name", "words", "number"):
            # Where a window is too narrow for anything, all is folded; nothing is cut off.
            for i in part if left < 0 else ():
                if self.columns[i].kind == kind:
                    less = min(-left, widths[i] - 1)
                    widths[i], left = widths[i] - less, left + less
        for kind in ("name", "number", "words"):
            wanting = {i: part[i].most - widths[i] for i in part if self.columns[i].kind == kind}
            wanted = sum(wanting.values())
            for i, more in wanting.items():
                share = more if wanted <= left else max(0, left) * more // wanted
                widths[i] += share
            left -= sum(widths[i] - (part[i].most - more) for i, more in wanting.items())
        return widths


def _overhead(columns: int) -> int:
    """Columns that rich spends on edges, gaps and padding."""
    return 3 * columns + 1


def _total(part: Sequence[int], widths: Sequence[_Width]) -> int:
    return _overhead(len(part)) + sum(widths[i].least for i in part)


def _plain(text: str, encoding: str) -> str:
    return encodable(printable(text, keep=""), encoding)


def _plain_text(text: Text, encoding: str) -> Text:
    return Text(_plain(text.plain, encoding), style=text.style)
