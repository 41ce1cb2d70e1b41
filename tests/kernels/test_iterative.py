"""The kernels of iterative detectors give what the torch path gives in double precision."""

import pytest
import torch

from mimolearn import InvalidInputError, make_detector
from mimolearn.detectors.base import Compiled

_SIZES = [(1, 1), (2, 2), (5, 3), (8, 6), (3, 5), (20, 17), (64, 32)]
_DETECTORS = [("cg", "qpsk"), ("cg", "bpsk"), ("wl-cg", "bpsk"), ("wl-cg", "16-qam")]


def _problem(batch, rx, tx, vectors, seed=0):
    generator = torch.Generator().manual_seed(seed)
    h = torch.randn(*batch, rx, tx, dtype=torch.complex64, generator=generator)
    x = torch.randn(*batch, vectors, tx, dtype=torch.complex64, generator=generator)
    noise = torch.randn(*batch, vectors, rx, dtype=torch.complex64, generator=generator)
    return h, x @ h.mT + noise, 0.2 + torch.rand(batch, generator=generator)


def _double(*tensors):
    return tuple(t.to(torch.complex128 if t.is_complex() else torch.float64) for t in tensors)


def _fused(detector, y, h, noise_var):
    assert detector._path(h, noise_var, y) == "fused"
    return detector._one_shot(y, h, noise_var)


@pytest.mark.parametrize(("rx", "tx"), _SIZES)
@pytest.mark.parametrize(("name", "constellation"), _DETECTORS)
def test_paths_agree(name, constellation, rx, tx):
    # Where rows are few, rounding grows with every step: few of them tell the same.
    detector = make_detector(name, constellation, num_iter=8 if rx >= 2 * tx else 3)
    for batch in ((3,), (35,)):
        h, y, noise_var = _problem(batch, rx, tx, vectors=2)
        hd, yd, nd = _double(h, y, noise_var)
        expected = detector(yd, hd, nd)
        actual = _fused(detector, y, h, noise_var)
        torch.testing.assert_close(
            actual.x_hat.to(torch.complex128), expected.x_hat, rtol=1e-3, atol=1e-3
        )
        torch.testing.assert_close(
            actual.error_var.double(), expected.error_var, rtol=1e-3, atol=1e-7
        )


@pytest.mark.parametrize(("rx", "tx"), _SIZES)
@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16-qam"])
def test_paths_of_gauss_seidel_agree(name, rx, tx):
    for batch, start in (((3,), "diagonal"), ((35,), "zero")):
        detector = make_detector("gauss-seidel", name, start=start, num_iter=3)
        h, y, noise_var = _problem(batch, rx, tx, vectors=2)
        expected = detector(*_double(y, h, noise_var))
        actual = _fused(detector, y, h, noise_var)
        torch.testing.assert_close(
            actual.x_hat.to(torch.complex128), expected.x_hat, rtol=2e-3, atol=2e-3
        )
        torch.testing.assert_close(
            actual.error_var.double(), expected.error_var, rtol=2e-3, atol=1e-6
        )


_PASSING = {
    "oamp": {"num_iter": 6},
    "oamp, damped": {"num_iter": 6, "damping": 0.3},
    "oamp, shared": {"num_iter": 6, "variances": "shared"},
    "lama": {"num_iter": 6, "damping": 0.5},
    "oamp-net2": {"num_layers": 6},
    "oamp-net2, streams": {"num_layers": 6, "variances": "streams"},
}


@pytest.mark.parametrize(("rx", "tx"), [(1, 1), (6, 3), (8, 6), (5, 7), (33, 16), (64, 32)])
@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16-qam"])
@pytest.mark.parametrize("case", _PASSING)
def test_paths_of_message_passing_agree(case, name, rx, tx):
    detector = make_detector(case.split(",")[0], name, **_PASSING[case]).requires_grad_(False)
    generator = torch.Generator().manual_seed(3)
    for scalars in detector.parameters():
        # Other scalars in every layer, so that none can take another's place.
        scalars += 0.1 * torch.randn(scalars.shape, generator=generator)
    for batch, vectors, noise in (((3,), 7, 0.1), ((35,), 2, 0.01), ((20,), 1, 3.0)):
        h, _, _ = _problem(batch, rx, tx, vectors)
        sent = torch.randint(
            detector.constellation.num_points, (*batch, vectors, tx), generator=generator
        )
        n = torch.randn(*batch, vectors, rx, dtype=torch.complex64, generator=generator)
        noise_var = torch.full(batch, noise * tx)
        y = detector.constellation.map(sent) @ h.mT + n * (noise * tx) ** 0.5
        expected = detector(*_double(y, h, noise_var))
        actual = _fused(detector, y, h, noise_var)
        # Where it does not converge, rounding grows from layer to layer.
        off = (actual.x_hat.to(torch.complex128) - expected.x_hat).abs()
        assert (off < 2e-3 * (1 + expected.x_hat.abs())).double().mean() > 0.99
        ratio = actual.error_var.double() / expected.error_var
        assert ((ratio - 1).abs() < 5e-3).double().mean() > 0.99


@pytest.mark.parametrize("name", ["cg", "wl-cg", "ep", "lama"])
@pytest.mark.parametrize("constellation", ["bpsk", "16-qam"])
@pytest.mark.parametrize(("batch", "vectors"), [((), 3), ((2,), 40), ((20,), 2)])
def test_halves_apart_use_the_kernel_of_both(name, constellation, batch, vectors):
    detector = make_detector(name, constellation, num_iter=4)
    h, y, noise_var = _problem(batch, 8, 4, vectors)
    prepared = detector.prepare(h, noise_var)
    assert isinstance(prepared, Compiled)
    assert prepared.path == "fused"
    whole, split = detector(y, h, noise_var), detector.detect(prepared, y)
    assert torch.equal(split.llr(), whole.llr())
    y.requires_grad_()
    in_torch = detector.detect(prepared, y).llr()
    assert in_torch.requires_grad
    torch.testing.assert_close(in_torch.detach(), whole.llr(), rtol=2e-2, atol=2e-2)
    last = detector.iterates(prepared, y)[-1]
    assert last.shape == whole.soft_symbols().shape


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("name", ["cg", "gauss-seidel", "oamp", "lama"])
def test_the_scale_of_the_channel_changes_nothing(name, scale):
    detector = make_detector(name, "qpsk", num_iter=4)
    h, y, noise_var = _problem((20,), 8, 4, 1)
    plain = _fused(detector, y, h, noise_var)
    scaled = _fused(detector, y * scale, h * scale, noise_var * scale**2)
    torch.testing.assert_close(scaled.x_hat, plain.x_hat, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(scaled.error_var, plain.error_var, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("field", ["h", "y"])
@pytest.mark.parametrize("name", ["cg", "wl-cg", "gauss-seidel", "oamp", "lama"])
def test_bad_inputs_are_refused(name, field):
    h, y, noise_var = _problem((20,), 6, 3, 2)
    {"h": h, "y": y}[field][1, 1, 2] = float("nan")
    with pytest.raises(InvalidInputError, match=field):
        make_detector(name, "bpsk")(y, h, noise_var)
