"""Sources of randomness: reproducible, independent, and with the moments they promise."""

import pytest
import torch

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.channels import CDL, TDL, Clustered, Kronecker, Rayleigh, RealGaussian
from mimolearn.link.randomness import (
    CounterGenerator,
    as_torch,
    complex_normal,
    integers,
    normal,
    uniform,
)

SOURCES = [lambda: torch.Generator().manual_seed(5), lambda: CounterGenerator(5)]


@pytest.mark.parametrize("source", SOURCES, ids=["torch", "counter"])
def test_moments(source):
    generator, n = source(), 200_000
    x = complex_normal((n,), generator)
    # Four deviations of the mean of each estimate.
    assert x.mean().abs() < 4 / n**0.5
    assert abs(x.abs().square().mean() - 1) < 4 / n**0.5
    assert abs((x * x).mean()) < 4 * 2**0.5 / n**0.5
    assert abs(normal((n,), generator).square().mean() - 1) < 4 * (2 / n) ** 0.5
    u = uniform((n,), generator)
    assert 0 <= u.min() < u.max() < 1
    assert abs(u.mean() - 0.5) < 4 / (12 * n) ** 0.5
    counts = torch.bincount(integers((n,), 16, generator), minlength=16)
    assert ((counts - n / 16).abs() < 5 * (n / 16) ** 0.5).all()


@pytest.mark.parametrize("source", SOURCES, ids=["torch", "counter"])
@pytest.mark.parametrize("draw", [normal, complex_normal])
def test_a_variance_scales_the_same_draw(source, draw):
    unit, scaled = draw((1000,), source()), draw((1000,), source(), var=0.3)
    torch.testing.assert_close(scaled, unit * 0.3**0.5)


@pytest.mark.parametrize("source", SOURCES, ids=["torch", "counter"])
def test_a_source_repeats_itself_and_its_draws_differ(source):
    first, again = source(), source()
    draws = [normal((1000,), first) for _ in range(3)]
    assert all(torch.equal(draw, normal((1000,), again)) for draw in draws)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(torch.corrcoef(torch.stack([draws[a], draws[b]]))[0, 1]) < 4 / 1000**0.5


def test_all_bits_of_a_seed_count():
    # torch's CPU generator keeps 32 of them: seeds 1 and 1 + 2^32 are twins there.
    twins = [torch.Generator().manual_seed(1 + high * 2**32) for high in (0, 1)]
    assert torch.equal(normal((8,), twins[0]), normal((8,), twins[1]))
    mine = [CounterGenerator(1 + high * 2**32) for high in (0, 1)]
    assert not torch.equal(normal((8,), mine[0]), normal((8,), mine[1]))


@pytest.mark.parametrize("bad", [-1, 2**64, 1.5, True, "1"])
def test_a_bad_seed_is_refused(bad):
    with pytest.raises(InvalidInputError, match="seed: got"):
        CounterGenerator(bad)


def test_a_torch_generator_passes_through_and_a_counter_moves_on():
    generator = torch.Generator()
    assert as_torch(generator) is generator
    counter = CounterGenerator(3)
    a, b = as_torch(counter), as_torch(counter)
    assert a.initial_seed() != b.initial_seed()


@pytest.mark.parametrize(
    "model", [Rayleigh(), RealGaussian(), Kronecker(), Clustered(), TDL(), CDL()], ids=repr
)
def test_every_channel_draws_from_a_counter_too(model):
    one, two = (model.draw(40, 4, 2, CounterGenerator(9)) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, model.draw(40, 4, 2, CounterGenerator(10)))
    # Means of 40 channels of 8 entries; a channel's own fading moves them most.
    assert 0.4 < one.abs().square().mean() < 2.0
