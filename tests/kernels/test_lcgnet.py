"""The kernels of the LcgNets give what the torch path gives in double precision."""

import pytest
import torch
from torch import Tensor

from mimolearn import InvalidInputError, load, make_detector
from mimolearn.detectors import Detector
from mimolearn.detectors.unfolded.lcgnet import prepare_in_torch
from mimolearn.kernels.networks.calls import as_matrix, unfolded_cg_prepare

_SIZES = [(1, 1), (2, 2), (5, 3), (3, 5), (20, 17), (64, 32)]
_NETWORKS = [
    ("lcgnet-s", "16-qam"),
    ("lcgnet-s", "bpsk"),
    ("lcgnet-v", "bpsk"),
    ("lcgnet-v", "qpsk"),
    ("lcgnet-m", "bpsk"),
    ("qlcgnet-v", "bpsk"),
    ("qlcgnet-v-soft", "bpsk"),
]


def _problem(batch, rx, tx, vectors, seed=0):
    generator = torch.Generator().manual_seed(seed)
    h = torch.randn(*batch, rx, tx, dtype=torch.complex64, generator=generator)
    y = torch.randn(*batch, vectors, rx, dtype=torch.complex64, generator=generator)
    return h, y, 0.2 + torch.rand(batch, generator=generator)


def _double(*tensors):
    return tuple(t.to(torch.complex128 if t.is_complex() else torch.float64) for t in tensors)


def _networks(name, constellation, tx):
    """In single and in double precision, with parameters that no symmetry hides behind."""
    options = {} if name == "lcgnet-s" else {"num_tx_ant": tx}
    single = make_detector(name, constellation, num_layers=5, **options).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in single.parameters():
            parameter.mul_(1 + 0.2 * torch.rand(parameter.shape, generator=generator))
    double = make_detector(name, constellation, num_layers=5, **options).double().eval()
    double.load_state_dict(single.state_dict())
    return single, double


def _assert_close(actual, expected):
    x_hat = expected.x_hat
    torch.testing.assert_close(
        actual.x_hat.to(x_hat.dtype), x_hat, rtol=1e-4, atol=1e-5 * float(x_hat.abs().max())
    )
    torch.testing.assert_close(actual.error_var.double(), expected.error_var, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("rx", "tx"), _SIZES)
@pytest.mark.parametrize(("name", "constellation"), _NETWORKS)
@torch.no_grad()
def test_paths_agree(name, constellation, rx, tx):
    single, double = _networks(name, constellation, tx)
    # Few channels, an incomplete group; few vectors, a block and its tail, layers as a matrix.
    for batch, vectors in (((3,), 2), ((2, 9), 1), ((17,), 11), ((9,), 83)):
        h, y, noise_var = _problem(batch, rx, tx, vectors)
        hd, yd, nd = _double(h, y, noise_var)
        expected = double(yd, hd, nd)
        fused = single._one_shot(y, h, noise_var)
        _assert_close(fused, expected)
        _assert_close(single.detect(single.prepare(h, noise_var), y), expected)


@torch.no_grad()
def test_both_ways_of_many_vectors_are_taken():
    assert not as_matrix(11, 17, 5)
    assert as_matrix(83, 32, 5)


def _whole(network: Detector, y: Tensor, h: Tensor, noise_var: Tensor) -> Tensor:
    return network(y, h, noise_var).x_hat


@torch.no_grad()
def test_prepared_channels_are_those_of_torch():
    for widely in (False, True):
        h, _, noise_var = _problem((20,), 8, 5, 1)
        expected = prepare_in_torch(*_double(h, noise_var), num_layers=4, widely_linear=widely)
        found = unfolded_cg_prepare(h, noise_var, 4, widely=widely)
        torch.testing.assert_close(
            found.system.to(torch.complex128), expected.system, rtol=1e-5, atol=1e-6
        )
        torch.testing.assert_close(
            found.inverse_diagonal.double(), expected.inverse_diagonal, rtol=1e-5, atol=0
        )
        doubled = 2 if widely else 1
        torch.testing.assert_close(
            found.error_var.double() * doubled, expected.error_var, rtol=1e-4, atol=0
        )


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@torch.no_grad()
def test_the_scale_of_the_channel_changes_nothing(scale):
    network = load("lcgnet-v-32x64-bpsk")
    h, y, noise_var = _problem((20,), 64, 32, 1)
    plain = _whole(network, y, h, noise_var)
    scaled = _whole(network, y * scale, h * scale, noise_var * scale**2)
    torch.testing.assert_close(scaled, plain, rtol=1e-3, atol=1e-4)


def test_gradients_take_torch():
    network = make_detector("lcgnet-v", "bpsk", num_tx_ant=3)
    h, y, noise_var = _problem((20,), 6, 3, 2)
    assert network._path(h, noise_var, y) == network._path(h, noise_var) == "torch"
    network(y, h, noise_var).x_hat.real.sum().backward()
    assert all(bool((p.grad != 0).any()) for p in network.parameters())
    with torch.no_grad():
        assert network._path(h, noise_var, y) == "fused"
        assert network._path(h, noise_var) == "compiled"
        y, h, noise_var = _double(y, h, noise_var)
        assert network._path(h, noise_var, y) == network._path(h, noise_var) == "torch"


@pytest.mark.parametrize("field", ["h", "y"])
def test_bad_inputs_are_refused(field):
    network = load("lcgnet-v-32x64-bpsk")
    h, y, noise_var = _problem((20,), 64, 32, 2)
    {"h": h, "y": y}[field][1, 1, 2] = float("nan")
    with pytest.raises(InvalidInputError, match=field):
        network(y, h, noise_var)
