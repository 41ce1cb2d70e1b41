"""The results file: every finished chunk in one SQLite database, each row with a checksum."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from mimolearn.errors import ResultsFileError, user_path
from mimolearn.scenario import Scenario
from mimolearn.simulation.chunk import ChunkResult, chunk_channels
from mimolearn.simulation.contender import Contender
from mimolearn.simulation.counts import Counts, ErrorPositions

STORE_SCHEMA = 1
_APPLICATION_ID = 0x6D696D6F  # "mimo"
_BUSY_TIMEOUT_MS = 60_000

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE scenarios (
  scenario TEXT PRIMARY KEY, content TEXT NOT NULL, chunk_channels INTEGER NOT NULL,
  checksum BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE contenders (
  contender TEXT PRIMARY KEY, content TEXT NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
  scenario TEXT PRIMARY KEY, content TEXT NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE chunks (
  scenario TEXT NOT NULL, contender TEXT NOT NULL, snr_db TEXT NOT NULL, chunk INTEGER NOT NULL,
  chunks INTEGER NOT NULL, channels INTEGER NOT NULL, vectors INTEGER NOT NULL,
  symbols INTEGER NOT NULL, bits INTEGER NOT NULL, bit_errors INTEGER NOT NULL,
  symbol_errors INTEGER NOT NULL, vector_errors INTEGER NOT NULL, nonfinite INTEGER NOT NULL,
  incomplete INTEGER NOT NULL, work INTEGER, positions BLOB NOT NULL, checksum BLOB NOT NULL,
  PRIMARY KEY (scenario, contender, snr_db, chunk)) WITHOUT ROWID;
"""
# Of coded links, beside their rows in ``chunks``. A file from before there was coding has no such
# table and gets one when it is opened for writing.
_BLOCK_TABLE = """
CREATE TABLE IF NOT EXISTS blocks (
  scenario TEXT NOT NULL, contender TEXT NOT NULL, snr_db TEXT NOT NULL, chunk INTEGER NOT NULL,
  blocks INTEGER NOT NULL, info_bits INTEGER NOT NULL, block_errors INTEGER NOT NULL,
  info_bit_errors INTEGER NOT NULL, gmi_loss INTEGER NOT NULL, gmi_squares INTEGER NOT NULL,
  positions BLOB NOT NULL, checksum BLOB NOT NULL,
  PRIMARY KEY (scenario, contender, snr_db, chunk)) WITHOUT ROWID;
"""
# Of the counts, those that ``chunks`` holds; ``blocks`` holds the others.
_PLAIN_COUNTS = 11


class StoredScenario(NamedTuple):
    """One scenario of a results file, the contenders run on it, and their SNRs (canonical)."""

    scenario: Scenario
    contenders: tuple[Contender, ...]
    snr_db: tuple[float, ...]


class Store:
    """A results file, or a store in memory when path is None. Use it in a ``with`` statement.

    Several processes may write to one file: results are determined by their keys, so whoever comes
    second writes nothing, and a row that differs is an error. Every ``add`` is a transaction: a
    killed process loses only what it had not finished.
    Raises ResultsFileError, one line naming the file, for a file of another schema, a damaged one,
    one that cannot be written, and a full disk.
    """

    def __init__(self, path: str | Path | None = None, *, read_only: bool = False) -> None:
        self.path = None if path is None else user_path(path)
        self._name = ":memory:" if path is None else str(user_path(path))
        with self._errors():
            self._db = self._connect(read_only)
        try:
            with self._errors():
                self._open(read_only)
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Store:
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

    def register(self, scenario: Scenario, contenders: tuple[Contender, ...]) -> None:
        """Record what the keys of the coming rows mean."""
        content = scenario.model_dump_json()
        row = (scenario.key(), content, chunk_channels(scenario))
        with self._errors(), self._db:
            self._check_chunk_size(scenario)
            self._db.execute("INSERT OR REPLACE INTO scenarios VALUES (?,?,?,?)", _signed(row))
            for contender in contenders:
                row = (contender.key(), json.dumps(contender.to_dict(), sort_keys=True))
                self._db.execute("INSERT OR REPLACE INTO contenders VALUES (?,?,?)", _signed(row))

    def add(self, scenario_key: str, snr: str, chunk: int, results: dict[str, ChunkResult]) -> None:
        """Store one chunk of several contenders (by key), at once or not at all."""
        with self._errors(), self._db:
            for key, result in results.items():
                place, (plain, of_blocks) = (scenario_key, key, snr, chunk), _columns(result)
                self._insert("chunks", _signed((*place, *plain)))
                if of_blocks is not None:
                    self._insert("blocks", _signed((*place, *of_blocks)))

    def _insert(self, table: str, row: tuple[Any, ...]) -> None:
        marks = ",".join("?" * len(row))
        done = self._db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)
        if done.rowcount == 0:
            self._check_same(table, row)

    def chunks(self, scenario_key: str, contender_key: str, snr: str) -> dict[int, ChunkResult]:
        """All chunks of one contender at one SNR, each verified."""
        place = (scenario_key, contender_key, snr)
        with self._errors():
            blocks = {row[3]: row for row in self._rows("blocks", place)}
            return {
                row[3]: self._read(row, blocks.get(row[3])) for row in self._rows("chunks", place)
            }

    def _rows(self, table: str, place: tuple[str, str, str]) -> list[tuple[Any, ...]]:
        known = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
        if not self._db.execute(known, (table,)).fetchone()[0]:
            return []
        query = f"SELECT * FROM {table} WHERE scenario=? AND contender=? AND snr_db=?"
        return self._db.execute(f"{query} ORDER BY chunk", place).fetchall()

    def save_run(self, scenario_key: str, content: dict[str, Any]) -> None:
        """Remember how a scenario was last run: plain JSON values."""
        row = (scenario_key, json.dumps(content, sort_keys=True))
        with self._errors(), self._db:
            self._db.execute("INSERT OR REPLACE INTO runs VALUES (?,?,?)", _signed(row))

    def load_run(self, scenario_key: str) -> dict[str, Any] | None:
        """What ``save_run`` was given last, or None."""
        with self._errors():
            query = "SELECT * FROM runs WHERE scenario = ?"
            row = self._db.execute(query, (scenario_key,)).fetchone()
            return None if row is None else json.loads(self._verified(row)[1])

    def scenarios(self) -> list[StoredScenario]:
        """What the file holds."""
        with self._errors():
            rows = self._db.execute("SELECT * FROM scenarios ORDER BY scenario").fetchall()
            contents = [(row[0], json.loads(self._verified(row)[1])) for row in rows]
            return [self._stored(key, Scenario(**content)) for key, content in contents]

    def find(self, scenario: Scenario | None) -> StoredScenario:
        """One scenario of the file: the given one, or the only one."""
        stored = self.scenarios()
        if scenario is not None:
            stored = [item for item in stored if item.scenario.key() == scenario.key()]
        if len(stored) == 1:
            return stored[0]
        if stored:
            names = ", ".join(item.scenario.name or item.scenario.key() for item in stored)
            raise ResultsFileError(f"{self._name}: holds several scenarios, name one: {names}")
        what = "no scenario at all" if scenario is None else "nothing of this scenario"
        raise ResultsFileError(f"{self._name}: holds {what}")

    def _stored(self, key: str, scenario: Scenario) -> StoredScenario:
        query = "SELECT DISTINCT contender, snr_db FROM chunks WHERE scenario = ?"
        pairs = self._db.execute(query, (key,)).fetchall()
        rows = self._db.execute("SELECT * FROM contenders ORDER BY contender").fetchall()
        known = {row[0]: json.loads(self._verified(row)[1]) for row in rows}
        try:
            contenders = [known[contender] for contender in sorted({pair[0] for pair in pairs})]
            snr_db = sorted({float(snr) for _, snr in pairs})
        except (KeyError, TypeError, ValueError):
            raise self._damaged("a row has no valid key") from None
        parsed = tuple(Contender.from_dict(content) for content in contenders)
        return StoredScenario(scenario, parsed, tuple(snr_db))

    def _connect(self, read_only: bool) -> sqlite3.Connection:
        if self.path is None:
            return sqlite3.connect(":memory:")
        if not read_only:
            return sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_MS / 1000)
        if not self.path.is_file():
            raise ResultsFileError(f"{self._name}: no such results file")
        # A file without a write-ahead log can be read where not even a lock can be written.
        log = self.path.with_name(self.path.name + "-wal")
        mode = "mode=ro" if log.exists() else "mode=ro&immutable=1"
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?{mode}", uri=True)

    def _open(self, read_only: bool) -> None:
        self._db.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        if not read_only and self._is_empty():
            self._create()
        self._check_schema()
        if not read_only:
            self._db.execute(_BLOCK_TABLE)
        if self.path is not None:
            found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise self._damaged(found)
            if not read_only:
                self._use_write_ahead_log()
                # A power cut may cost the last seconds, never the file; a crash costs nothing.
                self._db.execute("PRAGMA synchronous = NORMAL")

    def _is_empty(self) -> bool:
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return tables == 0 and self._version() == (0, 0)

    def _create(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            # Another process may have been first; the lock is held from here on.
            if not self._is_empty():
                return
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute("INSERT INTO meta VALUES ('schema', ?)", (str(STORE_SCHEMA),))
            self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {STORE_SCHEMA}")

    def _use_write_ahead_log(self) -> None:
        # The change of mode is the one step that does not wait for other processes by itself.
        give_up = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
        while self._db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)

    def _version(self) -> tuple[int, int]:
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        return application, self._db.execute("PRAGMA user_version").fetchone()[0]

    def _check_schema(self) -> None:
        application, version = self._version()
        if application != _APPLICATION_ID:
            raise ResultsFileError(f"{self._name}: not a results file of mimolearn")
        row = self._db.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
        if version != STORE_SCHEMA or row is None or row[0] != str(STORE_SCHEMA):
            raise ResultsFileError(
                f"{self._name}: results file of schema {version}, this version of mimolearn reads "
                f"schema {STORE_SCHEMA}; give another file name to start a new one"
            )

    def _check_chunk_size(self, scenario: Scenario) -> None:
        query = "SELECT * FROM scenarios WHERE scenario = ?"
        row = self._db.execute(query, (scenario.key(),)).fetchone()
        if row is not None and self._verified(row)[2] != chunk_channels(scenario):
            raise ResultsFileError(
                f"{self._name}: its chunks of this scenario have {row[2]} channels, now they have "
                f"{chunk_channels(scenario)}; give another file name to start a new one"
            )

    def _check_same(self, table: str, row: tuple[Any, ...]) -> None:
        query = f"SELECT * FROM {table} WHERE scenario=? AND contender=? AND snr_db=? AND chunk=?"
        stored = self._db.execute(query, row[:4]).fetchone()
        if self._verified(stored)[-1] != row[-1]:
            raise ResultsFileError(
                f"{self._name}: contender {row[1]} gave other counts for chunk {row[3]} at "
                f"{float(row[2]):g} dB than the file holds: it is not deterministic, or the file "
                "comes from another machine or library version; give another file name"
            )

    def _read(self, row: tuple[Any, ...], blocks: tuple[Any, ...] | None) -> ChunkResult:
        row = self._verified(row)
        positions = self._positions(row[15])
        if blocks is None:
            return ChunkResult(Counts(*row[4:15]), positions)
        blocks = self._verified(blocks)
        counts = Counts(*row[4:15], *blocks[4:10])
        return ChunkResult(counts, positions, self._positions(blocks[10]))

    def _positions(self, data: bytes) -> ErrorPositions:
        try:
            return ErrorPositions.from_bytes(data)
        except (ValueError, zlib.error) as error:
            raise self._damaged(str(error)) from None

    def _verified(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        if _checksum(row[:-1]) != row[-1]:
            raise self._damaged("a row does not match its checksum")
        return row

    def _damaged(self, detail: str) -> ResultsFileError:
        detail = " ".join(detail.split())[:120]
        return ResultsFileError(
            f"{self._name}: results file is damaged ({detail}); restore it from a copy, or delete "
            "it and simulate again"
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explain(error) from None
        except UnicodeDecodeError:
            # A damaged name that SQLite puts into its own message is one that Python cannot read.
            raise self._damaged("a text in it is not UTF-8") from None

    def _explain(self, error: sqlite3.Error) -> ResultsFileError:
        text = str(error)
        if "is full" in text:
            return ResultsFileError(
                f"{self._name}: the disk is full; all chunks finished before are kept, make room "
                "and run again"
            )
        if "readonly" in text or "read-only" in text:
            return ResultsFileError(f"{self._name}: the file or its folder cannot be written to")
        if "unable to open" in text:
            return ResultsFileError(f"{self._name}: cannot be opened or created ({text})")
        if "locked" in text or "busy" in text:
            return ResultsFileError(f"{self._name}: another process has kept it locked for long")
        if "disk I/O error" in text:
            return ResultsFileError(f"{self._name}: the disk failed to read or write it ({text})")
        if "not a database" in text:
            return ResultsFileError(f"{self._name}: not a results file of mimolearn, or damaged")
        return self._damaged(text)


def _columns(result: ChunkResult) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
    """Of the two tables; the second None on an uncoded link."""
    counts = astuple(result.counts)
    plain = (*counts[:_PLAIN_COUNTS], result.positions.to_bytes())
    if result.blocks is None:
        return plain, None
    return plain, (*counts[_PLAIN_COUNTS:], result.blocks.to_bytes())


def _signed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*row, _checksum(row))


def _checksum(row: tuple[Any, ...]) -> bytes:
    plain = [value.hex() if isinstance(value, bytes) else value for value in row]
    return hashlib.blake2b(json.dumps(plain).encode(), digest_size=16).digest()
