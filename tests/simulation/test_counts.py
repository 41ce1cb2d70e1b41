import numpy as np
import pytest

from mimolearn.studies import Counts, ErrorPositions


def random_positions(rng, vectors):
    vector = np.flatnonzero(rng.random(vectors) < 0.2)
    symbols = rng.integers(1, 5, vector.size)
    return ErrorPositions(vector, symbols * rng.integers(1, 3, vector.size), symbols)


def test_bytes_round_trip_also_when_empty():
    rng = np.random.default_rng(1)
    for positions in (random_positions(rng, 1000), random_positions(rng, 0)):
        again = ErrorPositions.from_bytes(positions.to_bytes())
        for name in ("vector", "bit_errors", "symbol_errors"):
            np.testing.assert_array_equal(getattr(again, name), getattr(positions, name))


def test_errors_per_channel_equal_a_loop():
    rng = np.random.default_rng(2)
    parts = [random_positions(rng, 60) for _ in range(3)]
    joined = ErrorPositions.join(parts, 60)
    dense = np.zeros(180, np.int64)
    for i, part in enumerate(parts):
        for vector, bits in zip(part.vector, part.bit_errors, strict=True):
            dense[60 * i + vector] += bits
    np.testing.assert_array_equal(joined.per_channel("ber", 36, 5), dense.reshape(36, 5).sum(1))
    np.testing.assert_array_equal(
        joined.per_channel("ber", 20, 5), dense.reshape(36, 5).sum(1)[:20]
    )
    assert joined.per_channel("ver", 36, 5).sum() == len(joined.vector)


@pytest.mark.parametrize(("works", "expected"), [((3, 4), 7), ((3, None), None), ((), None)])
def test_total_knows_work_only_when_all_do(works, expected):
    parts = [Counts(1, 2, 3, 4, 5, 1, 1, 1, 0, 0, work) for work in works]
    total = Counts.total(parts)
    assert total.work == expected
    assert total.bits == 5 * len(works)
