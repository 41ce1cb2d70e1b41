"""Finished chunks of beamforming runs in one SQLite file, each row with a checksum."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np

from mimolearn.errors import ResultsFileError

_APPLICATION_ID = 0x6D62656D  # "mbem"
_SCHEMA = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS chunks (
  scenario TEXT NOT NULL, contender TEXT NOT NULL, snr_db TEXT NOT NULL, chunk INTEGER NOT NULL,
  rates BLOB NOT NULL, checksum INTEGER NOT NULL,
  PRIMARY KEY (scenario, contender, snr_db, chunk)) WITHOUT ROWID
"""


class BeamStore:
    """Error rates per channel by (scenario, contender, SNR, chunk); in memory when path is None.

    Every ``add`` is a transaction: a killed process loses only what it had not finished. Raises
    ResultsFileError, one line, for a file that is something else, damaged, or cannot be written.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._name = ":memory:" if path is None else str(path)
        with self._errors():
            self._db = sqlite3.connect(self._name, timeout=60)
        with self._errors():
            marks = [self._db.execute(f"PRAGMA {p}").fetchone()[0] for p in _PRAGMAS]
            if marks == [0, 0] and not self._db.execute("SELECT * FROM sqlite_master").fetchall():
                self._db.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version={_SCHEMA}")
            elif marks != [_APPLICATION_ID, _SCHEMA]:
                raise ResultsFileError(f"{self._name}: not a file of beamforming results")
            self._db.execute(_TABLE)

    def __enter__(self) -> BeamStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def add(self, scenario: str, contender: str, snr: str, chunk: int, rates: np.ndarray) -> None:
        """Keep one chunk; one that is there already stays."""
        data = rates.astype("<f8").tobytes()
        row = (scenario, contender, snr, chunk, data, zlib.crc32(data))
        with self._errors(), self._db:
            self._db.execute("INSERT OR IGNORE INTO chunks VALUES (?,?,?,?,?,?)", row)

    def get(self, scenario: str, contender: str, snr: str, chunk: int) -> np.ndarray | None:
        """One chunk, verified, or None."""
        query = (
            "SELECT rates, checksum FROM chunks "
            "WHERE scenario=? AND contender=? AND snr_db=? AND chunk=?"
        )
        with self._errors():
            row = self._db.execute(query, (scenario, contender, snr, chunk)).fetchone()
        if row is None:
            return None
        if zlib.crc32(row[0]) != row[1] or len(row[0]) % 8:
            raise ResultsFileError(f"{self._name}: a row is damaged; remove the file")
        return np.frombuffer(row[0], "<f8")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ResultsFileError(f"{self._name}: {error}") from None


_PRAGMAS = ("application_id", "user_version")
