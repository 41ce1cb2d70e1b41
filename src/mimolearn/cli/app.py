"""The application, what its commands share, and the one place where an error becomes a line."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from mimolearn.foundation import interrupt
from mimolearn.foundation.errors import MimolearnError, is_out_of_memory, one_line
from mimolearn.report.text.terminal import TerminalConsole, is_animated, safe_streams

app = typer.Typer(
    name="mimolearn",
    help="Which MIMO receiver should I run, how good is it really, and what does it cost?",
    pretty_exceptions_enable=False,
    # Help is plain text: "[onnx]" in it is no markup.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)

_STOPPED = "stopped; what was finished is kept, and the same command goes on"
_SHOW_CURSOR = "\x1b[?25h"
_DEBUG = "--debug"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


def stdout() -> TerminalConsole:
    """The console for results."""
    return TerminalConsole()


def emit(text: str) -> None:
    """A text on standard output, as it is, for programs."""
    sys.stdout.write(text + "\n")


def complain(message: str, code: int) -> int:
    """One line on standard error; returns the exit code."""
    sys.stderr.write(f"error: {one_line(message)}\n")
    return code


def _version(wanted: bool) -> None:
    if wanted:
        import mimolearn

        emit(f"mimolearn {mimolearn.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _common(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(_DEBUG, help="Show the traceback of an error; before or after a command."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        emit(context.get_help())


def main() -> None:
    """Entry point: every failure is one line on standard error and a non-zero exit.

    Exit codes: 2 for what a user can mend, 130 for Ctrl-C, 1 for all else.
    """
    # Detectors of your own, as "module:Name", may lie in the current folder.
    sys.path.append(str(Path.cwd()))
    arguments, debug = _without_debug(sys.argv[1:])
    with _interruptible(), safe_streams():
        code = _run(arguments, debug)
    sys.exit(code)


def _run(arguments: list[str], debug: bool) -> int:
    """Run a command; returns the exit code."""
    try:
        code = app(args=arguments, standalone_mode=False)
        # A full disk behind standard output shows here.
        sys.stdout.flush()
        if code == interrupt.EXIT_CODE:
            complain(_STOPPED, code)
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return complain(_STOPPED, interrupt.EXIT_CODE)
    except typer.Abort:
        return complain("stopped", interrupt.EXIT_CODE)
    except Exception as error:  # the last resort: whatever is not foreseen is one line too
        if debug:
            traceback.print_exc()
        return complain(*_message_and_status(error))


def _message_and_status(error: Exception) -> tuple[str, int]:
    """The line and the exit code of an error."""
    if isinstance(error, MimolearnError):
        return str(error), 2
    if isinstance(error, typer.exceptions.TyperException):
        return error.format_message(), 2
    if is_out_of_memory(error):
        words = "fewer workers, antennas, vectors a channel or a smaller network need less"
        return f"out of memory ({words}): {error}", 1
    if isinstance(error, OSError):
        file = f"{error.filename}: " if error.filename else ""
        return f"{file}{error.strerror or error}", 1
    words = f"{type(error).__name__}: {error}"
    return f"not foreseen, please report it with the traceback that {_DEBUG} shows: {words}", 1


def _without_debug(words: list[str]) -> tuple[list[str], bool]:
    """The command line without ``--debug``, wherever it stands before a ``--``."""
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != _DEBUG]
    return [*kept, *words[end:]], len(kept) < end


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt once; pressed again, it ends the process at once."""
    before: Any = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before == signal.SIG_IGN:
        yield
        return
    # A live table hides the cursor.
    animated = is_animated(TerminalConsole(stderr=True))
    interrupt.set_last_words(f"{_SHOW_CURSOR if animated else ''}error: stopped\n")

    def first(*_: Any) -> None:
        signal.signal(signal.SIGINT, interrupt.end_at_once)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is first:
            signal.signal(signal.SIGINT, before)
        else:
            # The line was written; what is left of the process ends without another.
            interrupt.set_last_words("")
