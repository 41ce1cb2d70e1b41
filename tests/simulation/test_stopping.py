from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimolearn import Scenario, simulate
from mimolearn.results.statistics import effective_clusters
from mimolearn.studies import Counts, ErrorPositions
from mimolearn.studies.kinds.chunk import ChunkResult
from mimolearn.studies.stopping import PointState, Seen, StopRule

REUSE = 2
CHANNELS = 10
each_channel = st.lists(st.integers(0, 40), min_size=CHANNELS, max_size=CHANNELS)


def result(errors):
    """A chunk of 10 channels of 2 vectors, with these errors in each channel."""
    errors = np.asarray(errors)
    bad = np.flatnonzero(errors)
    total = int(errors.sum())
    counts = Counts(1, CHANNELS, REUSE * CHANNELS, 40, 80, total, total, total, 0, 0)
    return ChunkResult(counts, ErrorPositions(bad * REUSE, errors[bad], errors[bad]))


def spread(total):
    """So many errors, over the channels of a chunk as evenly as can be."""
    return [total // CHANNELS + (i < total % CHANNELS) for i in range(CHANNELS)]


def brute_force(errors, rule):
    for length in range(1, len(errors) + 1):
        seen = np.concatenate(errors[:length])
        total, clusters = int(seen.sum()), effective_clusters(seen)
        enough = total >= rule.min_errors and 10 * length >= rule.min_channels
        # The rule compares integers; a rounding of the last digit must not decide here.
        enough = enough and clusters > 0.16 * min(rule.min_errors, 100) - 1e-9
        if enough or 20 * length >= rule.max_vectors:
            return length, total
    return None


@given(
    st.lists(each_channel, min_size=1, max_size=12),
    st.integers(1, 200),
    st.integers(1, 80),
    st.integers(1, 250),
    st.randoms(use_true_random=False),
)
def test_stop_depends_on_the_prefix_alone(errors, min_errors, min_channels, max_vectors, random):
    rule = StopRule("ber", min_errors, min_channels, max_vectors)
    expected = brute_force(errors, rule)
    order = list(range(len(errors)))
    random.shuffle(order)
    state = PointState(rule)
    for chunk in order:
        state.add(chunk, result(errors[chunk]))
    assert state.finished == (expected is not None)
    length, total = expected or (len(errors), sum(map(sum, errors)))
    assert (state.length, state.seen.errors) == (length, total)
    counts = state.total().counts
    assert (counts.chunks, counts.bit_errors, counts.vectors) == (length, total, 20 * length)


def test_a_hole_holds_the_prefix_back():
    state = PointState(StopRule("ber", 100, 1, 10**6))
    state.add(1, result(spread(1000)))
    assert (state.length, state.finished) == (0, False)
    state.add(0, result(spread(5)))
    assert (state.length, state.seen.errors, state.finished) == (2, 1005, False)
    state.add(2, result(spread(1000)))
    assert (state.length, state.seen.errors, state.finished) == (3, 2005, True)


def test_errors_of_few_channels_are_not_enough():
    """A hundred errors in one channel of each chunk: 16 chunks, where bits alone would take one."""
    state = PointState(StopRule("ber", 100, 1, 10**6))
    for chunk in range(20):
        state.add(chunk, result([100] + [0] * 9))
    assert (state.length, state.finished) == (16, True)


def test_whoever_asks_for_few_errors_gets_few():
    state = PointState(StopRule("ber", 20, 1, 10**6))
    for chunk in range(20):
        state.add(chunk, result([100] + [0] * 9))
    assert (state.length, state.finished) == (4, True)


def test_most_vectors_end_a_point_of_few_channels():
    state = PointState(StopRule("ber", 100, 1, 100))
    for chunk in range(20):
        state.add(chunk, result([100] + [0] * 9))
    assert (state.length, state.finished) == (5, True)


def test_blocks_are_the_clusters_of_what_is_decoded():
    """Thirty information bits of a wrong block are one cluster: 16 blocks, not four."""
    empty = ErrorPositions.join([], 0)
    block = ErrorPositions(*(np.array([value]) for value in (0, 30, 30)))
    counts = Counts(1, 10, 20, 40, 80, 0, 0, 0, 0, 0, None, 4, 1000, 1, 30)
    state = PointState(StopRule("info-ber", 100, 1, 10**6))
    for chunk in range(20):
        state.add(chunk, ChunkResult(counts, empty, block))
    assert (state.length, state.finished) == (16, True)


def test_expected_chunks_follow_the_error_rate():
    state = PointState(StopRule("ber", 100, 1, 10**6))
    for chunk in range(4):
        state.add(chunk, result(spread(5)))
    assert 18 <= state.expected_chunks() <= 21


def test_expected_chunks_follow_the_bad_channels():
    state = PointState(StopRule("ber", 100, 1, 10**6))
    for chunk in range(4):
        state.add(chunk, result([60] + [0] * 9))
    assert state.expected_chunks() == 16


def test_a_point_without_errors_ends_once_it_is_known_to_lie_under_the_floor():
    link = Scenario(num_tx_ant=1, num_rx_ant=2, constellation="bpsk")
    run = {"contenders": ["lmmse"], "snr_db": [40, 45], "target": 1e-2}
    result = simulate(link, **run, max_vectors=10**9)
    (point,) = result.curves[0].points
    assert point.finished
    assert point.counts.bit_errors == 0
    # 95 % bound of a rate without errors: 1 - 0.025^(1/n) < 1e-3 from n = 3688 on.
    assert 3688 <= point.counts.channels < 20_000
    assert point.interval("ber").high < result.plan.floor_rate
    assert result.curves[0].skipped_db == (45.0,)
    without = simulate(link, **run, max_vectors=30_000, floor=0)
    assert [p.counts.vectors >= 30_000 for p in without.curves[0].points] == [True, True]


@pytest.mark.parametrize(("metric", "clusters"), [("bler", 40), ("ber", 200)])
def test_blocks_are_the_clusters_after_decoding(metric, clusters):
    counts = Counts(1, 200, 200, 800, 1600, 0, 0, 0, 0, 0, blocks=40, info_bits=400)
    result = SimpleNamespace(counts=counts, cluster_errors=lambda metric: np.zeros(0, np.int64))
    rule = StopRule(metric, 100, 1, 10**9, floor=0.05)
    seen = rule.added(Seen(), result)
    assert seen.clusters == clusters
    assert rule.clean_clusters == 73
    assert rule.holds(seen) == (clusters >= 73)
