"""The terminal: text as it is, in any encoding, with escape codes only where they are wanted."""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, TextIO, cast

from rich.console import Console
from rich.text import Text

from mimolearn.foundation.errors import printable

_PIPE_WIDTH = 160
# The name of the error handler that writes a character that an encoding lacks in ASCII.
ASCII_FALLBACK = "mimolearn-ascii"

_ASCII = str.maketrans(
    {
        **dict.fromkeys("–—−‐‑─━═╌┄", "-"),
        **dict.fromkeys("│┃║╎", "|"),
        **dict.fromkeys("“”„", '"'),
        **dict.fromkeys("‘’‚", "'"),
        **dict.fromkeys("µμ", "u"),
        **dict.fromkeys("↓↑", "^"),
        "±": "+-",
        "×": "x",
        "·": ".",
        "…": "...",
        "→": "->",
        "‖": "||",
        "σ": "sigma",
        "≤": "<=",
        "≥": ">=",
    }
)


def to_ascii(text: str) -> str:
    """A text in ASCII: by likeness where there is one, else by question marks.

    >>> to_ascii("3 ± 1 µs, 2 × 4, Zoë")
    '3 +- 1 us, 2 x 4, Zoe'
    """
    return "".join(_to_ascii(letter) for letter in text.translate(_ASCII))


def _to_ascii(letter: str) -> str:
    if letter.isascii():
        return letter
    if "\udc80" <= letter <= "\udcff":
        # A byte of a file name that is not valid in the system's encoding.
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if "\u2500" <= letter <= "\u257f":
        return "+"
    if "\u2800" <= letter <= "\u28ff":
        return "*"
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return plain or "?"


def encodable(text: str, encoding: str) -> str:
    """A text in which every character that an encoding lacks is replaced."""
    try:
        return text.encode(encoding, ASCII_FALLBACK).decode(encoding)
    except LookupError:
        return to_ascii(text)


def _fall_back(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return to_ascii(error.object[error.start : error.end]), error.end


codecs.register_error(ASCII_FALLBACK, _fall_back)


class TerminalConsole(Console):
    """A console on which every string is plain text: no markup, no emoji codes, no highlighting.

    stderr: for progress; else for results. Under ``TERM=dumb``, ``NO_COLOR`` and in a pipe it
    writes no escape codes."""

    def __init__(self, *, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in ("dumb", "unknown")
        super().__init__(
            stderr=stderr,
            markup=False,
            emoji=False,
            highlight=False,
            color_system=None if plain else "auto",
            width=_width(stream, plain),
        )

    @property
    def encoding(self) -> str:
        """That of the stream; rich knows it of a stream of its own only."""
        return (getattr(self.file, "encoding", None) or "utf-8").lower()

    def render_str(self, text: str, **style: Any) -> Text:
        """A string as plain text that the stream can write."""
        style |= {"markup": False, "emoji": False, "highlight": False, "highlighter": None}
        return super().render_str(encodable(printable(text), self.encoding), **style)


def is_animated(console: Console) -> bool:
    """True where lines may be drawn again in place, as a live table does."""
    return console.is_terminal and not console.is_dumb_terminal and not console.no_color


class SafeStream:
    """A text stream to which everything can be written, whoever reads it.

    A character that its encoding lacks is written in ASCII. After the reader went away (``| head``)
    what is written is dropped, and the program goes on to its own end.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ASCII_FALLBACK)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write or drop a text."""
        try:
            return self.stream.write(text)
        except BrokenPipeError:
            self.drop()
            return len(text)

    def flush(self) -> None:
        """Write out or drop what waits."""
        try:
            self.stream.flush()
        except BrokenPipeError:
            self.drop()

    def drop(self) -> None:
        """Write into nothing from now on."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nothing, self.stream.fileno())
        finally:
            os.close(nothing)


@contextmanager
def safe_streams() -> Iterator[None]:
    """Make standard output and standard error safe, and write them out at the end."""
    before = sys.stdout, sys.stderr
    # A shell's ">&-" closes a stream; Python then has None in its place.
    safe = [SafeStream(stream or open(os.devnull, "w", encoding="utf-8")) for stream in before]  # noqa: SIM115, PTH123 (stays open until the process ends)
    sys.stdout, sys.stderr = cast(TextIO, safe[0]), cast(TextIO, safe[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in safe:
            try:
                stream.flush()
            except OSError:
                # Python would complain of a full disk again at its end.
                stream.drop()


def _width(stream: IO[str] | None, plain: bool) -> int | None:
    """None where rich finds the width itself, and follows it when the window changes."""
    try:
        is_terminal = stream is not None and stream.isatty()
    except ValueError:
        is_terminal = False
    if not is_terminal:
        # A pipe has no width of its own.
        return _PIPE_WIDTH
    if not plain or stream is None:
        return None
    # rich takes every dumb terminal to have 80 columns.
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None
