"""Channels of other programs, in their layouts, and rows of recorded channels."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.io import savemat

from mimolearn import InvalidInputError, Scenario
from mimolearn.interop.channels import from_deepmimo, from_parts, from_quadriga, from_sionna
from mimolearn.link.channels import Recorded

rng = np.random.default_rng(3)


def numbers(*shape: int) -> np.ndarray:
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def test_sionna_frequency_responses_keep_their_axes(tmp_path: Path) -> None:
    from sionna.phy.channel import RayleighBlockFading, cir_to_ofdm_channel, subcarrier_frequencies

    model = RayleighBlockFading(num_rx=2, num_rx_ant=4, num_tx=3, num_tx_ant=1)
    a, tau = model(batch_size=5, num_time_steps=6)
    h = cir_to_ofdm_channel(subcarrier_frequencies(8, 15e3), a, tau)
    channel = from_sionna(h, tmp_path / "h.npy")
    assert (channel.num_samples, channel.axes) == (5 * 2 * 3, "nsfrt")
    kept = np.load(tmp_path / "h.npy")
    assert kept.shape == (30, 6, 8, 4, 1)
    array = h.numpy()
    # Sample 1 x 6 + 1 x 3 + 2: batch 1, receiver 1, transmitter 2.
    assert np.array_equal(kept[11, 4, 7, :, 0], array[1, 1, :, 2, 0, 4, 7])
    channel = from_sionna(h, tmp_path / "all.npy", all_streams=True)
    assert channel.num_samples == 10
    kept = np.load(tmp_path / "all.npy")
    assert np.array_equal(kept[3, 4, 7], array[1, 1, :, :, 0, 4, 7])
    link = Scenario(num_rx_ant=4, num_tx_ant=3, constellation="qpsk", channel=channel)
    assert link.draw_channels(7, torch.Generator().manual_seed(1)).shape == (7, 4, 3)


def test_sionna_rt_pairs_have_no_batch(tmp_path: Path) -> None:
    h = numbers(2, 4, 1, 2, 1, 8)
    channel = from_sionna((h.real, h.imag), tmp_path / "h.npy")
    assert (channel.num_samples, np.load(channel.path).shape) == (2, (2, 1, 8, 4, 2))
    with pytest.raises(InvalidInputError, match=r"h: got <shape \(2, 4, 1\)>"):
        from_sionna(h[..., 0, 0, 0], tmp_path / "h.npy")


@pytest.mark.parametrize("kind", ["array", "attribute", "mapping"])
def test_deepmimo_users_without_paths_are_left_out(tmp_path: Path, kind: str) -> None:
    h = numbers(6, 1, 8, 5)
    h[2] = 0
    h[4] = np.nan
    data = {"array": h, "attribute": SimpleNamespace(channel=h), "mapping": {"channel": h}}[kind]
    down = from_deepmimo(data, tmp_path / "down.npy")
    kept = np.load(down.path)
    assert kept.shape == (4, 1, 5, 1, 8)
    assert np.array_equal(kept[2, 0, 3, 0], h[3, 0, :, 3])
    up = np.load(from_deepmimo(data, tmp_path / "up.npy", uplink=True).path)
    assert np.array_equal(up, kept.swapaxes(-1, -2))
    with pytest.raises(InvalidInputError, match="6 users without a path"):
        from_deepmimo(0 * np.nan_to_num(h), tmp_path / "none.npy")


@pytest.mark.parametrize("shared", [True, False])
def test_quadriga_paths_become_frequencies(tmp_path: Path, shared: bool) -> None:
    coeff = numbers(4, 2, 3, 5).astype(np.complex128)
    delay = rng.uniform(0, 1e-6, size=(3, 5) if shared else (4, 2, 3, 5))
    savemat(tmp_path / "c.mat", {"coeff": coeff, "delay": delay})
    options = {"bandwidth_hz": 20e6, "num_subcarriers": 11}
    channel = from_quadriga(tmp_path / "c.mat", tmp_path / "h.npy", **options)
    kept = np.load(channel.path)
    assert kept.shape == (5, 1, 11, 4, 2)
    at = delay[:, 3] if shared else delay[1, 0, :, 3]
    expected = (coeff[1, 0, :, 3] * np.exp(-2j * np.pi * 14e6 * at)).sum()
    assert kept[3, 0, 7, 1, 0] == pytest.approx(expected, rel=1e-5)
    # One snapshot: MATLAB drops the last axis.
    one = {"coeff": coeff[..., 0], "delay": delay[:, :1] if shared else delay[..., 0]}
    savemat(tmp_path / "one.mat", one)
    first = from_quadriga(tmp_path / "one.mat", tmp_path / "one.npy", uplink=True, **options)
    np.testing.assert_allclose(np.load(first.path)[0, 0], kept[0, 0].swapaxes(-1, -2), rtol=1e-5)
    savemat(tmp_path / "bad.mat", {"coeff": coeff})
    with pytest.raises(InvalidInputError, match="it lacks 'delay'"):
        from_quadriga(tmp_path / "bad.mat", tmp_path / "h.npy", **options)
    savemat(tmp_path / "bad.mat", {"coeff": coeff, "delay": delay[..., :2, :]})
    with pytest.raises(InvalidInputError, match="got <coeff"):
        from_quadriga(tmp_path / "bad.mat", tmp_path / "h.npy", **options)


def test_parts_in_two_files_are_one_channel(tmp_path: Path) -> None:
    h = numbers(7, 3, 2)
    np.save(tmp_path / "re.npy", h.real)
    np.save(tmp_path / "im.npy", h.imag)
    parts = tmp_path / "re.npy", tmp_path / "im.npy"
    channel = from_parts(*parts, tmp_path / "h.npy")
    assert np.array_equal(np.load(channel.path), h)
    np.save(tmp_path / "im.npy", h.imag[1:])
    with pytest.raises(InvalidInputError, match=r"imaginary: got <shape \(6, 3, 2\)>"):
        from_parts(*parts, tmp_path / "h.npy")
    with pytest.raises(InvalidInputError, match=r"expected an \.npy file of real numbers"):
        from_parts(tmp_path / "h.npy", parts[1], tmp_path / "other.npy")
    with pytest.raises(InvalidInputError, match=r"real: .* cannot be read"):
        from_parts(tmp_path / "absent.npy", parts[1], tmp_path / "other.npy")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("0:80%", (0, 8)),
        ("80%:100%", (8, 10)),
        ("3:", (3, 10)),
        (":4", (0, 4)),
        ("33.4%:", (3, 10)),
    ],
)
def test_rows_are_a_range_of_samples(tmp_path: Path, rows: str, expected) -> None:
    np.save(tmp_path / "h.npy", numbers(10, 3, 2))
    path = str(tmp_path / "h.npy")
    channel = Recorded(path=path, rows=rows)
    assert (channel.sample_range, channel.rows) == (expected, "")
    assert channel == Recorded(path=path, sample_range=expected)
    assert "rows" not in channel.model_dump()


@pytest.mark.parametrize("rows", ["80%", "a:b", "5:5", "0:11", "90%:10%", "-1:3", "0:101%"])
def test_rows_that_are_no_part_are_one_line(tmp_path: Path, rows: str) -> None:
    np.save(tmp_path / "h.npy", numbers(10, 3, 2))
    with pytest.raises(InvalidInputError, match=r"^rows: got"):
        Recorded(path=str(tmp_path / "h.npy"), rows=rows)
    with pytest.raises(InvalidInputError, match="rows or sample_range, not both"):
        Recorded(path=str(tmp_path / "h.npy"), rows="0:5", sample_range=(0, 5))
