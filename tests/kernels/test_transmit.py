"""Received vectors: the right product, of each vector alone."""

import pytest
import torch

from mimolearn import Scenario
from mimolearn.constellation import Constellation
from mimolearn.kernels.link.transmission import transmit
from mimolearn.link.randomness import CounterGenerator, complex_normal, integers


def inputs(num, vectors, nr, nt):
    generator, points = CounterGenerator(3), Constellation("16-qam")
    h = complex_normal((num, nr, nt), generator)
    indices = integers((num, vectors, nt), 16, generator)
    noise = complex_normal((num, vectors, nr), generator)
    return h, indices, points, noise, torch.linspace(0.1, 2, num)


@pytest.mark.parametrize("size", [(3, 2, 4, 4), (2, 1, 1, 1), (5, 3, 7, 9), (2, 2, 64, 32)])
def test_y_is_h_x_plus_noise(size):
    h, indices, points, noise, std = inputs(*size)
    expected = points.map(indices) @ h.mT + noise * std[:, None, None]
    torch.testing.assert_close(transmit(h, indices, points, noise.clone(), std), expected)


def test_a_vector_does_not_depend_on_the_others():
    h, indices, points, noise, std = inputs(6, 3, 5, 7)
    whole = transmit(h, indices, points, noise.clone(), std)
    for i in range(6):
        part = slice(i, i + 1)
        one = transmit(h[part], indices[part, 1:2], points, noise[part, 1:2].clone(), std[part])
        assert torch.equal(one, whole[part, 1:2])


def test_a_strided_channel_is_read_as_it_is_meant():
    h, indices, points, noise, std = inputs(3, 2, 5, 5)
    whole = transmit(h, indices, points, noise.clone(), std)
    strided = h.mT.contiguous().mT
    assert torch.equal(transmit(strided, indices, points, noise.clone(), std), whole)
    assert torch.equal(
        transmit(h.conj(), indices, points, noise.clone(), std),
        transmit(h.conj().resolve_conj(), indices, points, noise.clone(), std),
    )


def test_a_scenario_sends_alike_from_both_sources():
    scenario = Scenario(num_tx_ant=3, num_rx_ant=5, constellation="qpsk", channel_reuse=2)
    block = scenario.draw(200, 8, CounterGenerator(1))
    x = scenario.points().map(block.indices)
    torch.testing.assert_close(block.y, x @ block.h.mT)
