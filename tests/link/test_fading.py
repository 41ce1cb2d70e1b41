"""Fading over a resource grid: second moments, equal bits, what cannot be simulated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.channels import CDL, TDL, CDLFading, Kronecker, Rayleigh, TDLProcess
from mimolearn.link.channels.fading.raster import Moments, Raster, at_lags, low_rank_factor
from mimolearn.link.randomness import CounterGenerator

RASTER = Raster(14, 36, 0.5e-3 / 14, 30e3, 2.34e-6)


def draw(model: TDLProcess, num: int = 150, rx: int = 4, users: int = 2, layers: int = 2) -> Any:
    return model.draw_grid(num, RASTER, rx, users, layers, CounterGenerator(1)).numpy()


@pytest.mark.parametrize("profile", ["A", "B", "C", "D", "E"])
def test_second_moments_are_those_of_the_delay_line(profile: Any) -> None:
    model = TDLProcess(profile=profile, speed_m_s=60.0)
    moments, h = model.moments(RASTER), draw(model)
    assert (moments.time[:, 0] * moments.frequency[:, 0]).sum() == pytest.approx(1)
    for t, f in ((0, 0), (13, 0), (0, 35), (6, 10), (13, 35)):
        expected = (moments.time[:, t] * moments.frequency[:, f]).sum()
        pairs = h[:, t:, f:], h[:, : 14 - t, : 36 - f].conj()
        assert (pairs[0] * pairs[1]).mean() == pytest.approx(expected, abs=0.05)


def test_moments_are_those_of_sionnas_taps() -> None:
    from mimolearn.link.channels.profiles import power_delay_profile

    delays, powers, share = (part.numpy() for part in power_delay_profile("D", "19.2"))
    assert powers.sum() == pytest.approx(1)
    assert 0 < share < powers[0]
    frequency = TDLProcess(profile="D", delay_spread_s=50e-9).moments(RASTER).frequency.sum(0)
    for f in (0, 7, 35):
        expected = (powers * np.exp(-2j * np.pi * f * 30e3 * delays * 50e-9)).sum()
        assert frequency[f] == pytest.approx(expected)


def test_fading_is_gaussian_without_a_line_of_sight() -> None:
    """E|h|^4 = 2 (E|h|^2)^2; a line of sight lowers it."""
    scattered, direct = (
        (abs(draw(model)[:, 3, 5]) ** 4).mean()
        for model in (TDLProcess(profile="B"), TDLProcess(profile="D"))
    )
    assert scattered == pytest.approx(2, abs=0.25)
    assert direct < 1.6


def test_antennas_are_correlated_as_told_and_users_are_not() -> None:
    model = TDLProcess(profile="B", rx_correlation=0.7, tx_correlation=0.5)
    h = draw(model, num=400)[:, 4, 9]
    of_rows = (h[:, 0] * h[:, 1].conj()).mean()
    of_layers = (h[..., 0] * h[..., 1].conj()).mean()
    of_users = (h[..., 1] * h[..., 2].conj()).mean()
    assert abs(of_rows) == pytest.approx(0.7, abs=0.07)
    assert abs(of_layers) == pytest.approx(0.5, abs=0.07)
    assert abs(of_users) < 0.08


def test_a_slot_does_not_depend_on_how_many_are_drawn() -> None:
    model = TDLProcess(profile="B", rx_correlation=0.3)
    assert (draw(model, 5) == draw(model, 9)[:5]).all()


def test_one_element_is_rayleigh_fading() -> None:
    h = TDLProcess(profile="C").draw(4000, 3, 2, CounterGenerator(2))
    assert h.shape == (4000, 3, 2)
    assert float(h.abs().square().mean()) == pytest.approx(1, abs=0.04)


def test_low_rank_factors_leave_nothing_out_that_counts() -> None:
    lags = TDLProcess(profile="B", delay_spread_s=200e-9).moments(RASTER).frequency[0]
    factor = low_rank_factor(lags)
    whole = at_lags(lags, np.arange(36), np.arange(36))
    assert abs(factor @ factor.conj().T - whole).max() < 1e-5
    assert factor.shape[1] < 14
    assert low_rank_factor(np.ones(5, complex)).shape == (5, 1)


def test_products_are_separated_by_their_margins() -> None:
    time, frequency = np.array([[0.75, 0.25], [0.25, 0.25]]), np.array([[1, 0.5], [1, 1j]])
    separated = Moments(time, frequency).separated()
    assert separated.time[0] == pytest.approx([1, 0.5])
    assert separated.frequency[0] == pytest.approx([1, 0.375 + 0.25j])


def test_delays_beyond_the_prefix_are_refused() -> None:
    with pytest.raises(InvalidInputError) as error:
        TDLProcess(profile="C", delay_spread_s=300e-9).check_grid(RASTER, 4, 2, 1)
    text = "channel.delay_spread_s: got 3e-07, expected at most 2.7e-07: the longest delay of"
    assert str(error.value).startswith(text)
    TDLProcess(profile="C", delay_spread_s=270e-9).check_grid(RASTER, 4, 2, 1)


def test_fast_fading_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="2.3 % of the subcarrier spacing"):
        TDLProcess(speed_m_s=60.0).check_grid(RASTER, 4, 2, 1)
    TDLProcess(speed_m_s=51.0).check_grid(RASTER, 4, 2, 1)


@pytest.mark.parametrize("model", [Rayleigh(), Kronecker()])
def test_models_without_fading_are_constant_over_a_grid(model: Any) -> None:
    h = model.draw_grid(3, RASTER, 4, 2, 1, CounterGenerator(1))
    assert h.shape == (3, 14, 36, 4, 2)
    assert (h == h[:, :1, :1]).all()
    assert model.moments(RASTER).time.tolist() == [[1.0] * 14]
    assert torch.isfinite(h).all()


@pytest.mark.parametrize(("model", "message"), [(TDL(), "'tdl-process'"), (CDL(), "'cdl-fading'")])
def test_models_of_one_subcarrier_are_refused_over_a_grid(model: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=f"channel.model: got .*, expected {message}"):
        model.check_grid(RASTER, 4, 1, 2)


def test_users_of_a_clustered_line_see_angles_of_their_own() -> None:
    """Users in one direction share their correlation; in a sector each has its own."""
    turned, together = (
        CDLFading(profile="B", sector_deg=width).draw_grid(
            100, Raster(2, 3, 36e-6, 30e3, 2e-6), 4, 2, 1, CounterGenerator(1)
        )
        for width in (120.0, 0.0)
    )
    assert turned.shape == (100, 2, 3, 4, 2)
    assert float(turned.abs().square().mean()) == pytest.approx(1, abs=0.15)
    # Shares of the power that the two users' channels have in common.
    common = [
        torch.einsum("ntfr,ntfr->ntf", h[..., 0].conj(), h[..., 1]).abs().square().mean()
        for h in (turned, together)
    ]
    assert common[0] < common[1]


def test_a_clustered_line_fades_with_its_moments() -> None:
    model, raster = CDLFading(profile="C", speed_m_s=40.0), Raster(10, 20, 36e-6, 30e3, 2e-6)
    moments = model.moments(raster)
    h = model.draw_grid(150, raster, 2, 1, 1, CounterGenerator(5)).numpy()
    for t, f in ((9, 0), (0, 19), (5, 8)):
        pairs = h[:, t:, f:], h[:, : 10 - t, : 20 - f].conj()
        expected = moments.time[0, t] * moments.frequency[0, f]
        assert (pairs[0] * pairs[1]).mean() / (abs(h) ** 2).mean() == pytest.approx(
            expected, abs=0.12
        )
    with pytest.raises(InvalidInputError, match=r"channel\.delay_spread_s: got 1e-06"):
        CDLFading(delay_spread_s=1e-6).check_grid(raster, 2, 1, 1)
