"""The EQ-Net estimator's kernel gives what PyTorch gives."""

import pytest
import torch

from mimolearn import InvalidInputError, make_detector
from mimolearn.detectors.networks.soft_bits import eq_net_latency


def _trained(constellation, num_tx, **options):
    """Weights that change the LLRs."""
    generator = torch.Generator().manual_seed(2)
    net = make_detector("eq-net", constellation, num_tx_ant=num_tx, **options)
    net.requires_grad_(False)
    for parameter in net.network.parameters():
        parameter += 0.03 * torch.randn(parameter.shape, generator=generator)
    return net


def _draw(net, channels, num_rx, vectors):
    generator = torch.Generator().manual_seed(3)
    shape = (channels, num_rx, net.num_tx_ant)
    h = torch.randn(shape, dtype=torch.complex64, generator=generator)
    points = net.constellation.points
    sent = torch.randint(len(points), (channels, vectors, net.num_tx_ant), generator=generator)
    noise = torch.randn(channels, vectors, num_rx, dtype=torch.complex64, generator=generator)
    y = points[sent].to(h) @ h.mT + 0.3 * noise
    return y, h, torch.full((channels,), 0.09)


@pytest.mark.parametrize(
    ("constellation", "num_tx", "num_rx", "cues"),
    [("64-qam", 2, 2, "sic"), ("qpsk", 3, 5, "sic"), ("16-qam", 4, 4, "ep")],
)
def test_agrees_with_pytorch(constellation, num_tx, num_rx, cues):
    net = _trained(constellation, num_tx, cues=cues)
    y, h, noise_var = _draw(net, 5, num_rx, 2)
    assert net._path(h, noise_var, y) == "fused"
    expected = net._detect(net._prepare(h, noise_var), y).llr()
    # Expectation propagation in single precision depends on the order of its streams.
    atol = 5e-2 if cues == "ep" else 2e-3
    torch.testing.assert_close(net(y, h, noise_var).llr(), expected, rtol=1e-4, atol=atol)


def test_sees_changed_weights_and_leaves_many_vectors_to_pytorch():
    net = _trained("qpsk", 2)
    inputs = _draw(net, 2, 2, 1)
    before = net(*inputs).llr()
    net.network.biases[-1] += 1.0
    assert not torch.allclose(net(*inputs).llr(), before)
    many = _draw(net, eq_net_latency.MOST_VECTORS + 1, 2, 1)
    y, h, noise_var = many
    assert net._path(h, noise_var, y) == "torch"
    net.requires_grad_(True)
    assert net(*inputs).llr().requires_grad


def test_a_nan_is_refused():
    net = _trained("qpsk", 2)
    y, h, noise_var = _draw(net, 2, 2, 1)
    h[1, 0, 0] = torch.nan
    with pytest.raises(InvalidInputError, match="h"):
        net(y, h, noise_var)
