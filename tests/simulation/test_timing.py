import time

import torch

from mimolearn import HardDetection, make_detector
from mimolearn.link.scenario import Scenario
from mimolearn.studies import compare, cost_report, load_results, measure_timing, simulate
from mimolearn.studies.kinds.chunk import batch_channels

SCENARIO = Scenario(num_tx_ant=1, num_rx_ant=1, constellation="qpsk", channel_reuse=4)


def test_times_are_those_of_the_detector(oracle):
    pause_s = 0.004

    def decide(constellation, indices, y):
        # At work, not asleep: time is the CPU's.
        end = time.thread_time() + pause_s
        while time.thread_time() < end:
            pass
        return HardDetection(constellation, indices)

    threads = torch.get_num_threads()
    timing = measure_timing(SCENARIO, oracle("qpsk", decide), 10.0, budget_s=0.02)
    assert torch.get_num_threads() == threads
    assert (timing.threads, timing.batch) == (1, batch_channels(SCENARIO))
    assert (timing.channel_reuse, timing.snr_db) == (4, 10.0)
    per_vector_us = 1e6 * pause_s / (4 * timing.batch)
    assert per_vector_us < timing.detect_us < 20 * per_vector_us
    assert timing.latency_us > 1e6 * pause_s
    assert per_vector_us < timing.vector_us < 20 * per_vector_us
    assert timing.repeats >= 5


def test_costs_and_stored_numbers(oracle):
    report = cost_report(SCENARIO, make_detector("lmmse", "qpsk"))
    assert report == (*make_detector("lmmse", "qpsk").cost(1, 1), 0, 0)
    learned = oracle("qpsk")
    learned.weight = torch.nn.Parameter(torch.zeros(3, 5))
    learned.scale = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    assert cost_report(SCENARIO, learned)[2:] == (17, 4 * 15 + 8 * 2)


def test_compare_reads_a_file_times_and_stores(tmp_path):
    path, store = tmp_path / "c.toml", tmp_path / "c.sqlite"
    path.write_text(
        'num_tx_ant = 1\nnum_rx_ant = 1\nconstellation = "qpsk"\n[run]\nsnr_db = [0, 5, 10]\n'
        "min_errors = 50\ntarget = 0.1\n"
    )
    found = compare(path, store=store)
    assert found.plan.snr_db == (0.0, 5.0, 10.0)
    assert found.timings["lmmse"].snr_db == 5.0
    assert compare(path, snr_db=[5], min_errors=10).plan.min_errors == 10
    assert simulate(path, snr_db=[5], min_errors=10).plan.snr_db == (5.0,)
    loaded = load_results(store)
    assert loaded.timings == found.timings
    assert loaded.costs == found.costs
    assert loaded.provenance == found.provenance
