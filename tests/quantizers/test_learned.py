"""Learned quantisers: published sizes, the theorem behind the features, and that training works."""

import pytest
import torch

from mimolearn import InvalidInputError
from mimolearn.constellation import Constellation
from mimolearn.quantizers import fit_quantizer, make_quantizer
from mimolearn.quantizers.descent import kl_loss, minimise, weighted_square
from mimolearn.quantizers.eq_net import EQNetFit
from mimolearn.quantizers.levels import k_means


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("constellation", "nt", "encoder", "branch", "decoder"),
    [
        ("64-qam", 2, 10_326, 9_793, 117_516),
        ("16-qam", 4, 18_508, 17_537, 280_592),
        ("16-qam", 8, 73_368, 69_377, 2_220_064),
    ],
)
def test_published_sizes_of_eq_net(constellation, nt, encoder, branch, decoder):
    net = make_quantizer("eq-net-published", constellation, num_tx_ant=nt)
    assert parameters(net.encoder) == encoder
    assert parameters(net.decoder) == decoder == branch * nt * net.constellation.bits_per_symbol


@pytest.mark.parametrize(
    ("constellation", "branched", "count"),
    [
        ("16-qam", False, 1351),
        ("64-qam", False, 2889),
        ("16-qam", True, 3175),
        ("64-qam", True, 9369),
    ],
)
def test_published_sizes_of_deep_llr(constellation, branched, count):
    assert parameters(make_quantizer("deep-llr", constellation, branched=branched)) == count


def test_three_numbers_a_stream_hold_all_of_a_diagonal_channel():
    """Theorem 2 (Arvinte et al.): x_hat and 1/v give the soft bits of a stream exactly."""
    quantizer = make_quantizer("eq-net", "64-qam", num_tx_ant=2)
    generator = torch.Generator().manual_seed(1)
    x_hat = torch.randn(50, 2, 2, generator=generator)
    error_var = 0.01 + torch.rand(50, 2, generator=generator)
    precision = (torch.log(1 / error_var) - quantizer.precision[0]) / quantizer.precision[1]
    z = torch.cat([x_hat / quantizer.reach, precision.unsqueeze(-1)], -1)
    expected = Constellation("64-qam").llr(torch.view_as_complex(x_hat), error_var)
    torch.testing.assert_close(quantizer.llr_of(z), expected, rtol=1e-4, atol=1e-4)


def gaussian_soft_bits(num, seed):
    generator = torch.Generator().manual_seed(seed)
    c = Constellation("16-qam")
    index = torch.randint(16, (num, 1), generator=generator)
    noise_var = 10 ** (-0.5 - torch.rand(num, 1, generator=generator))
    noise = torch.view_as_complex(torch.randn(num, 1, 2, generator=generator))
    return c.llr(c.map(index) + noise * (noise_var / 2).sqrt(), noise_var)


def lost(quantizer, llr):
    return float(kl_loss(quantizer.through(llr), llr).mean()) / 0.6931 * 1000


def test_training_loses_less_and_less():
    """The shipped weights show how far it gets; this shows that it gets there."""
    llr, fresh = gaussian_soft_bits(60_000, 1), gaussian_soft_bits(5000, 2)
    early, net = (fit_quantizer("eq-net", llr, bits=3, steps=n, tuning_steps=50) for n in (20, 500))
    assert lost(net, fresh) < 60 < lost(early, fresh)
    tuned = minimise(EQNetFit(llr, net.constellation, 1.5, start=net, tuning_steps=100))
    assert tuned.bits_per_llr == 1.5
    assert lost(net, fresh) < lost(tuned, fresh)
    with pytest.raises(InvalidInputError, match="start: got <1 streams of 16-qam>"):
        EQNetFit(llr.reshape(-1, 2, 4), net.constellation, 3, start=net)
    few = {"start": net, "tuning_steps": 300, "learning_rate": 2e-3}
    equal, learned = (
        minimise(EQNetFit(llr, net.constellation, 2, learned_levels=own, **few))
        for own in (False, True)
    )
    assert learned.levels == equal.levels
    assert lost(learned, fresh) < 0.97 * lost(equal, fresh)


def test_learned_levels_begin_where_equidistant_ones_are():
    llr = gaussian_soft_bits(200, 3)
    plain, learned = (
        make_quantizer("eq-net", "16-qam", num_tx_ant=1, levels="5,5,4", learned_levels=own)
        for own in (False, True)
    )
    torch.testing.assert_close(learned.through(llr), plain.through(llr), rtol=1e-5, atol=1e-5)
    assert len({tuple(row) for row in learned.indices(llr).flatten(0, 1).tolist()}) > 3
    with torch.no_grad():
        learned.tables[2] -= 1.0
    assert learned.digest() != plain.digest()
    assert learned.through(llr).abs().mean() < 0.6 * plain.through(llr).abs().mean()


def test_streams_may_be_taken_one_by_one():
    llr = gaussian_soft_bits(2000, 4).reshape(-1, 4, 4)
    net = fit_quantizer("eq-net", llr, bits=3, streams=2, steps=20, tuning_steps=5, width=16)
    assert net.streams_per_group() == 2
    assert net.through(llr).shape == llr.shape
    with pytest.raises(InvalidInputError, match="streams: got 3, expected a divisor of 4"):
        fit_quantizer("eq-net", llr, bits=3, streams=3)


def test_the_same_call_gives_the_same_numbers():
    llr = gaussian_soft_bits(2000, 1)
    a, b = (
        fit_quantizer("eq-net", llr, bits=3, steps=20, tuning_steps=5, width=16) for _ in range(2)
    )
    other = fit_quantizer("eq-net", llr, bits=3, steps=20, tuning_steps=5, width=16, seed=2)
    assert a.digest() == b.digest() != other.digest()


def test_losses():
    true = torch.tensor([0.0, 2.0, -30.0, 8.0])
    assert torch.allclose(kl_loss(true, true), torch.zeros(4), atol=1e-6)
    assert bool((kl_loss(true + 1, true) > 0).all())
    soft = torch.tanh(true / 2)
    expected = (torch.tanh((true + 1) / 2) - soft).square() / (soft.abs() + 1e-3)
    torch.testing.assert_close(weighted_square(true + 1, true), expected)


def test_k_means_finds_clumps():
    generator = torch.Generator().manual_seed(1)
    centres = torch.tensor([-0.9, -0.1, 0.0, 0.7])
    values = centres.repeat(500) + 0.005 * torch.randn(2000, generator=generator)
    torch.testing.assert_close(k_means(values, 4), centres, atol=0.01, rtol=0)
    assert len(k_means(torch.zeros(10), 4)) == 4
