"""The kernel of deep-cg gives what the torch path gives in double precision."""

import pytest
import torch

from mimolearn import InvalidInputError, load, make_detector
from mimolearn.detection import GaussianDetection

_SIZES = [(1, 1), (2, 2), (5, 3), (20, 9), (64, 20)]


def _problem(batch, rx, tx, vectors):
    generator = torch.Generator().manual_seed(1)
    h = torch.randn(*batch, rx, tx, dtype=torch.complex64, generator=generator)
    y = torch.randn(*batch, vectors, rx, dtype=torch.complex64, generator=generator)
    return h, y, 0.2 + torch.rand(batch, generator=generator)


def _double(*tensors):
    return tuple(t.to(torch.complex128 if t.is_complex() else torch.float64) for t in tensors)


@pytest.mark.parametrize(("rx", "tx"), _SIZES)
@pytest.mark.parametrize(("constellation", "learn_rho"), [("16-qam", False), ("bpsk", True)])
@torch.no_grad()
def test_paths_agree(constellation, learn_rho, rx, tx):
    options = {"num_layers": 6, "load": tx / rx, "learn_rho": learn_rho}
    single, double = (make_detector("deep-cg", constellation, **options) for _ in range(2))
    for name, parameter in single.named_parameters():
        parameter.mul_(0.9) if name != "rho" else parameter.fill_(0.03)
    double.load_state_dict(single.state_dict())
    double = double.double()
    for batch, vectors in (((9,), 11), ((2, 9), 1)):
        h, y, noise_var = _problem(batch, rx, tx, vectors)
        prepared = double.prepare(*_double(h, noise_var))
        expected = double.detect(prepared, y.to(torch.complex128))
        found = single.prepare(h, noise_var)
        fused = single._one_shot(y, h, noise_var)
        for name in ("system", "inverse_diagonal", "filter"):
            value = getattr(prepared, name)
            torch.testing.assert_close(
                getattr(found, name).to(value.dtype),
                value,
                rtol=1e-3,
                atol=1e-5 * value.abs().max(),
            )
        assert isinstance(expected, GaussianDetection)
        for detection in (fused, single.detect(found, y)):
            assert isinstance(detection, GaussianDetection)
            torch.testing.assert_close(
                detection.x_hat.to(torch.complex128),
                expected.x_hat,
                rtol=1e-3,
                atol=1e-4 * float(expected.x_hat.abs().max()),
            )
            torch.testing.assert_close(
                detection.error_var.double(), expected.error_var, rtol=1e-3, atol=1e-6
            )


def test_gradients_take_torch():
    network = make_detector("deep-cg", "qpsk", num_layers=3)
    h, y, noise_var = _problem((20,), 16, 3, 2)
    assert network._path(h, noise_var, y) == network._path(h, noise_var) == "torch"
    network(y, h, noise_var).llr().sum().backward()
    assert all(bool((p.grad != 0).any()) for p in network.parameters())


@pytest.mark.parametrize("field", ["h", "y"])
def test_bad_inputs_are_refused(field):
    network = load("deep-cg-20x128-64qam")
    h, y, noise_var = _problem((20,), 128, 20, 2)
    {"h": h, "y": y}[field][1, 1, 2] = float("nan")
    with pytest.raises(InvalidInputError, match=field):
        network(y, h, noise_var)
