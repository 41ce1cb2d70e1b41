"""EquiNet: equivariance, sizes, depth, and what it makes of the channel."""

import pytest
import torch

from mimolearn import InvalidInputError, Scenario, load, make_detector
from mimolearn.detectors.networks.level_logits import level_detection, level_indices, level_moments


def block(nt, nr, constellation="bpsk", channels=3, vectors=2, snr_db=8.0):
    scenario = Scenario(
        num_tx_ant=nt, num_rx_ant=nr, constellation=constellation, channel_reuse=vectors
    )
    generator = torch.Generator().manual_seed(1)
    return scenario.draw(snr_db, channels, generator, torch.complex128)


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam"])
def test_permuting_streams_permutes_every_layer(constellation):
    b = block(5, 9, constellation)
    network = make_detector("equi-net", constellation, num_layers=3).double()
    order = torch.tensor([3, 0, 4, 1, 2])
    plain = network.iterates(network.prepare(b.h, b.noise_var), b.y)
    permuted = network.iterates(network.prepare(b.h[..., order], b.noise_var), b.y)
    for a, c in zip(plain, permuted, strict=True):
        torch.testing.assert_close(a[..., order], c)


def test_rotating_receive_antennas_changes_nothing():
    b = block(4, 6)
    network = make_detector("equi-net", "bpsk", num_layers=2).double()
    rotation = torch.linalg.qr(
        torch.randn(6, 6, dtype=torch.complex128, generator=torch.Generator().manual_seed(2))
    )[0]
    expected = network(b.y, b.h, b.noise_var).llr()
    got = network(b.y @ rotation.T, rotation @ b.h, b.noise_var).llr()
    torch.testing.assert_close(got, expected)


def test_one_set_of_weights_serves_any_size_and_depth_is_a_prefix():
    network = load("equi-net-bpsk")
    for nt, nr in ((2, 3), (10, 20), (60, 120)):
        b = block(nt, nr, channels=2, vectors=1)
        h, y, noise_var = b.h.to(torch.complex64), b.y.to(torch.complex64), b.noise_var.float()
        assert network(y, h, noise_var).indices().shape == (2, 1, nt)
        shorter = network.at(num_layers=4)
        prepared = network.prepare(h, noise_var)
        expected = network.layer_logits(prepared, y)[3]
        assert torch.equal(shorter.layer_logits(prepared, y)[-1], expected)
    assert sum(p.numel() for p in shorter.parameters()) == 4 * 1449
    with pytest.raises(InvalidInputError, match=r"^num_layers: .*at most 10"):
        network.at(num_layers=11)


@pytest.mark.parametrize(("size", "channels"), [(30, 1000), (10, 3000)])
def test_trained_network_is_close_to_ml_and_far_ahead_of_zf(size, channels):
    link = Scenario.shipped("detnet-30x60-bpsk")
    scenario = link.model_copy(update={"num_tx_ant": size, "num_rx_ant": 2 * size})
    b = scenario.draw(9.0, channels, torch.Generator().manual_seed(3))
    errors = {}
    for detector in (
        load("equi-net-bpsk"),
        make_detector("sphere", "bpsk"),
        make_detector("zf", "bpsk"),
    ):
        wrong = detector(b.y, b.h, b.noise_var).indices() != b.indices
        errors[detector.name] = int(wrong.sum())
    # Paired: 120 errors of ML or more; 1.25 is three standard deviations of the few that differ.
    assert errors["equi-net"] < 1.25 * errors["sphere"]
    assert errors["equi-net"] < 0.3 * errors["zf"]


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam", "64-qam"])
def test_level_logits_of_sent_symbols_decide_them(constellation):
    detector = make_detector("equi-net", constellation)
    c = detector.constellation
    indices = torch.arange(c.num_points).reshape(1, 1, -1)
    levels = level_indices(c, indices)
    if c.num_levels == 2:
        logits = (2.0 * levels - 1).unsqueeze(-1) * 40
    else:
        logits = 40.0 * torch.nn.functional.one_hot(levels, c.num_levels)
    detection = level_detection(c, logits.double())
    assert torch.equal(detection.indices(), indices)
    torch.testing.assert_close(detection.soft_symbols(), c.map(indices, torch.complex128))
    mean, variance = level_moments(c, logits.double())
    torch.testing.assert_close(mean, (2 * levels - c.num_levels + 1).double())
    assert float(variance.abs().max()) < 1e-6


def test_level_moments_are_those_of_the_probabilities():
    c = make_detector("equi-net", "16-qam").constellation
    p = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    mean, variance = level_moments(c, p.log() + 3)
    assert float(mean) == pytest.approx(-0.3 - 0.2 + 0.3 + 1.2)
    assert float(variance) == pytest.approx(0.9 + 0.2 + 0.3 + 3.6 - 1.0)
