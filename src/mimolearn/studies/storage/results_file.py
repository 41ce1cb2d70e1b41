"""A file of finished chunks in SQLite: every row has a checksum, and every row is accounted for.

One table holds the chunks of all kinds: where a chunk belongs, its payload as bytes, a checksum
over both. Another holds records: texts by kind and name, such as what a scenario's key means.
The table ``tallies`` accounts for both: for each point (scenario, contender, SNR), and for the
records, how many rows there are and the exclusive or of their checksums. A last tally accounts for
the tallies. A transaction that adds a row brings the tallies up to date. So a row that is missing
or that a damaged key has moved is found, which its own checksum cannot tell.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from mimolearn.foundation.errors import ResultsFileError, invalid, user_path
from mimolearn.studies.storage.sqlite_errors import check_sound, damaged, sqlite_errors

# Of the tables below, the same for all kinds of studies. A flipped bit makes it none of 1 and 2,
# which earlier versions wrote: their keys stood for less, so their results are not taken up.
SCHEMA = 4
_APPLICATION_ID = 0x6D696D6F  # "mimo"
_BUSY_TIMEOUT_MS = 60_000
_TABLES = {
    "meta": "name TEXT PRIMARY KEY, value TEXT NOT NULL",
    "records": "kind TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, "
    "checksum BLOB NOT NULL, PRIMARY KEY (kind, name)",
    "chunks": "scenario TEXT NOT NULL, contender TEXT NOT NULL, snr_db TEXT NOT NULL, "
    "chunk INTEGER NOT NULL, payload BLOB NOT NULL, checksum BLOB NOT NULL, "
    "PRIMARY KEY (scenario, contender, snr_db, chunk)",
    "tallies": "name TEXT PRIMARY KEY, num_rows INTEGER NOT NULL, digest BLOB NOT NULL, "
    "checksum BLOB NOT NULL",
}
_STATEMENTS = {
    name: f"CREATE TABLE {name} ({columns}) WITHOUT ROWID" for name, columns in _TABLES.items()
}
_ALL = "all"
_RECORDS = "records"
_NOTHING = bytes(16)


class PointKey(NamedTuple):
    """What chunks belong to.

    Attributes:
        scenario: key of the scenario.
        contender: key of the contender.
        snr_db: canonical SNR.
    """

    scenario: str
    contender: str
    snr_db: str

    @property
    def tally(self) -> str:
        """Name of the tally that accounts for the point's chunks."""
        return "/".join(self)


class ResultsFile:
    """The base of the store: a file, or memory when path is None. Use it in a ``with`` statement.

    Several processes may write to one file: results are determined by their keys, so whoever comes
    second writes nothing, and a chunk that differs is an error. Every change is a transaction: a
    killed process loses only what it had not finished. The folder of a file that is written to is
    made when it is not there.

    Raises:
        ResultsFileError: one line naming the file, for a file of another schema, a damaged one, one
            that cannot be written, and a full disk.
        InvalidInputError: for what names no file.
    """

    def __init__(self, path: str | Path | None = None, *, read_only: bool = False) -> None:
        self.path = None if path is None else _checked(path)
        self._name = ":memory:" if path is None else str(path)
        if self.path is not None and not read_only:
            self._make_folder(self.path)
        with self._errors():
            self._db = self._connect(read_only)
        try:
            with self._errors():
                self._open(read_only)
                with self._transaction("DEFERRED"):
                    self._check_accounts()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was added is in it already."""
        self._db.close()

    # What a store is made of. Whoever calls these has begun a transaction.

    def _put_chunk(self, point: PointKey, chunk: int, payload: bytes) -> None:
        """Add a chunk; one that is there already has to be the same."""
        row = _signed((*point, chunk, payload))
        done = self._db.execute("INSERT OR IGNORE INTO chunks VALUES (?,?,?,?,?,?)", row)
        if done.rowcount:
            self._account(point.tally, None, row[-1])
            return
        query = "SELECT * FROM chunks WHERE scenario=? AND contender=? AND snr_db=? AND chunk=?"
        stored = self._verified(self._db.execute(query, (*point, chunk)).fetchone())
        if not self._is_same(point, stored[4], payload):
            raise ResultsFileError(
                f"{self._name}: contender {point.contender} gave other {self._words(point)} for "
                f"chunk {chunk} at {float(point.snr_db):g} dB than the file holds: it is not "
                "deterministic, or the file comes from another machine or library version; give "
                "another file name"
            )

    def _payloads(self, point: PointKey) -> dict[int, bytes]:
        """All chunks of a point, each verified and none missing."""
        query = "SELECT * FROM chunks WHERE scenario=? AND contender=? AND snr_db=? ORDER BY chunk"
        rows = self._accounted(point.tally, self._db.execute(query, point).fetchall())
        return {row[3]: row[4] for row in rows}

    def _put_record(self, kind: str, name: str, content: str) -> None:
        """Add a record, or replace it."""
        row = _signed((kind, name, content))
        query = "SELECT * FROM records WHERE kind=? AND name=?"
        before = self._db.execute(query, (kind, name)).fetchone()
        if before == row:
            return
        self._db.execute("INSERT OR REPLACE INTO records VALUES (?,?,?,?)", row)
        self._account(_RECORDS, before and self._verified(before)[-1], row[-1])

    def _record(self, kind: str, name: str) -> str | None:
        query = "SELECT * FROM records WHERE kind=? AND name=?"
        row = self._db.execute(query, (kind, name)).fetchone()
        return None if row is None else self._verified(row)[2]

    def _records(self, kind: str) -> dict[str, str]:
        """Contents by name, sorted."""
        rows = self._db.execute("SELECT * FROM records WHERE kind=? ORDER BY name", (kind,))
        return {row[1]: row[2] for row in map(self._verified, rows.fetchall())}

    def _points(self) -> list[PointKey]:
        """Every point that has chunks."""
        query = "SELECT name FROM tallies WHERE name NOT IN (?, ?) ORDER BY name"
        rows = self._db.execute(query, (_ALL, _RECORDS)).fetchall()
        return [PointKey(*row[0].split("/")) for row in rows]

    def _is_same(self, point: PointKey, stored: bytes, payload: bytes) -> bool:
        """Whether two payloads of a point say the same."""
        return stored == payload

    def _words(self, point: PointKey) -> str:
        """What messages call the payloads of a point."""
        return "results"

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        """All that is done inside, or nothing; "DEFERRED": reads of one state of the file."""
        self._db.execute(f"BEGIN {kind}")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # SQLite ends some transactions itself, as on a full disk.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _errors(self) -> Any:
        return sqlite_errors(self._name)

    def _damaged(self, detail: str) -> ResultsFileError:
        return damaged(self._name, detail)

    def _verified(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        if row_checksum(row[:-1]) != row[-1]:
            raise self._damaged("a row does not match its checksum")
        return row

    # Accounts.

    def _account(self, name: str, before: bytes | None, after: bytes) -> None:
        """Bring a tally up to date for a row that is new (before is None) or changed."""
        query = "SELECT * FROM tallies WHERE name=?"
        stored = self._db.execute(query, (name,)).fetchone()
        rows, digest = self._verified(stored)[1:3] if stored else (0, _NOTHING)
        digest = _xor(_xor(digest, before or _NOTHING), after)
        row = _signed((name, rows + (before is None), digest))
        self._db.execute("INSERT OR REPLACE INTO tallies VALUES (?,?,?,?)", row)
        if name != _ALL:
            self._account(_ALL, stored and stored[-1], row[-1])

    def _accounted(self, name: str, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows that a tally accounts for: each verified, none missing, none too many."""
        tally = self._db.execute("SELECT * FROM tallies WHERE name=?", (name,)).fetchone()
        expected = self._verified(tally)[1:3] if tally else (0, _NOTHING)
        digest = functools.reduce(_xor, (self._verified(row)[-1] for row in rows), _NOTHING)
        if (len(rows), digest) != expected:
            raise self._damaged(f"it holds {len(rows)} rows of {name}, {expected[0]} were written")
        return rows

    def _check_accounts(self) -> None:
        """Everything but the payloads, which are verified when they are read."""
        rows = self._db.execute("SELECT * FROM tallies WHERE name != ?", (_ALL,)).fetchall()
        tallies = self._accounted(_ALL, rows)
        self._accounted(_RECORDS, self._db.execute("SELECT * FROM records").fetchall())
        expected = {row[0]: row[1] for row in tallies if row[0] != _RECORDS}
        query = "SELECT scenario, contender, snr_db, count(*) FROM chunks GROUP BY 1, 2, 3"
        counted = {PointKey(*row[:3]): row[3] for row in self._db.execute(query)}
        if {"/".join(map(str, point)): number for point, number in counted.items()} != expected:
            raise self._damaged("chunks are missing, or stand in a wrong place")

    # Opening.

    def _make_folder(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"{self._name}: its folder cannot be made: {error.strerror}"
            raise ResultsFileError(text) from None

    def _connect(self, read_only: bool) -> sqlite3.Connection:
        if self.path is None:
            return sqlite3.connect(":memory:", isolation_level=None)
        wait_s = _BUSY_TIMEOUT_MS / 1000
        if not read_only:
            return sqlite3.connect(self.path, timeout=wait_s, isolation_level=None)
        if not self.path.is_file():
            raise ResultsFileError(f"{self._name}: no such results file")
        # A file without a write-ahead log can be read where not even a lock can be written.
        log = self.path.with_name(self.path.name + "-wal")
        mode = "mode=ro" if log.exists() else "mode=ro&immutable=1"
        uri = f"{self.path.absolute().as_uri()}?{mode}"
        return sqlite3.connect(uri, uri=True, timeout=wait_s, isolation_level=None)

    def _open(self, read_only: bool) -> None:
        if not read_only and self._is_empty():
            self._create()
        application, version = self._version()
        if application != _APPLICATION_ID:
            raise ResultsFileError(f"{self._name}: not a results file of mimolearn")
        if version != SCHEMA:
            raise ResultsFileError(
                f"{self._name}: results file of schema {version}, this version of mimolearn "
                f"reads schema {SCHEMA}; give another file name and simulate again"
            )
        if self.path is not None:
            check_sound(self._name, self._db.execute("PRAGMA quick_check(1)").fetchone()[0])
        self._check_schema()
        if self.path is not None and not read_only:
            self._use_write_ahead_log()
            # A power cut may cost the last seconds, never the file; a crash costs nothing.
            self._db.execute("PRAGMA synchronous = NORMAL")

    def _is_empty(self) -> bool:
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return tables == 0 and self._version() == (0, 0)

    def _create(self) -> None:
        with self._transaction():
            # Another process may have been first; the lock is held from here on.
            if self._is_empty():
                self._make_tables()

    def _make_tables(self) -> None:
        for statement in _STATEMENTS.values():
            self._db.execute(statement)
        self._db.execute("INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA),))
        self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        self._db.execute(f"PRAGMA user_version = {SCHEMA}")

    def _check_schema(self) -> None:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
        tables = dict(self._db.execute(query).fetchall())
        if not _STATEMENTS.items() <= tables.items():
            raise self._damaged(f"its tables are not those of schema {SCHEMA}")
        row = self._db.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        if row is None or row[0] != str(SCHEMA):
            raise self._damaged("it contradicts itself about its schema")

    def _use_write_ahead_log(self) -> None:
        # The change of mode is the one step that does not wait for other processes by itself.
        give_up = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
        while True:
            try:
                # Where the file system cannot serve such a log, the answer is another mode, which
                # is as safe.
                self._db.execute("PRAGMA journal_mode = WAL").fetchone()
                return
            except sqlite3.OperationalError as error:
                code = error.sqlite_errorcode & 0xFF
                waits = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not waits or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)

    def _version(self) -> tuple[int, int]:
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        return application, self._db.execute("PRAGMA user_version").fetchone()[0]


def _checked(path: str | Path) -> Path:
    """A path that names a file, in SQLite's eyes too."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise invalid("store", path, "a file name, or None for memory")
    if text == ":memory:" or text.startswith("file:"):
        raise invalid("store", text, "a plain file name, or None for memory")
    # Path.is_dir raises for names that are too long.
    if os.path.isdir(user_path(text)):  # noqa: PTH112 (see above)
        raise invalid("store", text, "a file, not a folder")
    return user_path(text)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _signed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row, row_checksum(row))


def row_checksum(row: tuple[Any, ...]) -> bytes:
    """16 bytes over the values of a row."""
    plain = [value.hex() if isinstance(value, bytes) else value for value in row]
    return hashlib.blake2b(json.dumps(plain).encode(), digest_size=16).digest()
