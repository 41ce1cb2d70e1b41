"""What SQLite reports, as one line that names the file and the cause, and what to do."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mimolearn.foundation.errors import ResultsFileError

_NO_MEMORY = "this machine has no memory left for it; everything finished before is kept"
# By the primary result code of SQLite (the low byte). {} is SQLite's own text.
_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk is full; all chunks finished before are kept, make room and run "
    "again",
    sqlite3.SQLITE_READONLY: "the file or its folder cannot be written to",
    sqlite3.SQLITE_PERM: "the file may not be opened ({})",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened or created ({})",
    sqlite3.SQLITE_BUSY: "another process has kept it locked for long",
    sqlite3.SQLITE_LOCKED: "another process has kept it locked for long",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write it ({})",
    sqlite3.SQLITE_PROTOCOL: "its file system does not lock files as SQLite needs it ({}), as some "
    "network drives; put the file on a local disk",
    sqlite3.SQLITE_NOLFS: "its file system does not take files of this size ({})",
    sqlite3.SQLITE_NOMEM: _NO_MEMORY,
    sqlite3.SQLITE_INTERRUPT: "the work on it was interrupted; run again, what was finished is "
    "kept",
    sqlite3.SQLITE_NOTADB: "not a results file of mimolearn, or damaged",
}
# A check of the file reports a page that it could not read by such a code.
_PAGE_ERROR = re.compile(r"error code[ =:]+(\d+)")


@contextmanager
def sqlite_errors(name: str) -> Iterator[None]:
    """Turn errors of SQLite into a ResultsFileError about the file ``name``."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(name, error) from None
    except MemoryError:
        # Python raises this in place of SQLITE_NOMEM.
        raise ResultsFileError(f"{name}: {_NO_MEMORY}") from None
    except UnicodeDecodeError:
        # A damaged name that SQLite puts into its own message is one that Python cannot read.
        raise damaged(name, "a text in it is not UTF-8") from None


def explain(name: str, error: sqlite3.Error) -> ResultsFileError:
    """The cause of an error of SQLite. Only what SQLite calls damaged is called so."""
    text = _one_line(error)
    # Errors of Python's own module have no code.
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF == sqlite3.SQLITE_CORRUPT:
        return damaged(name, text)
    if code is None and "UTF-8" in text:
        return damaged(name, text)
    if code is not None and code & 0xFF == sqlite3.SQLITE_CANTOPEN:
        text = _why_not_opened(name) or text
    return _refusal(name, code, text)


def _why_not_opened(name: str) -> str:
    """What the system says of opening the file, which SQLite keeps to itself; or nothing."""
    try:
        with Path(name).open("rb"):
            return ""
    except FileNotFoundError:
        folder = Path(name).parent
        return f"{folder} may not be written to" if folder.is_dir() else f"no folder {folder}"
    except OSError as error:
        return error.strerror or ""


def check_sound(name: str, verdict: str) -> None:
    """Raise ResultsFileError unless SQLite's check of a file was passed.

    Args:
        name: of the file.
        verdict: first line of what the check says.
    """
    if verdict == "ok":
        return
    code = _PAGE_ERROR.search(verdict)
    if code is not None and int(code[1]) & 0xFF in _CAUSES:
        raise _refusal(name, int(code[1]), _one_line(verdict))
    raise damaged(name, verdict)


def damaged(name: str, detail: str) -> ResultsFileError:
    """The error for a file that is known to be damaged."""
    return ResultsFileError(
        f"{name}: results file is damaged ({_one_line(detail)}); restore it from a copy, or delete "
        "it and simulate again"
    )


def _refusal(name: str, code: int | None, text: str) -> ResultsFileError:
    cause = None if code is None else _CAUSES.get(code & 0xFF)
    if cause is None:
        return ResultsFileError(f"{name}: cannot be read or written, SQLite says: {text}")
    return ResultsFileError(f"{name}: {cause.format(text)}")


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:120]
