"""Successive cancellation: its stream model, its order, and published error rates."""

import pytest
import torch

from mimolearn import Constellation, GaussianDetection, InvalidInputError, make_detector
from mimolearn.detectors.cancellation.successive import triangle
from mimolearn.link.scenario import Scenario


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk"])
@pytest.mark.parametrize("mmse", [True, False])
def test_stream_model_is_unbiased(constellation: str, mmse: bool) -> None:
    """With the later streams known, the estimate of a stream has the gain and variance claimed."""
    generator = torch.Generator().manual_seed(1)
    h = torch.randn(1, 5, 4, generator=generator, dtype=torch.complex128)
    points = Constellation(constellation)
    indices = torch.randint(points.num_points, (1, 200_000, 4), generator=generator)
    x = points.map(indices, torch.complex128)
    noise = torch.randn(1, 200_000, 5, generator=generator, dtype=torch.complex128)
    y = x @ h.mT + 0.8**0.5 * noise
    noise_var = torch.tensor([0.8], dtype=torch.float64)
    t = triangle(h, noise_var, points, order="sorted", mmse=mmse)
    if points.is_real:
        x, y = x.real, torch.cat([y.real, y.imag], -1)
    x = x[..., t.order[0]]
    later = torch.triu(t.r, 1)
    x_hat = (y @ t.q.conj() - x @ later.mT) / t.gain.unsqueeze(-2)
    error = x_hat - x
    measured = error.abs().square().mean(1) * (2 if points.is_real else 1)
    torch.testing.assert_close(measured, t.error_var, rtol=2e-2, atol=0)
    assert (error * x.conj()).mean(1).abs().max() < 1e-2 * t.error_var.max()


@pytest.mark.parametrize("mmse", [True, False])
def test_order_takes_the_best_stream_first(mmse: bool) -> None:
    """Every step, among the streams left, the one of the smallest error of the linear receiver."""
    h = torch.randn(6, 5, 5, generator=torch.Generator().manual_seed(5), dtype=torch.complex128)
    noise_var = torch.full((6,), 0.5, dtype=torch.float64)
    order = triangle(h, noise_var, Constellation("qpsk"), order="sorted", mmse=mmse).order
    for c in range(6):
        left = list(range(5))
        for stream in order[c].flip(0).tolist():
            part = h[c][:, left]
            ridge = (0.5 if mmse else 0.0) * torch.eye(len(left), dtype=h.dtype)
            error = torch.linalg.inv(part.mH @ part + ridge).diagonal().real
            assert left[int(error.argmin())] == stream
            left.remove(stream)


@pytest.mark.parametrize(("snr_db", "published"), [(8.0, 2.71e-2), (10.0, 7.2e-3)])
def test_unordered_qr_sic_matches_published_bpsk_30x60(snr_db: float, published: float) -> None:
    scenario = Scenario(
        num_tx_ant=30,
        num_rx_ant=60,
        constellation="bpsk",
        channel={"model": "real-gaussian"},
        snr_definition="per_realisation",
    )
    block = scenario.draw(snr_db, 3000, torch.Generator().manual_seed(7))
    rates = {}
    for name, order in (("zf-sic", "none"), ("mmse-sic", "none"), ("mmse-sic", "sorted")):
        detector = make_detector(name, "bpsk", order=order)
        wrong = detector(block.y, block.h, block.noise_var).indices() != block.indices
        rates[name, order] = wrong.double().mean((-1, -2))
    # Errors come in bursts, so the deviation is taken over channels; the anchor has its own.
    zf = rates["zf-sic", "none"]
    deviation = float(zf.std()) / 3000**0.5
    assert abs(float(zf.mean()) - published) < 4 * deviation + 0.02 * published
    assert rates["mmse-sic", "sorted"].mean() < rates["mmse-sic", "none"].mean() < zf.mean()


def test_scale_and_clip_act_on_llrs_alone() -> None:
    block = Scenario(num_tx_ant=3, num_rx_ant=3, constellation="16-qam").draw(
        10.0, 20, torch.Generator().manual_seed(0)
    )
    inputs = block.y, block.h, block.noise_var
    raw = make_detector("mmse-sic", "16-qam")(*inputs)
    tamed = make_detector("mmse-sic", "16-qam", llr_scale=0.5, llr_clip=6.0)(*inputs)
    torch.testing.assert_close(tamed.llr(), (0.5 * raw.llr()).clamp(-6, 6))
    assert raw.llr().abs().max() > 12
    assert torch.equal(tamed.indices(), raw.indices())
    assert isinstance(tamed, GaussianDetection)


def test_zero_forcing_refuses_more_streams_than_rows() -> None:
    wide = torch.ones(2, 3, dtype=torch.complex64)
    with pytest.raises(InvalidInputError, match=r"^h: .*Nt <= Nr for 'zf-sic' with qpsk"):
        make_detector("zf-sic", "qpsk").prepare(wide, 0.1)
    # BPSK has twice as many real rows.
    make_detector("zf-sic", "bpsk").prepare(wide, 0.1)
    with pytest.raises(InvalidInputError, match=r"^h: .*Nt <= 2Nr for 'zf-sic' with bpsk"):
        make_detector("zf-sic", "bpsk").prepare(torch.ones(1, 3, dtype=torch.complex64), 0.1)
