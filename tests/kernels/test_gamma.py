"""Gamma variates: their law, and where they come from."""

import numpy as np
import pytest
from scipy import stats

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.kernels.link.gamma import fill_gamma
from mimolearn.kernels.machine.philox import Stream

SHAPES = np.array([0.5, 1, 1.5, 2, 7.5, 33, 64, 2048], np.float32)


def draw(rows, stream=0, start=0, shapes=SHAPES):
    out = np.empty((rows, shapes.size), np.float32)
    fill_gamma(out, shapes, Stream(11, stream), start)
    return out


def test_every_shape_has_its_law():
    values = draw(40_000)
    for column, shape in zip(values.T, SHAPES, strict=True):
        assert stats.kstest(column, stats.gamma(float(shape)).cdf).pvalue > 1e-3
    correlation = np.corrcoef(values.T) - np.eye(SHAPES.size)
    assert np.abs(correlation).max() < 4.5 / 40_000**0.5


def test_a_part_is_that_of_the_whole():
    whole = draw(50)
    np.testing.assert_array_equal(draw(13, start=8 * 20), whole[20:33])


def test_streams_are_independent():
    one, other = draw(4000)[:, 3], draw(4000, stream=1)[:, 3]
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / 4000**0.5


@pytest.mark.parametrize("shapes", [[], [0.0], [-1.0], [1.25], [float("nan")]])
def test_other_shapes_are_refused(shapes):
    with pytest.raises(InvalidInputError, match="shapes: got"):
        draw(2, shapes=np.array(shapes, np.float32))
