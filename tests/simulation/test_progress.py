"""The time left, by a clock of the test's own."""

import pytest

from mimolearn.foundation.pace import Pace
from mimolearn.plans.plan import RunPlan
from mimolearn.studies.execution.executors import SerialExecutor
from mimolearn.studies.kinds.counts import error_counts
from mimolearn.studies.schedule import Schedule
from mimolearn.studies.session import run_schedule
from mimolearn.studies.stopping import StopRule
from mimolearn.studies.storage.store import Store


def test_the_first_chunk_compiles_and_is_no_pace():
    pace = Pace(slots=1)
    pace.add(30.0)
    assert pace.seconds_for(100) is None
    assert pace.seconds_for(0) == 0
    pace.add(31.0)
    pace.add(32.0)
    assert pace.seconds_for(100) == pytest.approx(100)


def test_each_slot_has_a_first_chunk():
    pace = Pace(slots=4)
    for now in (30.0, 30.5, 33.0, 34.0):
        pace.add(now)
        assert pace.seconds_for(100) is None
    for now in (34.25, 34.5, 34.75, 35.0):
        pace.add(now)
    assert pace.seconds_for(100) == pytest.approx(25)


def test_the_pace_follows_a_change():
    """A kernel for long runs is compiled later, and is faster then."""
    pace, now = Pace(slots=1), 0.0
    for seconds in [20.0] + [1.0] * 100 + [15.0] + [0.5] * 100:
        now += seconds
        pace.add(now)
    assert pace.seconds_for(10) == pytest.approx(5)


def test_a_run_tells_no_time_of_its_first_chunk(scenario, monkeypatch):
    """A run of 20 chunks of a second each, of which the first takes a minute more."""
    plan = RunPlan(snr_db=[0], contenders=["lmmse"], min_errors=10**9, max_vectors=20 * 2**13)
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    class Slow(SerialExecutor):
        def wait(self):
            clock[0] += 61.0 if clock[0] == 0 else 1.0
            return super().wait()

    events = []
    with Store(None) as store:
        kind = error_counts(scenario, plan.contenders)
        schedule = Schedule(kind, plan.snr_db, StopRule.of(plan))
        store.register(kind)
        executor = Slow(kind)
        run_schedule(executor, schedule, store, events.append)
    assert len(events) > 3
    assert events[0].eta_s is None
    for event in events[1:]:
        assert event.eta_s == pytest.approx(event.total_chunks - event.done_chunks)
