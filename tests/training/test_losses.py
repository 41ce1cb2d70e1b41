"""Losses against what they are by definition."""

import pytest
import torch
from torch import Generator

from mimolearn import make_detector
from mimolearn.training import Loss, SnrMix
from mimolearn.training.data import draw_block
from mimolearn.training.losses import loss_of, symbol_logits


@pytest.fixture
def block(small_scenario):
    mix = SnrMix(low_db=5.0, high_db=10.0)
    return draw_block(small_scenario, mix, 6, 5, Generator().manual_seed(1))


@pytest.fixture
def network():
    return make_detector("lcgnet-v", "bpsk", num_tx_ant=4, num_layers=3)


def test_mse_and_its_weights(network, block):
    x = network.constellation.map(block.indices)
    iterates = network.iterates(network.prepare(block.h, block.noise_var), block.y)
    errors = [(x_hat - x).abs().square().mean((1, 2)) for x_hat in iterates]
    plain = loss_of(Loss(), network, block, None)
    torch.testing.assert_close(plain, errors[2].mean())
    torch.testing.assert_close(loss_of(Loss(), network, block, 2), errors[1].mean())
    weighted = loss_of(Loss(over_noise=True), network, block, None)
    torch.testing.assert_close(weighted, (errors[2] / block.noise_var).mean())
    deep = loss_of(Loss(inner_weight=0.3), network, block, None)
    inner = 0.1 * (errors[0].mean() / 27 + errors[1].mean() * 8 / 27)
    torch.testing.assert_close(deep, errors[2].mean() + inner)


def test_residual_is_zero_at_zero_forcing_and_sees_no_symbol(block):
    network = make_detector("deep-cg", "bpsk", num_layers=80, load=0.2)
    h = torch.linalg.qr(block.h)[0]
    exact = block._replace(h=h, h_hat=h)
    value = loss_of(Loss(name="residual"), network, exact, None)
    assert value < 1e-6
    assert loss_of(Loss(name="residual"), network, exact, 1) > 1e-2
    other = exact._replace(indices=1 - exact.indices)
    assert torch.equal(loss_of(Loss(name="residual"), network, other, None), value)


@pytest.mark.parametrize("name", ["bpsk", "16-qam"])
def test_cross_entropy_is_that_of_the_llrs(name):
    detector = make_detector("lmmse", name)
    generator = Generator().manual_seed(1)
    h = torch.randn(2, 4, 2, generator=generator, dtype=torch.complex128)
    y = torch.randn(2, 3, 4, generator=generator, dtype=torch.complex128)
    detection = detector(y, h, 0.3)
    logits = symbol_logits(detection)
    assert logits.shape == (2, 3, 2, detector.constellation.num_points)
    llr = detector.constellation.logits_to_llr(logits)
    torch.testing.assert_close(llr, detection.llr(), rtol=1e-8, atol=1e-8)


def test_cross_entropy_of_a_network_has_gradients(network, block):
    loss = loss_of(Loss(name="cross-entropy"), network, block, None)
    assert 0 < loss < 0.7
    loss.backward()
    assert network.alpha.grad.abs().max() > 0


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16-qam", "64-qam"])
@pytest.mark.parametrize("kind", ["tap-net", "lcgnet-v"])
def test_cross_entropy_by_axis_is_that_of_the_symbols(name, kind, small_scenario):
    scenario = small_scenario.model_copy(update={"constellation": name})
    snr = SnrMix(low_db=5.0, high_db=20.0)
    block = draw_block(scenario, snr, 6, 5, Generator().manual_seed(1))
    options = {} if kind == "tap-net" else {"num_tx_ant": scenario.num_tx_ant}
    network = make_detector(kind, name, num_layers=1, **options)
    detection = network(block.y, block.h_hat, block.noise_var)
    chance = torch.log_softmax(symbol_logits(detection), -1)
    expected = -chance.gather(-1, block.indices.unsqueeze(-1)).mean()
    found = loss_of(Loss(name="cross-entropy"), network, block, None)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
