"""Theorems 1 to 3 of EQ-Net: how many numbers hold the soft bits of a channel use, by construction.

Each test squeezes a use through the numbers that the proof names, and through nothing else.
"""

import pytest
import torch

from mimolearn import make_detector
from mimolearn.constellation import Constellation
from mimolearn.link.scenario import Scenario

SIZES = [(2, 3, "16-qam"), (3, 3, "qpsk"), (2, 2, "64-qam")]
each_size = pytest.mark.parametrize(("nt", "nr", "constellation"), SIZES)


def block(nt, nr, constellation, num=20):
    scenario = Scenario(num_tx_ant=nt, num_rx_ant=nr, constellation=constellation)
    return scenario.draw(8.0, num, torch.Generator().manual_seed(1), torch.complex128)


@each_size
def test_theorem_1_ml_soft_bits_need_no_more_than_nt_times_nt_plus_2(nt, nr, constellation):
    b = block(nt, nr, constellation)
    sigma = b.noise_var.sqrt()
    q, r = torch.linalg.qr(b.h)
    turn = torch.sgn(r.diagonal(dim1=-2, dim2=-1)).conj()
    z = (b.y @ q.conj() * turn[:, None])[:, 0] / sigma[:, None]
    r = turn[..., None] * r / sigma[:, None, None]
    rows, columns = torch.triu_indices(nt, nt, 1)
    features = torch.cat(
        [
            torch.view_as_real(z).flatten(1),
            r.diagonal(dim1=-2, dim2=-1).real,
            torch.view_as_real(r[:, rows, columns]).flatten(1),
        ],
        1,
    )
    assert features.shape == (20, nt * (nt + 2))
    # Back from the numbers alone.
    again_z = torch.view_as_complex(features[:, : 2 * nt].unflatten(1, (nt, 2)).contiguous())
    again = torch.diag_embed(features[:, 2 * nt : 3 * nt]).to(torch.complex128)
    upper = features[:, 3 * nt :].unflatten(1, (-1, 2)).contiguous()
    again[:, rows, columns] = torch.view_as_complex(upper)
    ml = make_detector("ml", constellation)
    found = ml(again_z[:, None], again, 1.0).llr()
    torch.testing.assert_close(found, ml(b.y, b.h, b.noise_var).llr(), rtol=1e-9, atol=1e-9)


@each_size
def test_theorem_2_a_diagonalised_channel_needs_three_a_stream(nt, nr, constellation):
    """Precoded with V, H = U S V^H is diagonal: (U^H y)_i / s_i and sigma^2 / s_i^2 are all."""
    b = block(nt, nr, constellation)
    u, s, vh = torch.linalg.svd(b.h, full_matrices=False)
    points = Constellation(constellation)
    x = points.map(b.indices, torch.complex128)
    # The paper sends s = V x.
    sent = x @ vh.conj()
    noise = b.y - x @ b.h.mT
    y = sent @ b.h.mT + noise
    # What is sent as Vx over H arrives as x over H V.
    effective = b.h @ vh.mH
    exact = make_detector("ml", constellation)(y, effective, b.noise_var).llr()
    x_hat = (y @ u.conj())[:, 0] / s
    error_var = b.noise_var[:, None] / s**2
    features = torch.cat([torch.view_as_real(x_hat).flatten(1), error_var], 1)
    assert features.shape == (20, 3 * nt)
    torch.testing.assert_close(points.llr(x_hat, error_var), exact[:, 0], rtol=1e-8, atol=1e-8)


@each_size
def test_theorem_3_mmse_sic_needs_three_a_stream_on_any_channel(nt, nr, constellation):
    b = block(nt, nr, constellation)
    detection = make_detector("mmse-sic", constellation)(b.y, b.h, b.noise_var)
    x_hat = detection.x_hat[:, 0]
    error_var = detection.error_var.expand(detection.x_hat.shape)[:, 0]
    features = torch.cat([torch.view_as_real(x_hat).flatten(1), error_var], 1)
    assert features.shape == (20, 3 * nt)
    again = torch.view_as_complex(features[:, : 2 * nt].unflatten(1, (nt, 2)).contiguous())
    found = Constellation(constellation).llr(again, features[:, 2 * nt :])
    torch.testing.assert_close(found, detection.llr()[:, 0], rtol=1e-9, atol=1e-9)


def test_six_numbers_do_not_hold_a_coupled_channel():
    """The bound of theorem 2 is for diagonal channels: three a stream by LMMSE lose information."""
    b = block(2, 2, "16-qam", 200)
    exact = make_detector("ml", "16-qam")(b.y, b.h, b.noise_var).llr()
    linear = make_detector("lmmse", "16-qam")(b.y, b.h, b.noise_var).llr()
    assert float((exact - linear).abs().median()) > 0.05
