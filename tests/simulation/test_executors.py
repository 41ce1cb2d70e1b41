"""Worker processes: slow to start (each imports torch), so few tests, each checking much."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from random import Random

import pytest

from mimolearn import InvalidInputError, MimolearnError
from mimolearn.link.scenario import Scenario
from mimolearn.studies import Contender, load_results, simulate
from mimolearn.studies.execution import processes
from mimolearn.studies.execution.executors import ProcessExecutor
from mimolearn.studies.kinds.base import Task
from mimolearn.studies.kinds.counts import error_counts

SCENARIO = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", channel_reuse=3)
RUN = {"snr_db": [0, 4, 8], "min_errors": 6000, "max_vectors": 60_000}
PAIR = ["lmmse", "lmmse:biased=true"]


def counts(comparison):
    return {
        (curve.label, point.snr_db): (point.counts, point.positions.to_bytes())
        for curve in comparison.curves
        for point in curve.points
    }


@pytest.fixture(scope="module")
def serial():
    return counts(simulate(SCENARIO, PAIR, **RUN))


@pytest.mark.soak
def test_numbers_of_workers_count_the_same(serial, tmp_path, trials):
    for i in range(trials("numbers of workers (3, 2, 7), identical integers", 1, 3)):
        path = tmp_path / f"results-{i}.sqlite"
        found = simulate(SCENARIO, PAIR, **RUN, workers=(3, 2, 7)[i], store=path)
        assert counts(found) == serial
        assert counts(load_results(path)) == serial
        assert multiprocessing.active_children() == []


def test_killed_worker_is_replaced(serial):
    killed = []

    def kill_one(event):
        if not killed:
            victim = multiprocessing.active_children()[0]
            victim.kill()
            killed.append(victim.pid)

    assert counts(simulate(SCENARIO, PAIR, **RUN, workers=2, progress=kill_one)) == serial
    assert killed
    assert multiprocessing.active_children() == []


def test_workers_that_keep_dying_end_the_run(monkeypatch):
    monkeypatch.setattr(processes, "_start_worker", os._exit)
    executor = ProcessExecutor(error_counts(SCENARIO, (Contender("lmmse"),)), 1)
    monkeypatch.setattr(processes, "_MAX_RESTARTS", 0)
    executor.submit(Task("0.000000", 0, (0,)))
    with pytest.raises(MimolearnError, match="workers: ended 1 times before their work was done"):
        executor.wait()
    executor.shutdown()


def test_processes_that_cannot_start_are_named(monkeypatch):
    def fail(*_args, **_options):
        raise OSError(24, "Too many open files")

    message = "workers: 5 processes cannot be started: Too many open files; use fewer, or raise"
    monkeypatch.setattr(processes.ProcessPoolExecutor, "submit", fail)
    with pytest.raises(MimolearnError, match=message):
        simulate(SCENARIO, ["lmmse"], [0], workers=5)
    monkeypatch.setattr(processes, "ProcessPoolExecutor", fail)
    with pytest.raises(MimolearnError, match=message):
        simulate(SCENARIO, ["lmmse"], [0], workers=5)


def test_objects_cannot_go_to_workers(oracle):
    with pytest.raises(InvalidInputError, match="contender 'Oracle' is a detector object, which"):
        simulate(SCENARIO, [oracle("qpsk")], [0], workers=2)


LONG_RUN = """
import sys
from mimolearn.link.scenario import Scenario
from mimolearn.studies import simulate
scenario = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", channel_reuse=3)
simulate(scenario, ["lmmse", "lmmse:biased=true"], [0, 4, 8], min_errors=10**9,
         max_vectors=10**9, store=sys.argv[1])
"""


@pytest.mark.soak
def test_kill_9_loses_nothing_that_was_finished(serial, tmp_path, trials):
    random = Random(3)
    for i in range(trials("kill -9 at a random time, resumed, identical integers", 2, 200)):
        path = tmp_path / f"results-{i}.sqlite"
        wanted = random.choice((0, 1, 4, 12)) if i else 12
        process = subprocess.Popen([sys.executable, "-c", LONG_RUN, str(path)])
        try:
            deadline = time.monotonic() + 60
            while rows(path) < wanted and time.monotonic() < deadline:
                assert process.poll() is None
                time.sleep(0.005)
            time.sleep(random.expovariate(50))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        kept = rows(path)
        assert kept >= wanted
        events = []
        assert counts(simulate(SCENARIO, PAIR, **RUN, store=path, progress=events.append)) == serial
        assert counts(load_results(path)).keys() == serial.keys()
        if i == 0:
            needed = sum(max(c.chunks for c, _ in points) for points in by_snr(serial))
            assert len(events) <= needed - 4


def rows(path):
    if not path.is_file():
        return 0
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        try:
            return database.execute("SELECT count(*) FROM chunks").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


def by_snr(found):
    for snr_db in RUN["snr_db"]:
        yield [value for (_, at), value in found.items() if at == snr_db]
