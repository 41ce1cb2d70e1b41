"""Learned quantisers: published sizes, the theorem behind the features, and that training works."""

import pytest
import torch

from mimolearn import InvalidInputError
from mimolearn.constellation import Constellation
from mimolearn.quantizers import fit_quantizer, make_quantizer
from mimolearn.quantizers.descent import kl_loss, minimise, weighted_square
from mimolearn.quantizers.eq_net_fit import EQNetFit
from mimolearn.quantizers.levels import (
    StreamWords,
    join_words,
    k_means,
    split_words,
    to_uniform,
)


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
    assert lost(net, fresh) < 11 < lost(early, fresh)
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
    learned = make_quantizer("eq-net", "16-qam", num_tx_ant=1, levels="5,5,4", learned_levels=True)
    # Words of a precision follow each other.
    axis = torch.linspace(-1, 1, 5)
    z = torch.cartesian_prod(torch.linspace(-1, 1, 4), axis, axis)[:, [1, 2, 0]]
    words = torch.arange(len(z)).reshape(-1, 1, 1)
    torch.testing.assert_close(
        learned.from_indices(words), learned.llr_of(z.unsqueeze(1)), rtol=1e-5, atol=1e-5
    )
    assert len(learned.indices(llr).unique()) > 3
    before, digest = learned.from_indices(words), learned.digest()
    with torch.no_grad():
        learned.tables[2] -= 1.0
    assert learned.digest() != digest
    assert learned.from_indices(words).abs().mean() < 0.8 * before.abs().mean()


def test_sure_estimates_have_more_levels_and_few_words_are_left_over():
    words = StreamWords.of((20, 20, 10), alike=False)
    counts = words.axes.prod(1)
    assert words.axes[:, 0].tolist() == [11, 12, 14, 15, 17, 19, 22, 24, 27, 31]
    assert 4000 < words.num_words == int(counts.sum()) <= 4096
    every = torch.arange(words.num_words).unsqueeze(-1)
    codes = split_words(every, words.axes, words.starts)
    assert torch.equal(join_words(codes, words.axes, words.starts), every)
    assert torch.equal(codes[:, 2].bincount(), counts)
    assert bool((codes[:, :2] < words.axes[codes[:, 2]]).all())
    alike = StreamWords.of((20, 24, 7), alike=True)
    assert alike.num_words == 20 * 24 * 7
    assert alike.axes.tolist() == [[20, 24]] * 7


@pytest.mark.parametrize("learned", [False, True])
def test_of_neighbouring_codes_the_one_that_loses_least_is_kept(learned):
    """By enumeration of all words of a stream, over those that the encoder may take."""
    llr = gaussian_soft_bits(200, 5)
    net = fit_quantizer(
        "eq-net",
        llr,
        bits=2,
        levels="6,6,4",
        learned_levels=learned,
        steps=200,
        tuning_steps=50,
        width=16,
    )
    every = torch.arange(net.word_levels()[0]).reshape(-1, 1, 1)
    codes = split_words(every, net._axes, net._starts)[:, 0]
    # Of each row of LLRs and each word.
    lost_by = kl_loss(net.from_indices(every).squeeze(1), llr).sum(-1)
    z = net.latents(llr)[:, 0]
    near = (to_uniform(z[:, 2], torch.tensor(4)) - codes[:, None, 2]).abs() <= 1
    for axis in range(2):
        counts = net._axes[codes[:, 2], axis].unsqueeze(-1)
        near &= (to_uniform(z[:, axis], counts) - codes[:, None, axis]).abs() <= 1
    least = lost_by.masked_fill(~near.T, float("inf")).amin(1)
    kept = kl_loss(net.through(llr), llr).sum((-2, -1))
    torch.testing.assert_close(kept, least, rtol=1e-3, atol=1e-5)


def test_an_entropy_coder_needs_no_more_than_the_words_have():
    llr = gaussian_soft_bits(3000, 6)
    net = fit_quantizer("eq-net", llr, bits=3, steps=300, tuning_steps=50)
    words = net.indices(llr)
    assert 9 < net.entropy_bits(words) / len(llr) < 12
    # A word that is always the same needs but the levels within its parts.
    assert net.entropy_bits(words[:1].expand(50, 1, 1)) < 50 * 2 * 2


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
