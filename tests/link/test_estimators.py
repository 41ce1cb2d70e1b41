"""Estimators: what they claim against what they do, against textbook solutions, on bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.channels import ChannelModel, Rayleigh, TDLProcess
from mimolearn.link.channels.fading.raster import at_lags
from mimolearn.link.estimators import (
    Estimator,
    LsLinear,
    LsNearest,
    Perfect,
    Setting,
    Wiener,
    WienerEstimated,
)
from mimolearn.link.frames import CombPilots, DmrsPilots, NrPusch, PlainGrid
from mimolearn.link.randomness import CounterGenerator, complex_normal
from mimolearn.link.slots import Received, SlotLink, SlotReceiver

FAST = TDLProcess(profile="B", speed_m_s=34.3)
ALL: list[Estimator] = [LsNearest(), LsLinear(), Wiener(), Wiener(statistics="flat")]


def nr_link(
    channel: ChannelModel = FAST,
    layers: int = 4,
    num_rx: int = 8,
    frame: dict[str, Any] | None = None,
    pilots: dict[str, Any] | None = None,
) -> SlotLink:
    fields: dict[str, Any] = {"num_prb": 4, "num_ues": layers} | (frame or {})
    return SlotLink(NrPusch(**fields), DmrsPilots(**pilots or {}), channel, num_rx, layers)


def receive(link: SlotLink, noise_var: float, num_slots: int, seed: int = 1) -> Received:
    generator = CounterGenerator(seed)
    h = link.draw_channels(num_slots, generator)
    shape = num_slots, link.grid.num_data, link.grid.num_layers
    return link.receive(h, complex_normal(shape, generator), noise_var, generator)


def decibels(value: torch.Tensor) -> torch.Tensor:
    return 10 * torch.log10(value)


def claimed_and_true(
    link: SlotLink, estimator: Estimator, noise_var: float, num_slots: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Error variances (S), means over the data elements."""
    slots = receive(link, noise_var, num_slots)
    prepared = estimator.prepare(link.setting(noise_var))
    estimate = prepared.estimate(slots.y, slots.h, link.grid.data)
    error = (estimate.h_hat - link.grid.at_data(slots.h)).abs().square()
    return estimate.error_var.mean((0, 1)), error.mean((0, 1, 2))


LINKS = {
    "4 layers": lambda: nr_link(),
    "line of sight": lambda: nr_link(TDLProcess(profile="D", speed_m_s=34.3)),
    "length 2": lambda: nr_link(layers=8, pilots={"dmrs_length": 2}),
    "type 2, powers": lambda: nr_link(
        layers=6,
        frame={"num_ues": 3, "ue_power_db": (0, -6, -12)},
        pilots={"dmrs_type": 2, "cdm_groups_without_data": 3, "additional_positions": 2},
    ),
    "1/Nr": lambda: nr_link(TDLProcess(entry_variance="1/Nr"), layers=2),
    "constant": lambda: nr_link(Rayleigh(), layers=2, pilots={"additional_positions": 0}),
    "comb": lambda: SlotLink(
        PlainGrid(num_symbols=12, num_subcarriers=60, num_ues=3),
        CombPilots(symbols=(2, 9), spacing=6, energy_db=3),
        FAST,
        8,
        3,
    ),
}


@pytest.mark.parametrize("snr_db", [0, 25])
@pytest.mark.parametrize("name", LINKS)
def test_claimed_errors_are_true(name: str, snr_db: int) -> None:
    link = LINKS[name]()
    for estimator in ALL:
        claimed, true = claimed_and_true(link, estimator, 10 ** (-snr_db / 10), 120)
        difference = decibels(claimed.mean() / true.mean())
        assert difference.abs() < 0.5, (type(estimator), difference)


def test_wiener_filters_beat_least_squares() -> None:
    link = nr_link()
    for noise_var in (1.0, 0.1, 0.01):
        worse = claimed_and_true(link, LsLinear(), noise_var, 20)[1].mean()
        assert claimed_and_true(link, Wiener(), noise_var, 20)[1].mean() < 0.6 * worse


@pytest.mark.parametrize(
    ("profile", "delay_spread_s", "speed_m_s"),
    [("A", 30e-9, 3.0), ("B", 100e-9, 34.3), ("C", 250e-9, 15.0), ("D", 100e-9, 3.0)],
)
def test_estimated_statistics_serve_nearly_as_true_ones(
    profile: Any, delay_spread_s: float, speed_m_s: float
) -> None:
    channel = TDLProcess(profile=profile, delay_spread_s=delay_spread_s, speed_m_s=speed_m_s)
    link = nr_link(channel, num_rx=4, frame={"num_prb": 8})
    for snr_db in (0, 10, 20):
        noise_var = 10 ** (-snr_db / 10)
        claimed, true = claimed_and_true(link, WienerEstimated(), noise_var, 40)
        assert decibels(claimed.mean() / true.mean()).abs() < 0.5, snr_db
        best, simple = (
            claimed_and_true(link, other, noise_var, 40)[1] for other in (Wiener(), LsLinear())
        )
        assert true.mean() < 1.8 * best.mean(), snr_db
        assert true.mean() < 0.7 * simple.mean(), snr_db


def test_one_comb_over_frequency_is_the_textbook_filter() -> None:
    """R_fp (R_pp + sigma^2 I)^-1 of one layer, one symbol, a channel that is constant in time."""
    channel = TDLProcess(profile="A", speed_m_s=0.0)
    link = SlotLink(
        PlainGrid(num_symbols=2, num_subcarriers=40),
        CombPilots(symbols=(0,), spacing=3),
        channel,
        2,
        1,
    )
    noise_var, slots = 0.1, receive(link, 0.1, 3)
    lags = channel.moments(link.grid.raster).frequency[0]
    at, everything = np.arange(0, 40, 3), np.arange(40)
    inner = at_lags(lags, at, at) + noise_var * np.eye(len(at))
    matrix = at_lags(lags, everything, at) @ np.linalg.inv(inner)
    pilots = link.grid.pilots[0, 0, at]
    expected = np.einsum("fp,npr->nfr", matrix, slots.y[:, 0, at].numpy() / pilots[:, None])
    prepared = Wiener().prepare(link.setting(noise_var))
    ours = prepared.estimate(slots.y, None, 40 + everything).h_hat[..., 0]
    assert np.abs(ours.numpy() - expected).max() < 1e-4


def test_what_is_estimated_does_not_depend_on_other_slots() -> None:
    link = nr_link()
    slots = receive(link, 0.1, 5)
    for estimator in [*ALL, WienerEstimated()]:
        prepared = estimator.prepare(link.setting(0.1))
        together = prepared.estimate(slots.y, None, link.grid.data).h_hat
        alone = prepared.estimate(slots.y[3:4], None, link.grid.data).h_hat
        assert (together[3] - alone[0]).abs().max() < 1e-5, type(estimator)


def test_a_perfect_estimate_is_the_channel() -> None:
    link = nr_link()
    slots = receive(link, 0.1, 2)
    observed = SlotReceiver(link, Perfect(), 0.1).observe(slots)
    h = link.grid.at_data(slots.h).flatten(0, 1)
    assert (observed.h_hat == h).all()
    assert observed.noise_var == pytest.approx(torch.full((len(h),), 0.1))
    assert (observed.error_var == 0).all()


def test_limits_go_with_flat_statistics_alone() -> None:
    with pytest.raises(InvalidInputError, match="max_delay_s: got 1e-06, expected nothing with"):
        Wiener(max_delay_s=1e-6)
    fields: dict[str, Any] = {"covariance": "pink"}
    with pytest.raises(InvalidInputError, match="covariance: got 'pink', expected one of"):
        Wiener(**fields)


def test_a_setting_is_of_noise_and_interference() -> None:
    link = nr_link()
    assert isinstance(link.setting(0.5), Setting)
    assert link.setting(0.5).noise_var == 0.5
    with pytest.raises(InvalidInputError, match="noise_var: got 0, expected a finite number above"):
        SlotReceiver(link, Wiener(), 0)
