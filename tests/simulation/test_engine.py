import hashlib
import math
import random

import numpy as np
import pytest
import torch

from mimolearn import HardDetection, InvalidInputError, make_detector
from mimolearn.link.randomness import CounterGenerator
from mimolearn.link.scenario import Scenario
from mimolearn.studies import Contender, RunPlan, load_results, simulate
from mimolearn.studies.engine import curves
from mimolearn.studies.execution.executors import SerialExecutor
from mimolearn.studies.kinds.chunk import batch_channels, chunk_channels
from mimolearn.studies.kinds.counts import error_counts
from mimolearn.studies.kinds.run_chunk import run_chunk
from mimolearn.studies.schedule import Schedule
from mimolearn.studies.session import run_schedule
from mimolearn.studies.stopping import StopRule
from mimolearn.studies.storage.store import Store

RUN = {"snr_db": [0, 4, 8], "min_errors": 6000, "max_vectors": 60_000}
PAIR = ["lmmse", "lmmse:biased=true"]


def counts(comparison):
    """Every integer, and every error's place, by label and SNR."""
    return {
        (curve.label, point.snr_db): (point.counts, point.positions.to_bytes(), point.finished)
        for curve in comparison.curves
        for point in curve.points
    }


def test_counts_equal_an_independent_loop(scenario):
    point = simulate(scenario, ["lmmse"], [5], min_errors=1).curves[0].points[0]
    digest = hashlib.sha256(f"{scenario.key()}|5.000000|0".encode()).digest()
    seed = int.from_bytes(digest[:8], "big")
    number = chunk_channels(scenario)
    block = scenario.draw(5.0, number, CounterGenerator(seed))
    labels = scenario.points().labels
    detector, step = make_detector("lmmse", "qpsk"), batch_channels(scenario)
    bit_errors = symbol_errors = vector_errors = 0
    per_channel = []
    for start in range(0, number, step):
        part = slice(start, start + step)
        decided = detector(block.y[part], block.h_hat[part], block.noise_var[part]).indices()
        sent = block.indices[part]
        for channel in range(step):
            before = bit_errors
            for vector in range(scenario.channel_reuse):
                both = sent[channel, vector].tolist(), decided[channel, vector].tolist()
                pairs = list(zip(*both, strict=True))
                bit_errors += sum(int((labels[i] != labels[j]).sum()) for i, j in pairs)
                symbol_errors += sum(i != j for i, j in pairs)
                vector_errors += any(i != j for i, j in pairs)
            per_channel.append(bit_errors - before)
    found = point.counts
    assert (found.bit_errors, found.symbol_errors, found.vector_errors) == (
        bit_errors,
        symbol_errors,
        vector_errors,
    )
    assert (found.chunks, found.channels, found.vectors) == (1, number, 3 * number)
    assert (found.symbols, found.bits) == (6 * number, 12 * number)
    assert (found.nonfinite, found.incomplete, found.work) == (0, 0, None)
    np.testing.assert_array_equal(point.channel_errors("ber"), per_channel)


def test_competitors_do_not_change_counts(scenario):
    both = counts(simulate(scenario, PAIR, **RUN))
    for contender in PAIR:
        assert counts(simulate(scenario, [contender], **RUN)).items() <= both.items()
    assert counts(simulate(scenario, PAIR[::-1], **RUN)) == both


def test_one_thread_counts_and_the_setting_is_restored(scenario, oracle):
    seen = set()

    def decide(constellation, indices, y):
        seen.add(torch.get_num_threads())
        return HardDetection(constellation, indices)

    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        simulate(scenario, [oracle("qpsk", decide)], [5])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert seen == {1}


def test_order_of_chunks_does_not_change_counts(scenario):
    plan = RunPlan(contenders=PAIR, **RUN)
    kind = error_counts(scenario, plan.contenders)
    schedule = Schedule(kind, plan.snr_db, StopRule.of(plan))
    with Store() as store:
        store.register(kind)
        shuffled = _Shuffled(SerialExecutor(kind))
        run_schedule(shuffled, schedule, store)
    found = {
        (curve.label, point.snr_db): (point.counts, point.positions.to_bytes(), point.finished)
        for curve in curves(schedule, plan.contenders)
        for point in curve.points
    }
    assert shuffled.out_of_order > 5
    assert found == counts(simulate(scenario, PAIR, **RUN))


def test_interrupted_and_resumed_is_the_same(scenario, tmp_path):
    path = tmp_path / "results.sqlite"
    events = []

    def interrupt(event):
        events.append(event)
        if len(events) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(scenario, PAIR, **RUN, store=path, progress=interrupt)
    partial = load_results(path)
    assert not partial.finished
    assert sum(point.counts.chunks for point in partial.curves[0].points) == 4
    more = []
    resumed = simulate(scenario, PAIR, **RUN, store=path, progress=more.append)
    assert counts(resumed) == counts(simulate(scenario, PAIR, **RUN))
    assert counts(load_results(path)) == counts(resumed)
    assert resumed.finished
    again = []
    simulate(scenario, PAIR, **RUN, store=path, progress=again.append)
    assert again == []
    assert len(more) > 0


def test_tightening_the_rule_reuses_chunks(scenario, tmp_path):
    path = tmp_path / "results.sqlite"
    loose = {**RUN, "min_errors": 2000}
    first = counts(simulate(scenario, PAIR, **loose, store=path))
    tight = simulate(scenario, PAIR, **RUN, store=path)
    assert counts(tight) == counts(simulate(scenario, PAIR, **RUN))
    assert counts(simulate(scenario, PAIR, **loose, store=path)) == first


def test_runs_of_different_contenders_can_be_paired(scenario, tmp_path):
    path = tmp_path / "results.sqlite"
    for contender in PAIR:
        simulate(scenario, [contender], **RUN, store=path)
    together = simulate(scenario, PAIR, **RUN)
    pair = ("lmmse", "lmmse(biased=true)")
    assert load_results(path).paired(*pair, 4) == together.paired(*pair, 4)


def test_floor_skips_high_snrs_whatever_was_run_there(scenario):
    run = {"snr_db": [-5, 0, 5, 10], "target": 0.5, "min_errors": 6000}
    seen = set()
    result = simulate(
        scenario, ["lmmse"], floor=0.2, **run, progress=lambda event: seen.add(event.snr_db)
    ).curves[0]
    assert [point.snr_db for point in result.points] == [-5.0, 0.0]
    assert result.skipped_db == (5.0, 10.0)
    assert seen == {-5.0, 0.0, 5.0, 10.0}
    assert result.points[0].interval().high >= 0.2 > result.points[1].interval().high
    everything = simulate(scenario, ["lmmse"], floor=0.0, **run)
    assert len(everything.curves[0].points) == 4
    assert everything.finished


def test_max_vectors_ends_a_point_without_errors(scenario):
    point = simulate(scenario, ["lmmse"], [60], max_vectors=9000).curves[0].points[0]
    per_chunk = 3 * chunk_channels(scenario)
    assert point.counts.vectors == math.ceil(9000 / per_chunk) * per_chunk
    assert point.finished
    assert point.is_upper_limit()
    assert 0 < point.interval().high < 0.01


def test_nan_outputs_are_errors_and_flagged(scenario, nan_detector):
    contender = Contender.from_detector("nan", nan_detector)
    result = simulate(scenario, [contender, "lmmse"], [5], min_errors=100)
    point = result.curve("nan").points[0]
    blocks = [
        scenario.draw(5.0, chunk_channels(scenario), _generator(scenario, chunk))
        for chunk in range(point.counts.chunks)
    ]
    expected = sum(int((block.y[..., 0].real > 0).sum()) for block in blocks)
    assert point.counts.nonfinite == expected > 0
    assert point.counts.bit_errors >= 4 * expected
    assert result.curve("lmmse").points[0].counts.nonfinite == 0


def test_nonfinite_draws_count_for_every_contender(scenario, monkeypatch):
    # Linear detectors alone would be drawn in a kernel.
    trio = [*PAIR, "mrc"]
    clean = counts(simulate(scenario, trio, [30], min_errors=1, max_vectors=100))
    draw = Scenario.draw

    def damaged(self, *args, **kwargs):
        block = draw(self, *args, **kwargs)
        block.h_hat[3, 0, 0] = float("nan")
        block.y[5, 1, 0] = float("inf")
        return block

    monkeypatch.setattr(Scenario, "draw", damaged)
    for label, curve in zip(trio, simulate(scenario, trio, [30], min_errors=1).curves, strict=True):
        point = curve.points[0]
        assert point.counts.nonfinite == 6
        errors = point.channel_errors("ber")
        assert errors[3] == errors[5] == 12
        before = next(value for key, value in clean.items() if key[0] == curve.label)[0]
        assert point.counts.bit_errors <= before.bit_errors + 24, label
        assert point.counts.bit_errors >= 24


def test_incomplete_and_work_are_counted(scenario, oracle):
    def decide(constellation, indices, y):
        flags = torch.zeros(indices.shape[:-1], dtype=torch.bool)
        flags[0, 0] = True
        return HardDetection(constellation, indices, flags, flags.to(torch.int64) * 7 + 1)

    point = simulate(scenario, [oracle("qpsk", decide)], [5], min_errors=1).curves[0].points[0]
    batches = chunk_channels(scenario) // batch_channels(scenario)
    assert point.counts.incomplete == batches
    assert point.counts.work == point.counts.vectors + 7 * batches
    assert point.work_per_vector() == point.counts.work / point.counts.vectors


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda i: i + 4, "contender 'Oracle': decided an index outside 0..3"),
        (lambda i: i[..., :1], "contender 'Oracle': decided indices of shape"),
    ],
)
def test_a_broken_detector_is_named(scenario, oracle, answer, message):
    detector = oracle("qpsk", lambda constellation, i, y: HardDetection(constellation, answer(i)))
    with pytest.raises(InvalidInputError, match=message):
        simulate(scenario, [detector], [5])


def test_training_mode_is_restored(scenario, oracle):
    detector = oracle("qpsk")
    simulate(scenario, [detector], [5], min_errors=1)
    assert detector.training


def test_progress_tells_where_the_run_is(scenario):
    events = []
    result = simulate(scenario, PAIR, **RUN, progress=events.append)
    last = events[-1]
    assert last.done_chunks == last.total_chunks
    assert last.eta_s == 0
    assert {event.snr_db for event in events} == {0.0, 4.0, 8.0}
    assert [c.label for c in last.contenders] == [curve.label for curve in result.curves]
    assert sum(event.vectors_per_s > 0 for event in events) == len(events)


def test_chunk_size_fits_the_cache():
    for antennas, reuse in ((1, 1), (4, 1), (32, 7), (64, 14), (256, 1), (8, 100_000)):
        scenario = Scenario(
            num_tx_ant=antennas, num_rx_ant=antennas, constellation="qpsk", channel_reuse=reuse
        )
        channels = chunk_channels(scenario)
        size = 8 * channels * (antennas**2 + 2 * reuse * antennas)
        assert channels == 1 or size <= 12 * 2**20
        assert channels & (channels - 1) == 0


def test_sizes_that_a_detector_refuses_name_it(scenario, oracle):
    detector = oracle("bpsk")
    with pytest.raises(InvalidInputError, match="constellation of 'mine'"):
        simulate(scenario, [Contender.from_detector("mine", detector)], [5])
    with pytest.raises(InvalidInputError, match="workers: got 0"):
        simulate(scenario, ["lmmse"], [5], workers=0)


def test_run_chunk_repeats_itself(scenario):
    detectors = [("a", make_detector("lmmse", "qpsk"))]
    first, second = (run_chunk(scenario, "3.000000", 5, detectors)[0] for _ in range(2))
    other = run_chunk(scenario, "3.000000", 6, detectors)[0]
    assert first.counts == second.counts
    assert first.positions.to_bytes() == second.positions.to_bytes() != other.positions.to_bytes()


def _generator(scenario, chunk):
    digest = hashlib.sha256(f"{scenario.key()}|5.000000|{chunk}".encode()).digest()
    return CounterGenerator(int.from_bytes(digest[:8], "big"))


class _Shuffled:
    """An executor that finishes tasks in random order, two at a time."""

    capacity = 7

    def __init__(self, inner):
        self._inner = inner
        self._tasks = []
        self._random = random.Random(4)
        self.out_of_order = 0

    def submit(self, task):
        self._tasks.append(task)

    def wait(self):
        self._random.shuffle(self._tasks)
        done = []
        for task in self._tasks[:2]:
            lower = [t for t in self._tasks if t.snr == task.snr and t.chunk < task.chunk]
            self.out_of_order += bool(lower)
            self._inner.submit(task)
            done += self._inner.wait()
        del self._tasks[:2]
        return done

    def shutdown(self):
        self._inner.shutdown()
