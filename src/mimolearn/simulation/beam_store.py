"""Finished chunks of beamforming runs in one SQLite file, each row with a checksum."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np

from mimolearn.errors import ResultsFileError, user_path

_APPLICATION_ID = 0x6D62656D  # "mbem"
_SCHEMA = 2
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
        self._name = ":memory:" if path is None else str(user_path(path))
        with self._errors():
            self._db = sqlite3.connect(self._name, timeout=60)
        with self._errors():
            marks = [self._db.execute(f"PRAGMA {p}").fetchone()[0] for p in _PRAGMAS]
            self._schema = marks[1]
            if marks == [0, 0] and not self._db.execute("SELECT * FROM sqlite_master").fetchall():
                self._schema = _SCHEMA
                self._db.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version={_SCHEMA}")
            elif marks[0] != _APPLICATION_ID or self._schema not in (1, _SCHEMA):
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
        place = (scenario, contender, snr, chunk)
        row = (*place, data, self._checksum(place, data))
        with self._errors(), self._db:
            self._db.execute("INSERT OR IGNORE INTO chunks VALUES (?,?,?,?,?,?)", row)

    def get(self, scenario: str, contender: str, snr: str, chunk: int) -> np.ndarray | None:
        """One chunk, verified, or None."""
        query = (
            "SELECT rates, checksum FROM chunks "
            "WHERE scenario=? AND contender=? AND snr_db=? AND chunk=?"
        )
        place = (scenario, contender, snr, chunk)
        with self._errors():
            row = self._db.execute(query, place).fetchone()
        if row is None:
            return None
        data, checksum = row
        sound = isinstance(data, bytes) and not len(data) % 8
        if not sound or self._checksum(place, data) != checksum:
            raise ResultsFileError(f"{self._name}: a row is damaged; remove the file")
        return np.frombuffer(data, "<f8")

    def _checksum(self, place: tuple[str, str, str, int], data: bytes) -> int:
        """Of the numbers and of what they are of; files of schema 1 have that of the numbers."""
        known = b"" if self._schema == 1 else repr(place).encode()
        return zlib.crc32(data, zlib.crc32(known))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ResultsFileError(f"{self._name}: {' '.join(str(error).split())}") from None
        except UnicodeDecodeError:
            # A damaged name that SQLite puts into its own message is one that Python cannot read.
            raise ResultsFileError(f"{self._name}: is damaged; remove the file") from None


_PRAGMAS = ("application_id", "user_version")
