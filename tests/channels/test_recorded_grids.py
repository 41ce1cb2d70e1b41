"""Recorded channels with axes of frequency and time over a resource grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.channels import Recorded, TDLProcess
from mimolearn.link.channels.fading.raster import Raster
from mimolearn.link.estimators import Wiener
from mimolearn.link.frames import CombPilots, PlainGrid
from mimolearn.link.randomness import CounterGenerator, complex_normal
from mimolearn.link.slots import SlotLink

RASTER = Raster(4, 10, 36e-6, 30e3, 2e-6)


def recorded(tmp_path: Path, axes: str, sizes: dict[str, int], **fields: Any) -> Recorded:
    """A file of CN(0, 9) entries, with its axes in this order."""
    rng = np.random.default_rng(1)
    shape = [sizes[letter] for letter in axes]
    h = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    np.save(tmp_path / "h.npy", 3 / np.sqrt(2) * h)
    return Recorded(path=str(tmp_path / "h.npy"), axes=axes, **fields)


SIZES = {"n": 7, "s": 4, "f": 10, "r": 3, "t": 2}


@pytest.mark.parametrize("axes", ["nsfrt", "nfsrt", "rtnsf", "ntrfs"])
def test_a_slot_is_a_sample_whatever_the_order_of_axes(tmp_path: Path, axes: str) -> None:
    model = recorded(tmp_path, axes, SIZES)
    file = np.load(tmp_path / "h.npy", allow_pickle=False)
    ordered = np.transpose(file, [axes.index(letter) for letter in "nsfrt"])
    h = model.draw_grid(5, RASTER, 3, 1, 2, CounterGenerator(1)).numpy()
    ratio = h[:, None] / ordered[None]
    # Equal to one sample up to the scale of all.
    same = np.abs(ratio - ratio[..., :1, :1, :1, :1]).max((2, 3, 4, 5)) < 1e-4
    assert (same.sum(1) == 1).all()
    scales = ratio[same][:, 0, 0, 0, 0]
    assert scales == pytest.approx(1 / np.sqrt(np.mean(abs(file) ** 2)), rel=1e-4)


def test_windows_of_a_longer_file_are_drawn(tmp_path: Path) -> None:
    model = recorded(tmp_path, "nsfrt", SIZES | {"s": 9, "f": 12})
    file = np.load(tmp_path / "h.npy", allow_pickle=False)
    h = model.draw_grid(60, RASTER, 3, 1, 2, CounterGenerator(1)).numpy()
    h = h * np.sqrt(np.mean(abs(file) ** 2))
    starts = set()
    for slot in h:
        n, s, f = np.argwhere(abs(file - slot[0, 0]).max((-1, -2)) < 1e-4)[0]
        assert abs(file[n, s : s + 4, f : f + 10] - slot).max() < 1e-4
        starts.add((int(s), int(f)))
    assert len(starts) > 10


def test_without_an_axis_of_time_a_slot_is_constant(tmp_path: Path) -> None:
    model = recorded(tmp_path, "nfrt", SIZES)
    h = model.draw_grid(3, RASTER, 3, 1, 2, CounterGenerator(1))
    assert h.shape == (3, 4, 10, 3, 2)
    assert (h == h[:, :1]).all()
    moments = model.moments(RASTER)
    assert moments.time[0] == pytest.approx(np.ones(4))
    assert abs(moments.frequency[0, 1:]).max() < 0.3


def test_users_have_samples_of_their_own_or_share_one(tmp_path: Path) -> None:
    each = recorded(tmp_path, "nfrt", SIZES | {"t": 1})
    h = each.draw_grid(4, RASTER, 3, 2, 1, CounterGenerator(1))
    assert h.shape == (4, 4, 10, 3, 2)
    assert ((h[..., 0] - h[..., 1]).abs().amax((1, 2, 3)) > 0.1).all()
    together = recorded(tmp_path, "nfrt", SIZES)
    h = together.draw_grid(4, RASTER, 3, 2, 1, CounterGenerator(1))
    assert h.shape == (4, 4, 10, 3, 2)


def test_one_index_makes_an_axis_constant(tmp_path: Path) -> None:
    model = recorded(tmp_path, "nsfrt", SIZES, time_index=2)
    h = model.draw_grid(3, RASTER, 3, 1, 2, CounterGenerator(1))
    assert (h == h[:, :1]).all()
    assert not (h == h[:, :, :1]).all()


@pytest.mark.parametrize(
    ("axes", "sizes", "users", "message"),
    [
        ("nfrt", {"f": 9}, 1, "channel.axes: got <9: "),
        ("nsfrt", {"s": 3}, 1, "channel.axes: got <3: "),
        ("nfrt", {"t": 3}, 1, "num_rx_ant, num_tx_ant: got (3, 2), expected (3, 3)"),
        ("nfrt", {"n": 1}, 2, "samples: got <1: "),
    ],
)
def test_a_file_that_does_not_fit_says_so(
    tmp_path: Path, axes: str, sizes: dict[str, int], users: int, message: str
) -> None:
    model = recorded(tmp_path, axes, SIZES | sizes)
    with pytest.raises(InvalidInputError) as error:
        model.check_grid(RASTER, 3, users, 2)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_estimators_take_the_statistics_of_the_file(tmp_path: Path) -> None:
    """Recorded fading of a known process: nearly the same filters and errors."""
    frame = PlainGrid(num_symbols=6, num_subcarriers=24, num_ues=2)
    process = TDLProcess(profile="B", speed_m_s=30.0)
    parts = frame, CombPilots(symbols=(1, 4), spacing=4)
    known = SlotLink(*parts, process, 4, 2)
    h = process.draw_grid(250, known.grid.raster, 4, 1, 1, CounterGenerator(9))
    np.save(tmp_path / "h.npy", h.numpy())
    link = SlotLink(*parts, Recorded(path=str(tmp_path / "h.npy"), axes="nsfrt"), 4, 2)
    generator = CounterGenerator(2)
    slots = link.draw_channels(150, generator)
    symbols = complex_normal((150, link.grid.num_data, 2), generator)
    received = link.receive(slots, symbols, 0.1, generator)
    errors = {}
    for name, source in (("true", known), ("file", link)):
        prepared = Wiener().prepare(source.setting(0.1))
        estimate = prepared.estimate(received.y, None, link.grid.data)
        error = (estimate.h_hat - link.grid.at_data(slots)).abs().square().mean()
        errors[name] = float(error), float(estimate.error_var.mean())
    assert errors["file"][0] < 1.1 * errors["true"][0]
    assert 10 * np.log10(errors["file"][1] / errors["file"][0]) == pytest.approx(0, abs=0.5)
    assert torch.isfinite(received.y).all()
