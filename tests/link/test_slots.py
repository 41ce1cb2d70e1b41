"""Slots: what is received, whitened and handed to a detector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mimolearn import make_detector
from mimolearn.constellation import as_constellation
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.kernels.link.reception import squared_error, whiten
from mimolearn.link.channels import TDLProcess
from mimolearn.link.estimators import Estimator, LsLinear, Perfect, Wiener, WienerEstimated
from mimolearn.link.frames import DmrsPilots, Interference, NrPusch
from mimolearn.link.randomness import CounterGenerator, complex_normal, integers
from mimolearn.link.slots import Received, SlotLink, SlotReceiver

FRAME, CHANNEL = NrPusch(num_prb=4, num_ues=4), TDLProcess(profile="B")


def make_link(num_rx: int = 4, inr_db: float | None = None, **fields: Any) -> SlotLink:
    interference = None if inr_db is None else Interference(inr_db=inr_db, **fields)
    return SlotLink(FRAME, DmrsPilots(), CHANNEL, num_rx, 4, interference)


def receive(link: SlotLink, noise_var: float, num: int = 4) -> tuple[Received, torch.Tensor]:
    """Slots of QPSK, and the indices (N, D, S) of what was sent."""
    generator = CounterGenerator(7)
    h = link.draw_channels(num, generator)
    indices = integers((num, link.grid.num_data, 4), 4, generator)
    symbols = as_constellation("qpsk").map(indices, torch.complex64)
    return link.receive(h, symbols, noise_var, generator), indices


def errors(link: SlotLink, estimator: Estimator, noise_var: float, num: int = 4) -> int:
    """Wrong symbols of LMMSE detection."""
    slots, indices = receive(link, noise_var, num)
    receiver, detector = SlotReceiver(link, estimator, noise_var), make_detector("lmmse", "qpsk")
    observed = receiver.observe(slots)
    state = detector.prepare(observed.h_hat, observed.noise_var)
    found = receiver.to_data(detector.detect(state, observed.y).indices())
    return int((found != indices).sum())


def test_received_vectors_are_channels_times_symbols() -> None:
    link = make_link()
    slots, indices = receive(link, 1e-12, 2)
    x = link.grid.fill(as_constellation("qpsk").map(indices, torch.complex64))
    expected = torch.einsum("ntfrs,ntfs->ntfr", slots.h, x)
    assert (slots.y - expected).abs().max() < 1e-4


def test_noise_has_its_variance() -> None:
    link = make_link()
    noisy, _ = receive(link, 0.5)
    clean, _ = receive(link, 1e-12)
    assert float((noisy.y - clean.y).abs().square().mean()) == pytest.approx(0.5, rel=0.02)


def test_interference_has_its_power_and_its_rank() -> None:
    link = make_link(num_rx=6, inr_db=10, num=2)
    slots, _ = receive(link, 0.1, 20)
    assert slots.interference is not None
    power = slots.interference.abs().square().sum(-1).mean()
    assert float(power) == pytest.approx(1.0, rel=0.15)
    assert slots.interference.shape[-2:] == (6, 2)
    assert link.setting(0.1).noise_var == pytest.approx(1.1)
    # The same draws without interference.
    alone, _ = receive(make_link(num_rx=6), 0.1, 20)
    assert (alone.h == slots.h).all()
    difference = (slots.y - alone.y).abs().square().mean()
    assert float(difference) == pytest.approx(float(power), rel=0.05)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 4), (8, 7, 2)])
def test_whitening_makes_the_covariance_one(shape: tuple[int, int, int]) -> None:
    rx, elements, layers = shape
    generator = torch.Generator().manual_seed(3)
    draw = {"generator": generator, "dtype": torch.complex64}
    root = torch.randn(2, 2, rx, rx, **draw)
    covariance = root @ root.mH + 0.1 * torch.eye(rx, dtype=torch.complex64)
    h, y = torch.randn(2, elements, rx, layers, **draw), torch.randn(2, elements, rx, **draw)
    block = np.arange(elements) % 2
    factor = torch.linalg.cholesky(covariance.to(torch.complex128))[:, block]
    expected = torch.linalg.solve_triangular(factor, h.to(torch.complex128), upper=False)
    of_y = y.to(torch.complex128).unsqueeze(-1)
    expected_y = torch.linalg.solve_triangular(factor, of_y, upper=False)[..., 0]
    whiten(covariance, block, h, y)
    assert (h - expected).abs().max() < 1e-4 * expected.abs().max()
    assert (y - expected_y).abs().max() < 1e-4 * expected_y.abs().max()


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 4), (16, 7, 8)])
def test_errors_of_estimates_are_those_of_the_formula(shape: tuple[int, int, int]) -> None:
    rx, elements, layers = shape
    generator = torch.Generator().manual_seed(4)
    draw = {"generator": generator, "dtype": torch.complex64}
    h = torch.randn(2, 3, elements, rx, layers, **draw)
    h_hat = torch.randn(2, elements, rx, layers, **draw)
    chosen = np.arange(elements) * 3
    expected = (h_hat - h.flatten(1, 2)[:, chosen]).abs().square().mean(2)
    assert torch.allclose(squared_error(h_hat, h, chosen), expected, rtol=1e-5)


def test_whitening_removes_most_of_the_interference() -> None:
    link = make_link(num_rx=8, inr_db=15)
    white = errors(link, Wiener(), 0.1)
    residual = errors(link, Wiener(covariance="residual"), 0.1)
    known = errors(link, Wiener(covariance="known"), 0.1)
    assert known <= residual < white / 3


def test_known_covariance_without_interference_whitens_nothing() -> None:
    link = make_link()
    slots, _ = receive(link, 0.1, 1)
    white = SlotReceiver(link, Wiener(), 0.1).observe(slots)
    known = SlotReceiver(link, Wiener(covariance="known"), 0.1).observe(slots)
    for one, other in zip(white, known, strict=True):
        assert (one == other).all()


def test_residual_covariance_of_white_noise_costs_little() -> None:
    link = make_link(num_rx=8)
    white = errors(link, Wiener(), 1.0)
    residual = errors(link, Wiener(covariance="residual"), 1.0)
    assert 0 < white < residual < 1.6 * white


@pytest.mark.parametrize("estimator", [Perfect, Wiener, WienerEstimated])
@pytest.mark.parametrize("snr_db", [0, 20])
def test_residuals_are_scaled_to_noise_and_errors(estimator: type[Estimator], snr_db: int) -> None:
    """Whitened noise of an element, errors of the estimate included, has variance 1."""
    link, noise_var = make_link(num_rx=8), 10 ** (-snr_db / 10)
    slots, indices = receive(link, noise_var, 12)
    observed = SlotReceiver(link, estimator(covariance="residual"), noise_var).observe(slots)
    x = as_constellation("qpsk").map(indices, torch.complex64).flatten(0, 1)
    left = observed.y[:, 0] - (observed.h_hat @ x.unsqueeze(-1))[..., 0]
    # Inverting an estimated covariance adds to it.
    assert 0.9 < float(left.abs().square().mean()) < 1.35


def test_least_squares_leaves_nothing_of_a_full_load() -> None:
    with pytest.raises(InvalidInputError, match="leaves nothing of the pilots of 4 layers"):
        SlotReceiver(make_link(), LsLinear(covariance="residual"), 0.1)
    half = SlotLink(NrPusch(num_prb=4, num_ues=2), DmrsPilots(), CHANNEL, 4, 2)
    SlotReceiver(half, LsLinear(covariance="residual"), 0.1)


def test_noise_is_the_mean_of_errors_too() -> None:
    link = make_link()
    slots, _ = receive(link, 0.1, 2)
    observed = SlotReceiver(link, LsLinear(), 0.1).observe(slots)
    expected = 0.1 + observed.error_var[0].sum(-1)
    assert observed.noise_var.unflatten(0, (2, -1)) == pytest.approx(expected.expand(2, -1))
    assert observed.y.shape == (2 * link.grid.num_data, 1, 4)
    assert observed.h_hat.shape == (2 * link.grid.num_data, 4, 4)


def test_blocks_share_a_channel_and_keep_their_vectors() -> None:
    link = make_link()
    slots, _ = receive(link, 0.01, 2)
    receiver = SlotReceiver(link, Perfect(reuse_subcarriers=12, reuse_symbols=14), 0.01)
    observed = receiver.observe(slots)
    assert observed.y.shape == (2 * 4, 144, 4)
    assert (receiver.to_data(observed.y) == link.grid.at_data(slots.y)).all()
    h = link.grid.at_data(slots.h)
    # Data elements of a PRB: 12 symbols of 12 neighbours.
    block = h.reshape(2, 12, 4, 12, 4, 4)[:, :, 1].flatten(1, 2)
    mean = block.mean(1)
    assert observed.h_hat.unflatten(0, (2, 4))[:, 1] == pytest.approx(mean, abs=1e-6)
    mismatch = (block - mean[:, None]).abs().square().sum(-1).mean((1, 2))
    expected = 0.01 + mismatch
    assert observed.noise_var.unflatten(0, (2, 4))[:, 1] == pytest.approx(expected, rel=1e-4)


def test_reuse_over_small_blocks_costs_little() -> None:
    link = make_link()
    each = errors(link, Wiener(), 0.1)
    small = errors(link, Wiener(reuse_subcarriers=4, reuse_symbols=1), 0.1)
    assert each < small < 1.3 * each


def test_blocks_of_unequal_size_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="these have 24 to 36 elements"):
        SlotReceiver(make_link(), Wiener(reuse_subcarriers=12, reuse_symbols=3), 0.1)


def test_numbers_that_cannot_be_are_named() -> None:
    link = make_link()
    with pytest.raises(InvalidInputError, match="num_slots: got 0"):
        link.draw_channels(0, CounterGenerator(1))
    h = link.draw_channels(1, CounterGenerator(1))
    symbols = complex_normal((1, link.grid.num_data, 4), CounterGenerator(1))
    with pytest.raises(InvalidInputError, match="noise_var: got -1"):
        link.receive(h, symbols, -1, CounterGenerator(1))
    with pytest.raises(InvalidInputError, match="layers: got <shape"):
        link.receive(h, symbols[:, :-1], 0.1, CounterGenerator(1))
    fields: dict[str, Any] = {"inr_db": "loud"}
    with pytest.raises(InvalidInputError, match="inr_db: got 'loud', expected a number"):
        Interference(**fields)
