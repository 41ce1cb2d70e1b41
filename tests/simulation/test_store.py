import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from mimolearn import ResultsFileError
from mimolearn.link.scenario import Scenario
from mimolearn.studies import Contender, list_results, load_results, simulate
from mimolearn.studies.kinds import counts as counts_module
from mimolearn.studies.kinds.counts import error_counts
from mimolearn.studies.storage import results_file
from mimolearn.studies.storage.store import Store

SCENARIO = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk")
RUN = {"snr_db": [0, 10], "min_errors": 5000, "max_vectors": 20_000}
PAIR = ["lmmse", "lmmse:biased=true"]


def counts(comparison):
    return {
        (curve.label, point.snr_db): (point.counts, point.positions.to_bytes())
        for curve in comparison.curves
        for point in curve.points
    }


def all_chunks(path):
    with Store(path, read_only=True) as store:
        return {
            (contender, snr, chunk): (result.counts, result.positions.to_bytes())
            for contender in (Contender.parse(text).key() for text in PAIR)
            for snr in ("0.000000", "10.000000")
            for chunk, result in store.chunks(SCENARIO.key(), contender, snr).items()
        }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A results file, what it says, and every chunk in it."""
    path = tmp_path_factory.mktemp("store") / "results.sqlite"
    comparison = simulate(SCENARIO, PAIR, **RUN, store=path)
    return path, counts(comparison), all_chunks(path)


def copy(finished, tmp_path, change):
    path = tmp_path / "copy.sqlite"
    data = bytearray(finished[0].read_bytes())
    path.write_bytes(change(data))
    for leftover in tmp_path.glob("copy.sqlite-*"):
        leftover.unlink()
    return path


def attempt(call):
    """What a call returns, or the one line with which it refuses."""
    try:
        return call(), ""
    except ResultsFileError as error:
        return None, str(error)


def check_never_wrong(path, expected, chunks):
    """Every answer is the right one, or one clear line; returns how many were errors."""
    stored, first = attempt(lambda: all_chunks(path))
    assert stored is None or stored.items() <= chunks.items()
    loaded, second = attempt(lambda: counts(load_results(path)))
    for key, (found, positions) in (loaded or {}).items():
        assert found.chunks <= expected[key][0].chunks
        assert found.chunks < expected[key][0].chunks or (found, positions) == expected[key]
    again, third = attempt(lambda: counts(simulate(SCENARIO, PAIR, **RUN, store=path)))
    assert again is None or again == expected
    errors = [line for line in (first, second, third) if line]
    assert all(str(path) in line and "\n" not in line for line in errors)
    return len(errors)


@pytest.mark.soak
def test_truncated_file_is_detected_or_recovered(finished, tmp_path, trials):
    count = trials("results file truncated, detected or recovered", 7, 500)
    for i in range(count):
        length = i * finished[0].stat().st_size // count
        path = copy(finished, tmp_path, lambda data, length=length: data[:length])
        errors = check_never_wrong(path, *finished[1:])
        assert errors >= (2 if length else 1)


@pytest.mark.soak
def test_flipped_bits_are_detected_or_recovered(finished, tmp_path, trials):
    size = finished[0].stat().st_size
    count = trials("results file with a flipped bit, detected or recovered", 60, 500)
    detected = 0
    for i in range(count):
        offset = ((i * size) // count + 37 * i % 101) % size

        def flip(data, offset=offset, bit=i % 8):
            data[offset] ^= 1 << bit
            return data

        detected += check_never_wrong(copy(finished, tmp_path, flip), *finished[1:]) > 0
    assert detected > count / 6


def test_a_name_that_is_not_utf_8_is_one_clear_line(finished, tmp_path):
    def spoil(data):
        # SQLite answers with a message that has the damaged name in it.
        return bytes(data).replace(b"CREATE TABLE records", b"CREATE TABLE r\xcc\xccords")

    path = copy(finished, tmp_path, spoil)
    assert check_never_wrong(path, *finished[1:]) == 3


def test_changed_count_is_detected(finished, tmp_path):
    path = copy(finished, tmp_path, bytes)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE chunks SET payload = zeroblob(length(payload)) WHERE chunk = 1")
    with pytest.raises(ResultsFileError, match=r"copy.sqlite: results file is damaged \(a row"):
        load_results(path)


def test_other_schema_is_refused(finished, tmp_path):
    path = copy(finished, tmp_path, bytes)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ResultsFileError, match="schema 99, this version of mimolearn reads schema"):
        load_results(path)


def test_other_chunk_size_is_refused(finished, tmp_path, monkeypatch):
    path = copy(finished, tmp_path, bytes)
    monkeypatch.setattr(counts_module, "chunk_channels", lambda scenario: 64)
    with pytest.raises(ResultsFileError, match="chunks of this scenario have 2048 channels, now"):
        simulate(SCENARIO, PAIR, **RUN, store=path)


def test_foreign_files_are_refused_and_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be looked at as one" * 100)
    database = tmp_path / "other.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE mine (a)")
    for path in (text, database):
        before = path.read_bytes()
        with pytest.raises(ResultsFileError, match="not a results file of mimolearn"):
            simulate(SCENARIO, PAIR, **RUN, store=path)
        assert path.read_bytes() == before
    with pytest.raises(ResultsFileError, match="no such results file"):
        load_results(tmp_path / "missing.sqlite")
    with pytest.raises(ResultsFileError, match=r"notes\.txt/x\.sqlite: its folder cannot be made"):
        simulate(SCENARIO, PAIR, **RUN, store=text / "x.sqlite")


@contextlib.contextmanager
def read_only_copy(source):
    """A folder that this process may not write to, even where it runs as root."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "results.sqlite"
    shutil.copy(source, path)
    path.chmod(0o444)
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield path
    finally:
        if user == 0:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX file permissions")
def test_read_only_file_can_be_read_not_written(finished):
    with read_only_copy(finished[0]) as path:
        assert counts(load_results(path)) == finished[1]
        with pytest.raises(ResultsFileError, match="cannot be written to"):
            simulate(SCENARIO, PAIR, **RUN, store=path)
        with pytest.raises(ResultsFileError, match="cannot be opened or created"):
            simulate(SCENARIO, PAIR, **RUN, store=path.with_name("new.sqlite"))


def test_full_disk_keeps_what_was_finished(finished, tmp_path, monkeypatch):
    path = tmp_path / "small.sqlite"
    connect = sqlite3.connect

    def limited(*args, **kwargs):
        connection = connect(*args, **kwargs)
        connection.execute("PRAGMA max_page_count = 14")
        return connection

    done = []
    with monkeypatch.context() as patch:
        patch.setattr(results_file.sqlite3, "connect", limited)
        with pytest.raises(ResultsFileError, match="the disk is full"):
            simulate(SCENARIO, PAIR, **RUN, store=path, progress=done.append)
    assert len(all_chunks(path)) == 2 * len(done) > 0
    assert all_chunks(path).items() <= finished[2].items()
    assert counts(simulate(SCENARIO, PAIR, **RUN, store=path)) == finished[1]


def test_differing_counts_break_determinism_loudly(finished, tmp_path):
    path = copy(finished, tmp_path, bytes)
    key = Contender("lmmse").key()
    with Store(path) as store:
        results = store.chunks(SCENARIO.key(), key, "0.000000")
        store.add(SCENARIO.key(), "0.000000", 0, {key: results[0]})
        other = results[0]._replace(counts=replace(results[0].counts, bit_errors=1))
        with pytest.raises(ResultsFileError, match="gave other counts for chunk 0 at 0 dB"):
            store.add(SCENARIO.key(), "0.000000", 0, {key: other})


def test_two_writers_share_a_file(finished, tmp_path):
    path = tmp_path / "shared.sqlite"
    found = {}

    def write(name):
        found[name] = counts(simulate(SCENARIO, PAIR, **RUN, store=path))

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"a": finished[1], "b": finished[1]}
    assert all_chunks(path) == finished[2]


def test_many_open_a_new_file_at_once(tmp_path):
    problems = []

    def open_store(path, barrier):
        barrier.wait()
        try:
            with Store(path) as store:
                store.register(error_counts(SCENARIO, (Contender("lmmse"),)))
        except ResultsFileError as error:
            problems.append(str(error))

    for number in range(12):
        barrier = threading.Barrier(5)
        arguments = (tmp_path / f"{number}.sqlite", barrier)
        threads = [threading.Thread(target=open_store, args=arguments) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []


def test_contents_are_listed_and_one_scenario_is_picked(finished, tmp_path):
    path = copy(finished, tmp_path, bytes)
    (stored,) = list_results(path)
    assert stored.scenario == SCENARIO
    assert {contender.label for contender in stored.contenders} == {
        "lmmse",
        "lmmse(biased=true)",
    }
    assert stored.snr_db == (0.0, 10.0)
    other = Scenario(num_tx_ant=1, num_rx_ant=1, constellation="bpsk", name="single")
    simulate(other, ["lmmse"], [0], store=path)
    with pytest.raises(ResultsFileError, match=r"holds several scenarios, name one: .*single"):
        load_results(path)
    assert counts(load_results(path, SCENARIO)) == finished[1]
    absent = Scenario(num_tx_ant=3, num_rx_ant=3, constellation="bpsk")
    with pytest.raises(ResultsFileError, match="holds nothing of this scenario"):
        load_results(path, absent)


def test_loading_needs_no_plan_and_adds_other_runs(finished, tmp_path):
    path = copy(finished, tmp_path, bytes)
    simulate(SCENARIO, ["lmmse:demapping=max-log,label=third"], [5, 20], store=path)
    loaded = load_results(path)
    assert loaded.plan.snr_db == (0.0, 5.0, 10.0, 20.0)
    assert loaded.curves[0].label == "third"
    assert len(loaded.curves) == 3
    assert [point.snr_db for point in loaded.curve("lmmse").points] == [0.0, 10.0]
    assert loaded.curve("lmmse").at(5) is None
