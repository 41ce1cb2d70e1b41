"""Reduced channels have the law of the triangle of full ones."""

import pytest
import torch
from scipy import stats
from torch import Generator

from mimolearn import InvalidInputError, Scenario
from mimolearn.foundation.tensors.linalg import gram
from mimolearn.link.channels.reduced import draw_reduced
from mimolearn.link.randomness import CounterGenerator
from mimolearn.training import SnrMix
from mimolearn.training.data import draw_block, mixed_noise_var

MODELS = ["rayleigh", "real-gaussian"]
COUNT = 8000


def scenario(model="rayleigh", nt=3, nr=5, **fields):
    channel = {"model": model, "entry_variance": "1/Nr"}
    return Scenario(num_tx_ant=nt, num_rx_ant=nr, constellation="qpsk", channel=channel, **fields)


def triangles(s, count, generator, dtype=torch.complex64):
    return draw_reduced(s.channel, count, s.num_rx_ant, s.num_tx_ant, generator, dtype)


@pytest.fixture(params=["torch", "counter"])
def source(request):
    return Generator().manual_seed(1) if request.param == "torch" else CounterGenerator(1)


def both(model, nt, nr, source):
    """Gram matrices of reduced and of direct draws, float64."""
    s = scenario(model, nt, nr)
    reduced = triangles(s, COUNT, source, torch.complex128)
    direct = s.channel.draw(COUNT, nr, nt, Generator().manual_seed(2), torch.complex128)
    return gram(reduced), gram(direct)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", [(3, 5), (3, 3)])
def test_moments_are_those_of_direct_draws(model, size, source):
    reduced, direct = both(model, *size, source)
    for moment in (
        lambda g: g.real,
        lambda g: g.abs() ** 2,
        lambda g: (g @ g).real,
        lambda g: (g @ g @ g).real,
        lambda g: (g[:, 0, 1] * g[:, 1, 2] * g[:, 2, 0]).real,
        lambda g: torch.linalg.det(g).real,
    ):
        a, b = moment(reduced), moment(direct)
        deviation = (a.mean(0) - b.mean(0)) / ((a.var(0) + b.var(0)) / COUNT).sqrt()
        # At most 9 correlated entries each: 4.5 sigma is passed by chance once in 10 000 times.
        assert deviation.abs().max() < 4.5


@pytest.mark.parametrize("model", MODELS)
def test_extreme_eigenvalues_have_the_same_law(model, source):
    spectra = [torch.linalg.eigvalsh(g) for g in both(model, 3, 3, source)]
    for which in (0, -1):
        test = stats.ks_2samp(*(values[:, which].numpy() for values in spectra))
        assert test.pvalue > 1e-3


def test_triangle_is_upper_with_positive_diagonal(source):
    r = triangles(scenario(), 10, source)
    assert r.shape == (10, 3, 3)
    assert r.dtype == torch.complex64
    assert torch.equal(r, r.triu())
    assert (r.diagonal(dim1=-2, dim2=-1).real > 0).all()


def test_what_cannot_be_reduced_is_refused():
    for refused in (
        scenario(nt=5, nr=3),
        scenario(csi={"error_var": 0.1}),
        scenario("kronecker"),
    ):
        assert not refused.is_reducible()
        with pytest.raises(InvalidInputError, match="draws: got 'reduced', expected 'full'"):
            Scenario(**{**refused.model_dump(), "draws": "reduced"})
        if refused.csi.error_var == 0:
            with pytest.raises(InvalidInputError, match="independent Gaussian entries"):
                triangles(refused, 2, Generator())
        block = draw_block(refused, SnrMix(), 2, 3, Generator().manual_seed(1))
        assert block.h.shape[1] == refused.num_rx_ant


def test_received_vectors_of_a_block_fit_their_channel():
    s = scenario()
    mix = SnrMix(low_db=0.0, high_db=20.0)
    block = draw_block(s, mix, 4000, 2, Generator().manual_seed(1))
    noise = block.y - s.points().map(block.indices) @ block.h.mT
    power = noise.abs().square().mean((-2, -1)) / block.noise_var
    # 6 complex entries a channel: mean 1, standard deviation 1/sqrt(6 * 4000).
    assert abs(float(power.mean()) - 1) < 4.5 / (6 * 4000) ** 0.5
    snr = (s.noise_var(0.0) / block.noise_var).log10() * 10
    assert stats.kstest(snr.numpy(), stats.uniform(0, 20).cdf).pvalue > 1e-3


def test_levels_and_normalised_realisations():
    s = scenario(snr_definition="per_realisation")
    h = triangles(s, 6, Generator().manual_seed(1))
    mix = SnrMix(levels_db=(10.0,))
    noise_var = mixed_noise_var(s, mix, h, Generator().manual_seed(1))
    torch.testing.assert_close(noise_var, s.noise_var(10.0, h))
