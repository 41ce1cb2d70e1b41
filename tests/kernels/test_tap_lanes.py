"""The interleaved kernels of tap-net give what the torch path gives in double precision."""

import pytest
import torch

from mimolearn import InvalidInputError, load, make_detector
from mimolearn.detection import AxisGaussianDetection
from mimolearn.detectors.unfolded.tap_net import Compiled, Prepared, TapNet

_CASES = [
    ("qpsk", 64, 32, {}),
    ("bpsk", 6, 6, {}),
    ("16-qam", 20, 17, {}),
    ("bpsk", 5, 3, {"form": "scalar", "start": "zero"}),
    ("qpsk", 9, 3, {"form": "scalar"}),
    ("64-qam", 16, 8, {"adaptive": True}),
    ("bpsk", 2, 1, {"adaptive": True, "start": "zero"}),
]


def _problem(detector, batch, rx, tx, vectors):
    generator = torch.Generator().manual_seed(1)
    h = torch.randn(*batch, rx, tx, dtype=torch.complex64, generator=generator)
    c = detector.constellation
    sent = torch.randint(c.num_points, (*batch, vectors, tx), generator=generator)
    noise_var = 0.05 * rx * (0.5 + torch.rand(batch, generator=generator))
    noise = torch.randn(*batch, vectors, rx, dtype=torch.complex64, generator=generator)
    return h, c.map(sent) @ h.mT + noise * noise_var.sqrt()[..., None, None], noise_var


def _double(*tensors):
    return tuple(t.to(torch.complex128 if t.is_complex() else torch.float64) for t in tensors)


def _networks(constellation, options) -> tuple[TapNet, TapNet]:
    single, double = (TapNet(constellation, num_layers=4, **options) for _ in range(2))
    if single.scalars.slopes is not None:
        generator = torch.Generator().manual_seed(2)
        torch.nn.init.normal_(single.scalars.slopes, std=0.05, generator=generator)
    double.load_state_dict(single.state_dict())
    return single, double.double()


@pytest.mark.parametrize(("constellation", "rx", "tx", "options"), _CASES)
@torch.no_grad()
def test_paths_agree(constellation, rx, tx, options):
    single, double = _networks(constellation, options)
    for batch, vectors in (((9,), 3), ((2, 35), 1)):
        h, y, noise_var = _problem(single, batch, rx, tx, vectors)
        expected = double(*_double(y, h, noise_var))
        prepared = single.prepare(h, noise_var)
        assert isinstance(prepared, Compiled)
        fused = single._one_shot(y, h, noise_var)
        assert isinstance(expected, AxisGaussianDetection)
        for found in (fused, single.detect(prepared, y)):
            assert isinstance(found, AxisGaussianDetection)
            # A layer may be steep: a rounding error on one symbol grows through four of them.
            torch.testing.assert_close(found.values.double(), expected.values, rtol=1e-3, atol=2e-3)
            torch.testing.assert_close(
                found.error_var.double(), expected.error_var, rtol=2e-3, atol=1e-6
            )
        layers = single.iterates(prepared, y)
        slow = double.iterates(double.prepare(*_double(h, noise_var)), y.to(torch.complex128))
        torch.testing.assert_close(layers[-1].to(torch.complex128), slow[-1], rtol=1e-2, atol=1e-2)


def test_gradients_take_torch():
    network = make_detector("tap-net", "qpsk", num_layers=2)
    h, y, noise_var = _problem(network, (20,), 6, 3, 2)
    assert isinstance(network.prepare(h, noise_var), Prepared)
    trained = load("tap-net-8v", "qpsk")
    prepared = trained.prepare(h, noise_var)
    assert isinstance(prepared, Compiled)
    y.requires_grad_()
    trained.detect(prepared, y).llr().sum().backward()
    assert y.grad is not None
    assert bool((y.grad != 0).any())


@pytest.mark.parametrize("field", ["h", "y"])
def test_bad_inputs_are_refused(field):
    network = load("tap-net-8v", "bpsk")
    h, y, noise_var = _problem(network, (20,), 6, 3, 2)
    {"h": h, "y": y}[field][1, 1, 2] = float("nan")
    with pytest.raises(InvalidInputError, match=field):
        network(y, h, noise_var)
