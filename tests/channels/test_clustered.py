"""Clustered channels: rank, angles, and the array correlation that they imply."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.special import j0

from mimolearn.link.channels import Clustered


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_rank_is_at_most_the_number_of_paths() -> None:
    model = Clustered(num_clusters=2, num_rays=3, angle_spread_deg=30)
    h = model.draw(20, 16, 32, generator(), torch.complex128)
    assert int(torch.linalg.matrix_rank(h, rtol=1e-12).max()) <= 6
    point_clusters = Clustered(num_clusters=2, num_rays=3, angle_spread_deg=0)
    h = point_clusters.draw(20, 16, 32, generator(), torch.complex128)
    assert int(torch.linalg.matrix_rank(h, rtol=1e-9).max()) == 2


def test_one_path_is_a_wave_across_each_array() -> None:
    model = Clustered(num_clusters=1, num_rays=1)
    h = model.draw(10, 8, 5, generator(), torch.complex128)
    magnitude = h.abs()
    torch.testing.assert_close(magnitude, magnitude[:, :1, :1].expand_as(h))
    for step in (h[:, 1:] / h[:, :-1], h[:, :, 1:] / h[:, :, :-1]):
        torch.testing.assert_close(step, step[:, :1, :1].expand_as(step))
        # The phase step is pi sin(angle): at half a wavelength it never exceeds half a turn.
        torch.testing.assert_close(step.abs(), torch.ones_like(step.abs()))


@pytest.mark.parametrize("angle_spread_deg", [0.0, 7.5])
def test_uniform_directions_correlate_antennas_like_a_bessel_function(
    angle_spread_deg: float,
) -> None:
    """E[h_n conj(h_m)] = J0(pi (n - m)) at both ends (Clarke's model at half a wavelength)."""
    model = Clustered(num_clusters=5, num_rays=4, angle_spread_deg=angle_spread_deg)
    h = model.draw(40_000, 4, 4, generator(), torch.complex128)
    for lag in (1, 2, 3):
        expected = j0(math.pi * lag)
        rx = (h[:, 0] * h[:, lag].conj()).mean(-1)
        tx = (h[:, :, 0] * h[:, :, lag].conj()).mean(-1)
        for sample in (rx, tx):
            error = sample.std().item() / math.sqrt(len(sample))
            assert abs(sample.mean().item() - expected) < 4 * error


def test_rays_deviate_by_a_laplacian_of_that_spread() -> None:
    """Difference of two rays of a cluster: variance 2 s^2, mean magnitude 1.5 s / sqrt(2)."""
    model = Clustered(num_clusters=1, num_rays=2, angle_spread_deg=10)
    angles = torch.rad2deg(model._angles(200_000, generator()))
    difference = angles[:, 0] - angles[:, 1]
    assert difference.square().mean().item() == pytest.approx(200, rel=0.02)
    assert difference.abs().mean().item() == pytest.approx(1.5 * 10 / math.sqrt(2), rel=0.01)
    assert abs(difference.mean().item()) < 0.15


def test_frobenius_norm_is_right_on_average_and_varies() -> None:
    energy = Clustered(num_clusters=2, num_rays=10).draw(5000, 8, 16, generator()).abs().square()
    per_draw = energy.sum((1, 2)).double()
    error = per_draw.std().item() / math.sqrt(len(per_draw))
    assert abs(per_draw.mean().item() - 8 * 16) < 4 * error
    assert per_draw.std().item() > 0.2 * 8 * 16
