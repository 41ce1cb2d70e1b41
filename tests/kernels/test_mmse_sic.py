"""The kernel of MMSE cancellation gives what the QR gives in double precision."""

import pytest
import torch

from mimolearn import InvalidInputError, make_detector


def _problem(constellation, batch, rx, tx, vectors, noise):
    generator = torch.Generator().manual_seed(7)
    h = torch.randn(*batch, rx, tx, dtype=torch.complex64, generator=generator)
    sent = torch.randint(constellation.num_points, (*batch, vectors, tx), generator=generator)
    n = torch.randn(*batch, vectors, rx, dtype=torch.complex64, generator=generator)
    y = constellation.map(sent) @ h.mT + n * noise**0.5
    return y, h, torch.full(batch, noise)


@pytest.mark.parametrize(("rx", "tx"), [(1, 1), (6, 3), (8, 8), (3, 5), (33, 17), (64, 32)])
@pytest.mark.parametrize("name", ["bpsk", "qpsk", "64-qam"])
def test_it_agrees_with_the_qr(name, rx, tx):
    detector = make_detector("mmse-sic", name)
    for batch, vectors, noise in (((), 1, 0.1), ((15,), 2, 0.5), ((17,), 3, 3.0)):
        y, h, noise_var = _problem(detector.constellation, batch, rx, tx, vectors, noise)
        found = detector._one_shot(y, h, noise_var)
        assert found is not None
        double = y.to(torch.complex128), h.to(torch.complex128), noise_var.double()
        expected = detector(*double)
        torch.testing.assert_close(
            found.error_var.double(), expected.error_var, rtol=2e-4, atol=1e-7
        )
        off = (found.x_hat.to(torch.complex128) - expected.x_hat).abs()
        # One decision that rounding turns changes the streams after it.
        assert (off < 1e-3 * (1 + expected.x_hat.abs())).double().mean() > 0.999
        assert (found.indices() != expected.indices()).double().mean() < 1e-3


def test_what_has_no_kernel_is_left_to_torch():
    for options in ({"order": "sorted"}, {"model": "published"}):
        detector = make_detector("mmse-sic", "qpsk", **options)
        y, h, noise_var = _problem(detector.constellation, (3,), 4, 2, 1, 0.1)
        assert detector._path(h, noise_var, y) == "torch"


def test_threads_change_nothing():
    detector = make_detector("mmse-sic", "16-qam")
    problem = _problem(detector.constellation, (200,), 64, 32, 1, 0.5)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = detector(*problem).llr()
        torch.set_num_threads(2)
        assert torch.equal(detector(*problem).llr(), one)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("field", ["h", "y"])
def test_bad_inputs_are_refused(field):
    detector = make_detector("mmse-sic", "qpsk")
    y, h, noise_var = _problem(detector.constellation, (20,), 6, 3, 2, 0.1)
    {"h": h, "y": y}[field][1, 1, 2] = float("nan")
    with pytest.raises(InvalidInputError, match=field):
        detector(y, h, noise_var)
