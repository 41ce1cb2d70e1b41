"""Every path gives what the torch path gives in double precision."""

import subprocess
import sys

import pytest
import torch

from mimolearn import Constellation, GaussianDetection, InvalidInputError, make_detector
from mimolearn.kernels.linear import calls as linear_kernels

_OPTIONS = {"lmmse": {}, "biased-lmmse": {"biased": True}}
_SIZES = [(1, 1), (2, 2), (4, 4), (5, 3), (8, 6), (3, 5), (20, 17), (40, 33), (64, 32)]
_BATCHES = [(), (3,), (2, 8), (35,)]


def _problem(batch, rx, tx, vectors, seed=0):
    generator = torch.Generator().manual_seed(seed)
    h = torch.randn(*batch, rx, tx, dtype=torch.complex64, generator=generator)
    y = torch.randn(*batch, vectors, rx, dtype=torch.complex64, generator=generator)
    return h, y, 0.2 + torch.rand(batch, generator=generator)


def _double(*tensors):
    return tuple(t.to(torch.complex128 if t.is_complex() else torch.float64) for t in tensors)


def _assert_same(detection, reference):
    torch.testing.assert_close(
        detection.x_hat.to(torch.complex128), reference.x_hat, rtol=2e-4, atol=2e-5
    )
    torch.testing.assert_close(
        detection.error_var.double(), reference.error_var, rtol=2e-4, atol=1e-7
    )
    torch.testing.assert_close(detection.llr().double(), reference.llr(), rtol=5e-4, atol=2e-3)


@pytest.mark.parametrize(("rx", "tx"), _SIZES)
@pytest.mark.parametrize("batch", _BATCHES)
@pytest.mark.parametrize("method", _OPTIONS)
def test_lmmse_paths_agree(method, batch, rx, tx):
    detector = make_detector("lmmse", "16-qam", **_OPTIONS[method])
    h, y, noise_var = _problem(batch, rx, tx, vectors=3)
    hd, yd, nd = _double(h, y, noise_var)
    reference = detector(yd, hd, nd)
    _assert_same(detector(y, h, noise_var), reference)
    _assert_same(detector.detect(detector.prepare(h, noise_var), y), reference)


@pytest.mark.parametrize("vectors", [1, 2, 16, 17, 35])
def test_any_number_of_vectors(vectors):
    detector = make_detector("lmmse", "qpsk")
    for batch in ((2,), (20,)):
        h, y, noise_var = _problem(batch, 6, 5, vectors)
        hd, yd, nd = _double(h, y, noise_var)
        _assert_same(detector(y, h, noise_var), detector(yd, hd, nd))


@pytest.mark.parametrize(("rx", "tx"), [(2, 1), (4, 2), (4, 4), (6, 5), (9, 6), (40, 33)])
@pytest.mark.parametrize("batch", [(3,), (19,)])
def test_error_variance_of_real_symbols(batch, rx, tx):
    h, y, noise_var = _problem(batch, rx, tx, 1)
    solved = linear_kernels.linear(y, h, noise_var, "real-lmmse")
    proper = linear_kernels.linear(y, h, noise_var, "lmmse")
    torch.testing.assert_close(solved[0], proper[0], rtol=1e-4, atol=1e-5)
    hd, _, nd = _double(h, y, noise_var)
    s = nd[:, None, None]
    error = s * torch.linalg.inv(hd.mH @ hd + s * torch.eye(tx))
    own = error.diagonal(dim1=-2, dim2=-1).real
    improper = error.square().real.sum(-1) - own.square()
    expected = (own / (1 - own) + improper / (1 - own).square()).unsqueeze(-2)
    torch.testing.assert_close(solved[1].double(), expected, rtol=5e-4, atol=1e-6)


@pytest.mark.parametrize("batch", [(3,), (40,)])
def test_zero_forcing(batch):
    h, y, noise_var = _problem(batch, 8, 5, 2)
    solved = linear_kernels.linear(y, h, noise_var, "zf")
    hd, yd, nd = _double(h, y, noise_var)
    torch.testing.assert_close(
        solved[0].to(torch.complex128), yd @ torch.linalg.pinv(hd).mT, rtol=1e-3, atol=1e-4
    )
    inverse = torch.linalg.inv(hd.mH @ hd).diagonal(dim1=-2, dim2=-1).real
    expected = (nd.unsqueeze(-1) * inverse).unsqueeze(-2)
    torch.testing.assert_close(solved[1].double(), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("rx", "tx"), [(1, 1), (4, 3), (8, 8), (5, 9), (24, 18)])
@pytest.mark.parametrize("batch", [(), (19,)])
def test_widely_linear(batch, rx, tx):
    h, y, noise_var = _problem(batch, rx, tx, 3)
    solved = linear_kernels.widely_linear(y, h, noise_var)
    hd, yd, nd = _double(h, y, noise_var)
    real = torch.cat([hd.real, hd.imag], -2)
    s = (nd / 2)[..., None, None]
    inverse = torch.linalg.inv(real.mT @ real + s * torch.eye(tx, dtype=torch.float64))
    residual = s * inverse.diagonal(dim1=-2, dim2=-1).unsqueeze(-2)
    x_hat = torch.cat([yd.real, yd.imag], -1) @ real @ inverse / (1 - residual)
    torch.testing.assert_close(solved[0].double(), x_hat, rtol=2e-4, atol=2e-5)
    error_var = 2 * residual / (1 - residual)
    torch.testing.assert_close(solved[1].double(), error_var, rtol=2e-4, atol=1e-7)


def test_which_tensors_the_kernels_take():
    h, y, noise_var = _problem((20,), 4, 3, 1)
    assert linear_kernels.usable(h, y, noise_var)
    assert not linear_kernels.usable(*_double(h))
    assert not linear_kernels.usable(h.to("meta"))
    wanting = h.clone().requires_grad_()
    assert not linear_kernels.usable(wanting)
    with torch.no_grad():
        assert linear_kernels.usable(wanting)


def test_gradients_pass_where_they_are_asked_for():
    detector = make_detector("lmmse", "qpsk")
    h, y, noise_var = _problem((20,), 6, 3, 2)
    y.requires_grad_()
    whole = torch.autograd.grad(detector(y, h, noise_var).llr().sum(), y)[0]
    prepared = detector.prepare(h, noise_var)
    assert prepared.path == "interleaved"
    split = torch.autograd.grad(detector.detect(prepared, y).llr().sum(), y)[0]
    torch.testing.assert_close(split, whole, rtol=1e-3, atol=1e-3)


def test_views_are_taken_as_they_are_meant():
    detector = make_detector("lmmse", "qpsk")
    h, y, noise_var = _problem((24,), 5, 5, 2)
    expected = detector(y, h, noise_var).x_hat
    views = (y.conj(), h.mT.contiguous().mT, noise_var[:1].expand(24))
    plain = detector(y.conj().resolve_conj(), h, noise_var[:1].repeat(24)).x_hat
    torch.testing.assert_close(detector(*views).x_hat, plain)
    strided = torch.stack([y, y], -1)[..., 0]
    torch.testing.assert_close(detector(strided, h, noise_var).x_hat, expected)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(threads):
    detector = make_detector("lmmse", "qpsk")
    h, y, noise_var = _problem((1000,), 32, 16, 2)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = detector(y, h, noise_var).x_hat
        torch.set_num_threads(threads)
        assert torch.equal(detector(y, h, noise_var).x_hat, expected)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("batch", [(2,), (20,)])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["h", "y"])
def test_bad_inputs_are_refused_on_every_path(field, value, batch):
    detector = make_detector("lmmse", "qpsk")
    h, y, noise_var = _problem(batch, 4, 3, 2)
    {"h": h, "y": y}[field][1, 1, 2] = value
    with pytest.raises(InvalidInputError, match=field):
        detector(y, h, noise_var)


def test_one_singular_channel_stays_alone():
    h, y, noise_var = _problem((20,), 4, 3, 2)
    good = linear_kernels.linear(y, h, noise_var, "zf")
    # Columns that are equal in whole numbers: the second pivot is 0.
    h[7] = 1
    bad = linear_kernels.linear(y, h, noise_var, "zf")
    others = torch.arange(20) != 7
    assert torch.equal(bad[0][others], good[0][others])
    assert not bool(torch.isfinite(bad[0][7]).any())


@pytest.mark.parametrize("name", Constellation.names(separable=True))
@pytest.mark.parametrize("method", ["exact", "max-log"])
@pytest.mark.parametrize("shape", [(30, 1, 4), (7, 5, 3), (2, 1, 700)])
def test_llr_paths_agree(name, method, shape):
    constellation = Constellation(name)
    generator = torch.Generator().manual_seed(5)
    x_hat = torch.randn(shape, dtype=torch.complex64, generator=generator)
    per_block = 0.01 + torch.rand(shape[0], 1, shape[2], generator=generator)
    per_vector = 0.01 + torch.rand(shape, generator=generator)
    for error_var in (per_block, per_vector):
        expected = constellation.llr(*_double(x_hat, error_var), method)
        actual = GaussianDetection(constellation, x_hat, error_var, method).llr()
        torch.testing.assert_close(actual.double(), expected, rtol=1e-4, atol=5e-4)


@pytest.mark.parametrize("name", ["bpsk", "16-qam"])
def test_axes_with_variances_of_their_own(name):
    constellation = Constellation(name)
    axes = 1 if constellation.is_real else 2
    generator = torch.Generator().manual_seed(6)
    values = torch.randn(9, 2, 5, axes, generator=generator)
    var = 0.05 + torch.rand(9, 2, 5, axes, generator=generator)
    actual = linear_kernels.axes_llr(constellation, values, var, "exact")
    assert actual is not None
    for axis in range(axes):
        # An axis alone is demapped as if the other had the same variance.
        other = values[..., 1] if axes == 2 else torch.zeros_like(values[..., 0])
        x_hat = torch.complex(values[..., 0], other).to(torch.complex128)
        expected = constellation.llr(x_hat, 2 * var[..., axis].double())
        torch.testing.assert_close(
            actual[..., axis::axes].double(), expected[..., axis::axes], rtol=1e-4, atol=5e-4
        )


def test_a_stream_that_nobody_hears():
    h, y, noise_var = _problem((24,), 4, 3, 1)
    h[:, :, 1] = 0
    for batch in (slice(0, 3), slice(0, 24)):
        solved = linear_kernels.linear(y[batch], h[batch], noise_var[batch], "lmmse")
        assert bool((solved[1][..., 1] > 1e5).all())
        assert bool(torch.isfinite(solved[0]).all())


def test_llr_of_nan_is_nan():
    x_hat = torch.ones(64, 1, 2, dtype=torch.complex64)
    x_hat[3, 0, 1] = complex("nan+nanj")
    for name in ("qpsk", "16-qam"):
        llr = GaussianDetection(Constellation(name), x_hat, torch.ones(64, 1, 2)).llr()
        assert bool(torch.isnan(llr[3, 0, 1]).all())
        assert int(torch.isnan(llr).sum()) == llr.shape[-1]


def test_importing_the_library_compiles_nothing():
    code = "import sys, mimolearn; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
