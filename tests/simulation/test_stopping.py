from hypothesis import given
from hypothesis import strategies as st

from mimolearn.simulation import Counts, ErrorPositions
from mimolearn.simulation.chunk import ChunkResult
from mimolearn.simulation.stopping import PointState, StopRule

EMPTY = ErrorPositions.join([], 0)


def result(errors):
    return ChunkResult(Counts(1, 10, 20, 40, 80, errors, errors, errors, 0, 0), EMPTY)


def brute_force(errors, rule):
    for length in range(1, len(errors) + 1):
        total = sum(errors[:length])
        if (total >= rule.min_errors and 10 * length >= rule.min_channels) or (
            20 * length >= rule.max_vectors
        ):
            return length, total
    return None


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=12),
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
    length, total = expected or (len(errors), sum(errors))
    assert (state.length, state.errors) == (length, total)
    counts = state.total().counts
    assert (counts.chunks, counts.bit_errors, counts.vectors) == (length, total, 20 * length)


def test_a_hole_holds_the_prefix_back():
    state = PointState(StopRule("ber", 100, 1, 10**6))
    state.add(1, result(1000))
    assert (state.length, state.finished) == (0, False)
    state.add(0, result(5))
    assert (state.length, state.errors, state.finished) == (2, 1005, True)


def test_expected_chunks_follow_the_error_rate():
    state = PointState(StopRule("ber", 100, 1, 10**6))
    for chunk in range(4):
        state.add(chunk, result(5))
    assert 18 <= state.expected_chunks() <= 21
