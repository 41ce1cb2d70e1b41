"""The application, what its commands share, and the one place where an error becomes a line."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from mimolearn.errors import MimolearnError

app = typer.Typer(
    name="mimolearn",
    help="Which MIMO receiver should I run, how good is it really, and what does it cost?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

# What a shell reports of a process that SIGINT ended; typer answers Ctrl-C with it too.
_INTERRUPTED = 130

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


def stdout() -> Console:
    """The console for results."""
    # A pipe has no width of its own: wide enough that no table is cut.
    return Console() if sys.stdout.isatty() else Console(width=160)


def _version(wanted: bool) -> None:
    if wanted:
        import mimolearn

        sys.stdout.write(f"mimolearn {mimolearn.__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: every expected failure is one line on standard error and a non-zero exit."""
    try:
        code = app(standalone_mode=False)
        if code == _INTERRUPTED:
            _fail("stopped; what was finished is kept, and the same command goes on", code)
    except MimolearnError as error:
        code = _fail(" ".join(str(error).split()), 2)
    except typer.exceptions.TyperException as error:
        code = _fail(error.format_message(), 2)
    except typer.Abort:
        code = _fail("stopped", _INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (for example `| head`); Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        code = _fail(f"{where}{error.strerror or error}", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return code
