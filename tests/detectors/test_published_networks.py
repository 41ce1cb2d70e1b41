"""MMNet and GEPNet: what they are before training, what training is worth, and what it leaves."""

import pytest
import torch

from mimolearn import Scenario, load, make_detector
from mimolearn.link.channels import Kronecker

CORRELATED = Scenario(
    num_tx_ant=4,
    num_rx_ant=8,
    constellation="16-qam",
    channel=Kronecker(rx_correlation=0.7, tx_correlation=0.7),
    snr_definition="received",
)


def correlated(channels: int, vectors: int, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    h = CORRELATED.channel.draw(channels, 8, 4, generator)
    noise_var = CORRELATED.noise_var(20.0, h)
    return CORRELATED.transmit(h, noise_var, vectors, generator)


def wrong(detector, block) -> int:
    return int((detector(block.y, block.h_hat, block.noise_var).indices() != block.indices).sum())


def test_mmnet_learns_a_correlated_channel():
    block = correlated(6, 500)
    counts = {
        name: wrong(make_detector(name, "16-qam", **options), block)
        for name, options in (
            ("lmmse", {}),
            ("oamp", {"variances": "shared"}),
            ("mmnet", {"num_layers": 6, "num_steps": 60}),
        )
    }
    assert counts["mmnet"] < 0.7 * counts["oamp"] < 0.7 * counts["lmmse"]


def test_mmnet_trains_every_channel_by_itself():
    net = make_detector("mmnet", "qpsk", num_layers=2, num_steps=5, num_symbols=20)
    h = correlated(3, 1).h
    together = net.prepare(h, 0.3)
    alone = net.prepare(h[1], 0.3)
    torch.testing.assert_close(together.steps[:, 1], alone.steps, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together.log_scales[:, 1], alone.log_scales, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        again = net.prepare(h[1], 0.3)
    assert torch.equal(again.steps, alone.steps)


def test_mmnet_repeats_by_its_seed_and_leaves_torch_alone():
    h = correlated(1, 1).h
    options = {"num_layers": 2, "num_steps": 5, "num_symbols": 20}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first, same, other = (
        make_detector("mmnet", "qpsk", **options, seed=seed).prepare(h, 0.3).steps
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam"])
def test_gepnet_is_ep_before_training(constellation):
    scenario = Scenario(num_tx_ant=4, num_rx_ant=5, constellation=constellation)
    b = scenario.draw(10.0, 40, torch.Generator().manual_seed(1), torch.complex128)
    net = make_detector("gepnet", constellation, num_layers=4, width=8).requires_grad_(False)
    plain = make_detector("ep", constellation, num_iter=4)
    found, expected = (d(b.y, b.h, b.noise_var).llr() for d in (net, plain))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_messages_of_gepnet_by_hand():
    """The sum over the other nodes of two hidden layers of both ends, their link and the noise."""
    net = make_detector("gepnet", "qpsk", num_layers=1, num_features=3, width=4)
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(2, 1, 4, 3, generator=generator)
    links = torch.randn(2, 1, 4, 4, generator=generator)
    noise = torch.rand(2, 1, 1, 1, generator=generator)
    with torch.no_grad():
        found = net._messages(features, links, noise)
        expected = torch.zeros_like(features)
        for b in range(2):
            for k in range(4):
                for j in set(range(4)) - {k}:
                    u = features[b, 0]
                    x = torch.cat([u[k], u[j], links[b, 0, k, j, None], noise[b, 0, 0]])
                    for layer in net.message:
                        x = torch.relu(layer(x))
                    expected[b, 0, k] += x
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_trained_gepnet_has_more_information_than_ep():
    """Of a vector's bits, where LLRs of ep are overconfident."""
    scenario = Scenario(
        num_tx_ant=8, num_rx_ant=8, constellation="16-qam", snr_definition="received"
    )
    b = scenario.draw(21.0, 1000, torch.Generator().manual_seed(8))
    signs = 2.0 * scenario.points().indices_to_bits(b.indices) - 1
    losses = [
        torch.nn.functional.softplus(-signs * d(b.y, b.h_hat, b.noise_var).llr()).flatten(1).mean(1)
        for d in (load("gepnet-16qam"), make_detector("ep", "16-qam"))
    ]
    gain = losses[1] - losses[0]
    assert gain.mean() > 2 * gain.std() / len(gain) ** 0.5
