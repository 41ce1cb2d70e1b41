"""What every store does: names what is wrong, takes no path that is none, shares its file."""

import json
import multiprocessing
import sqlite3
from contextlib import closing

import pytest

from mimolearn import InvalidInputError, ResultsFileError
from mimolearn.link.scenario import Scenario
from mimolearn.studies import Contender, compare, engine, load_results, provenance, simulate
from mimolearn.studies.kinds.chunk import ChunkResult
from mimolearn.studies.kinds.counts import error_counts
from mimolearn.studies.kinds.run_chunk import run_chunk
from mimolearn.studies.storage import results_file
from mimolearn.studies.storage.sqlite_errors import check_sound, explain, sqlite_errors
from mimolearn.studies.storage.store import Store

SCENARIO = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", channel_reuse=3)
FEW = {"snr_db": [0.0], "min_errors": 50}


@pytest.mark.parametrize("path", ["", ":memory:", "file:x.sqlite?mode=memory", ".", "a\0b", 5])
def test_paths_that_name_no_file_are_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError, match=r"^store: got .*, expected a "):
        Store(path)
    with pytest.raises(InvalidInputError, match=r"store: got '.*', expected a file, not a"):
        Store(tmp_path)
    with pytest.raises(ResultsFileError, match=r"cannot be opened or created \(File name too lo"):
        Store("x" * 300)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_file_is_made_for_writing_alone(tmp_path):
    path = tmp_path / "new" / "folder" / "results.sqlite"
    with pytest.raises(ResultsFileError, match="no such results file"):
        Store(path, read_only=True)
    assert not path.parent.exists()
    with Store(path):
        assert path.is_file()


def sqlite_error(code, text, kind=sqlite3.OperationalError):
    error = kind(text)
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        (sqlite3.SQLITE_PROTOCOL, "locking protocol", "network drives; put the file on a local"),
        (sqlite3.SQLITE_NOMEM, "out of memory", "no memory left"),
        (sqlite3.SQLITE_INTERRUPT, "interrupted", "interrupted; run again"),
        (sqlite3.SQLITE_FULL, "database or disk is full", "the disk is full; all chunks"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "attempt to write", "cannot be written to"),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, "unable to open database file", "cannot be opened or"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "database is locked", "another process has kept it"),
        (sqlite3.SQLITE_IOERR_READ, "disk I/O error", "the disk failed to read or write it"),
        (sqlite3.SQLITE_NOTADB, "file is not a database", "not a results file of mimolearn, or"),
        (sqlite3.SQLITE_ERROR, "no such table: chunks", "SQLite says: no such table: chunks"),
        (sqlite3.SQLITE_MISUSE, "bad parameter", "SQLite says: bad parameter"),
        (None, "Cannot operate on a closed database.", "SQLite says: Cannot operate on a closed"),
        (99, "a new\ncode", "SQLite says: a new code"),
    ],
)
def test_only_what_is_damaged_is_called_so(code, text, words):
    line = str(explain("r.sqlite", sqlite_error(code, text)))
    assert line.startswith("r.sqlite: ")
    assert words in line
    assert "\n" not in line
    assert "delete" not in line
    assert "is damaged" not in line


def test_the_system_says_why_a_file_does_not_open(tmp_path, monkeypatch):
    path = tmp_path / "r.sqlite"
    with Store(path):
        pass
    error = sqlite_error(sqlite3.SQLITE_CANTOPEN, "unable to open database file")

    def fail(*_args):
        raise OSError(24, "Too many open files")

    assert "no folder" in str(explain(str(tmp_path / "no" / "r.sqlite"), error))
    assert "may not be written to" in str(explain(str(tmp_path / "new.sqlite"), error))
    assert "unable to open database file" in str(explain(str(path), error))
    monkeypatch.setattr(results_file.Path, "open", fail)
    assert str(explain(str(path), error)).endswith("or created (Too many open files)")


def test_damage_is_called_so():
    corrupt = sqlite_error(sqlite3.SQLITE_CORRUPT_INDEX, "malformed", sqlite3.DatabaseError)
    words = r"r: results file is damaged \(malformed\); restore it from a copy, or delete it"
    with pytest.raises(ResultsFileError, match=words), sqlite_errors("r"):
        raise corrupt
    with pytest.raises(ResultsFileError, match="damaged"):
        check_sound("r", "row 3 missing from index x")
    with pytest.raises(ResultsFileError, match="damaged"):
        check_sound("r", "Page 3: btreeInitPage() returns error code 11")
    with pytest.raises(ResultsFileError, match="the disk failed to read"):
        check_sound("r", "On page 3: unable to get the page. error code=266")
    with pytest.raises(ResultsFileError, match="r: this machine has no memory left"):  # noqa: SIM117  (the error is raised inside)
        with sqlite_errors("r"):
            raise MemoryError


def test_a_file_system_without_write_ahead_logs_serves(tmp_path, monkeypatch):
    """There SQLite answers with the mode that stays, and raises nothing."""
    real = sqlite3.connect

    class Stubborn(sqlite3.Connection):
        def execute(self, sql, *args):
            return super().execute(sql.replace("= WAL", "= DELETE"), *args)

    def connect(*args, **kwargs):
        return real(*args, **kwargs, factory=Stubborn)

    monkeypatch.setattr(results_file.sqlite3, "connect", connect)
    path = tmp_path / "results.sqlite"
    for _ in range(2):
        Store(path).close()
    with closing(real(path)) as database:
        assert database.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


def test_a_payload_says_what_it_was_made_of(oracle):
    (result,) = run_chunk(SCENARIO, "0.000000", 0, [("oracle", oracle("qpsk"))])
    data = result.pack()
    assert ChunkResult.unpack(data).same(result)
    assert not result._replace(blocks=result.positions).same(result)
    for spoilt in (b"", b"{}\n", data[:-1], b"[1]\n" + data):
        with pytest.raises(ValueError):  # noqa: PT011  (each has its own words)
            ChunkResult.unpack(spoilt)


def test_counts_are_compared_not_their_bytes(tmp_path, oracle):
    """Another version of zlib packs the same positions into other bytes."""
    (result,) = run_chunk(SCENARIO, "0.000000", 0, [("oracle", oracle("qpsk"))])
    other = bytearray(result.pack())
    head, _, rest = bytes(other).partition(b"\n")
    content = json.loads(head)
    spaced = json.dumps(content, indent=1).replace("\n", " ").encode() + b"\n" + rest
    contender = Contender("lmmse")
    with Store(tmp_path / "r.sqlite") as store:
        store.register(error_counts(SCENARIO, (contender,)))
        point = results_file.PointKey(SCENARIO.key(), contender.key(), "0.000000")
        with store._transaction():
            store._put_chunk(point, 0, spaced)
        store.add(SCENARIO.key(), "0.000000", 0, {contender.key(): result})


def plain(comparison):
    return {
        f"{curve.label} {p.snr_db}": [repr(p.counts), p.positions.to_bytes().hex()]
        for curve in comparison.curves
        for p in curve.points
    }


RUN = {"snr_db": [0, 4], "min_errors": 6000, "max_vectors": 60_000}


def share(folder, barrier, number):
    """What each of several processes does at the same moments."""
    for i in range(60):
        barrier.wait(120)
        with Store(folder / f"new-{i}.sqlite"):
            pass
    barrier.wait(120)
    pair = ["lmmse", "lmmse:biased=true"]
    found = simulate(SCENARIO, pair, **RUN, store=folder / "shared.sqlite")
    (folder / f"{number}.json").write_text(json.dumps(plain(found)))


def test_processes_share_files(tmp_path):
    """They create the same files at once, and run the same plan into one."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    processes = [context.Process(target=share, args=(tmp_path, barrier, n)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    alone = plain(simulate(SCENARIO, ["lmmse", "lmmse:biased=true"], **RUN))
    assert [json.loads((tmp_path / f"{n}.json").read_text()) for n in range(3)] == [alone] * 3
    assert plain(load_results(tmp_path / "shared.sqlite")) == alone


def test_provenance_is_of_the_run_that_simulated(tmp_path, monkeypatch):
    path = tmp_path / "r.sqlite"
    monkeypatch.setattr(provenance, "_processor", lambda: "first")
    first = simulate(SCENARIO, ["lmmse"], **FEW, store=path).provenance
    assert first.machine.startswith("first, ")
    monkeypatch.setattr(provenance, "_processor", lambda: "second")
    # Nothing is simulated; times are measured here all the same, and say so.
    again = compare(SCENARIO, ["lmmse"], **FEW, store=path)
    assert again.provenance == first
    assert again.timings["lmmse"].machine.startswith("second, ")
    loaded = load_results(path)
    assert loaded.provenance == first
    assert loaded.timings == again.timings
    more = simulate(SCENARIO, ["lmmse"], [0.0, 3.0], min_errors=50, store=path).provenance
    assert more.machine.startswith("second, ")
    assert more.earlier == (first.machine,)
    assert load_results(path).provenance == more


def test_two_plans_at_once_keep_each_others_times(tmp_path, monkeypatch):
    path, measure, nested = tmp_path / "r.sqlite", engine.measure_timing, []

    def meanwhile(*args):
        if not nested:
            nested.append(True)
            compare(SCENARIO, ["zf"], **FEW, store=path)
        return measure(*args)

    monkeypatch.setattr(engine, "measure_timing", meanwhile)
    compare(SCENARIO, ["lmmse"], **FEW, store=path)
    loaded = load_results(path)
    assert loaded.timings.keys() == loaded.costs.keys() == {"lmmse", "zf"}
