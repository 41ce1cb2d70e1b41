"""Decisions and counted errors equal what the definitions say."""

import pytest
import torch

from mimolearn import Constellation
from mimolearn.kernels.link import symbol_errors


@pytest.mark.parametrize("name", Constellation.names(separable=True))
@pytest.mark.parametrize("shape", [(40, 3, 5), (1, 1, 1), (0, 2, 3)])
def test_nearest_points(name, shape):
    constellation = Constellation(name)
    x_hat = 1.2 * torch.randn(
        shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(3)
    )
    assert torch.equal(symbol_errors.nearest(constellation, x_hat), constellation.nearest(x_hat))
    distance = (x_hat.unsqueeze(-1) - constellation.points).abs()
    assert torch.equal(symbol_errors.nearest(constellation, x_hat), distance.argmin(-1))


@pytest.mark.parametrize("name", ["bpsk", "16-qam"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_what_is_far_or_not_finite_comes_out_as_some_index(name, value):
    constellation = Constellation(name)
    x_hat = torch.full((4,), complex(value, -value), dtype=torch.complex64)
    found = symbol_errors.nearest(constellation, x_hat)
    assert ((found >= 0) & (found < constellation.num_points)).all()
    if value == 1e30:
        assert torch.equal(found, constellation.nearest(x_hat))


@pytest.mark.parametrize("name", Constellation.names(separable=True))
def test_errors_are_those_of_the_labels(name):
    constellation = Constellation(name)
    generator = torch.Generator().manual_seed(4)
    sent, decided = (
        torch.randint(constellation.num_points, (30, 2, 3), generator=generator) for _ in range(2)
    )
    valid = torch.rand(30, 2, generator=generator) < 0.8
    bits, symbols, inside = symbol_errors.count_errors(
        sent, decided, valid, constellation.bits_per_symbol
    )
    different = constellation.indices_to_bits(sent) != constellation.indices_to_bits(decided)
    different |= ~valid[..., None, None]
    wrong = (sent != decided) | ~valid[..., None]
    assert inside
    assert torch.equal(bits, different.sum((-2, -1)).flatten())
    assert torch.equal(symbols, wrong.sum(-1).flatten())


@pytest.mark.parametrize("index", [-1, 4, 1000])
def test_an_index_outside_is_seen(index):
    sent = torch.zeros(3, 1, 2, dtype=torch.int64)
    decided = sent.clone()
    decided[1, 0, 1] = index
    valid = torch.ones(3, 1, dtype=torch.bool)
    assert not symbol_errors.count_errors(sent, decided, valid, 2)[2]
    valid[1] = False
    assert symbol_errors.count_errors(sent, decided, valid, 2)[2]
