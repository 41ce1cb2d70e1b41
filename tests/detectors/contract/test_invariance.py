"""What must not change an answer: order of streams, scale, rotation, precision."""

import pytest
import torch

from mimolearn.detectors import Detector, make_detector

from .table import Row, assert_same, draw, soft


def test_permuting_streams_permutes_outputs(row: Row, detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    order = torch.tensor([2, 0, 1])
    plain, permuted = detector(y, h, noise_var), detector(y, h[..., order], noise_var)
    same = torch.allclose(
        soft(permuted, detector), soft(plain, detector)[..., order, :], rtol=row.tol, atol=row.tol
    )
    # A row that says False has to mean it.
    assert same == row.symmetric


def test_joint_scaling_changes_nothing(row: Row, detector: Detector) -> None:
    y, h, noise_var, _ = draw(detector.constellation)
    plain = detector(y, h, noise_var)
    for a in (0.03, 17.0):
        assert_same(detector(a * y, a * h, a * a * noise_var), plain, detector, row.tol)


@pytest.mark.parametrize("num_rx_ant", [3, 6])
def test_rotated_antennas_change_nothing_where_promised(
    row: Row, detector: Detector, num_rx_ant: int
) -> None:
    if not detector.rotation_invariant:
        pytest.skip("does not promise that antennas may be rotated")
    y, h, noise_var, _ = draw(detector.constellation, size=(num_rx_ant, 3))
    q, r = torch.linalg.qr(h)
    plain, rotated = detector(y, h, noise_var), detector(y @ q.conj(), r, noise_var)
    tol = 1e-5 if row.name == "ep" else 1e-8
    assert_same(rotated, plain, detector, tol)


@pytest.mark.parametrize(
    ("name", "options"), [("oamp", {}), ("lama", {"num_iter": 3}), ("deep-cg-online", {})]
)
def test_who_looks_at_all_antennas_does_not_promise_that_they_may_be_rotated(
    name: str, options: dict[str, int]
) -> None:
    detector = make_detector(name, "qpsk", **options)
    y, h, noise_var, _ = draw(detector.constellation, size=(16, 3))
    q, r = torch.linalg.qr(h)
    plain, rotated = detector(y, h, noise_var).llr(), detector(y @ q.conj(), r, noise_var).llr()
    assert not torch.allclose(plain, rotated, rtol=1e-6, atol=1e-6)
    assert not detector.rotation_invariant


@pytest.mark.parametrize("a", [1e-10, 1e10])
def test_tiny_and_huge_inputs_in_single_precision(row: Row, detector: Detector, a: float) -> None:
    y, h, noise_var, _ = draw(detector.constellation, dtype=torch.complex64)
    plain, scaled = detector(y, h, noise_var), detector(a * y, a * h, a * a * noise_var)
    assert scaled.finite().all()
    tol = row.llr_tol
    torch.testing.assert_close(
        soft(scaled, detector), soft(plain, detector), rtol=tol, atol=10 * tol
    )


def test_single_precision_agrees_with_double(row: Row, detector: Detector) -> None:
    double = draw(detector.constellation)
    single = draw(detector.constellation, dtype=torch.complex64)
    expected = soft(detector(*double[:3]), detector)
    got = soft(detector(*single[:3]), detector).to(expected.dtype)
    torch.testing.assert_close(got, expected, rtol=row.llr_tol, atol=10 * row.llr_tol)
