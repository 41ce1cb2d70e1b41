"""What recorded channels give a simulation: distinct users, right power, a key that says it all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mimolearn import InvalidInputError, Scenario
from mimolearn.beamformers import HybridArray, make_beamformer, symbol_error_rate
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.channels import Rayleigh, Recorded
from mimolearn.link.randomness import CounterGenerator, distinct_integers, integers
from mimolearn.studies import load_beam_comparison
from mimolearn.training import read_recipe

NR, NT = 2, 8
LINK: dict[str, Any] = {"num_tx_ant": NT, "num_rx_ant": NR, "constellation": "qpsk"}


def save(path: Path, num: int, *steps: int, scale: float = 1.0) -> Path:
    rng = np.random.default_rng(7)
    shape = (num, *steps, NR, NT)
    np.save(path, scale * (rng.normal(size=shape) + 1j * rng.normal(size=shape)))
    return path


def beams(path: Path, num_users: int, **fields: object) -> BeamScenario:
    array = HybridArray(
        num_users=num_users,
        num_tx_ant=NT,
        num_tx_chains=num_users,
        num_rx_ant=NR,
        num_rx_chains=1,
        num_streams=1,
    )
    channel: Any = {"model": "recorded", "path": str(path), **fields}
    return BeamScenario(array=array, channel=channel)


def equal_pairs(h: Tensor) -> int:
    """Drops (N, K, Nr, Nt) in which two users have channels that are the same up to scale."""
    flat = h.flatten(2)
    flat = flat / flat.norm(dim=-1, keepdim=True)
    gram = (flat @ flat.mH).abs() - torch.eye(h.shape[1])
    return int((gram > 0.999).flatten(1).any(1).sum())


@pytest.mark.parametrize("source", [CounterGenerator, torch.Generator])
def test_users_of_a_drop_have_different_channels(source: type, tmp_path: Path) -> None:
    scenario = beams(save(tmp_path / "h.npy", 20), 3)
    generator = CounterGenerator(3) if source is CounterGenerator else torch.Generator()
    h = scenario.draw(4000, generator).h
    assert h.shape == (4000, 3, NR, NT)
    assert equal_pairs(h) == 0


def test_as_many_users_as_channels_see_all_of_them(tmp_path: Path) -> None:
    scenario = beams(save(tmp_path / "h.npy", 4), 4)
    h = scenario.draw(200, CounterGenerator(1)).h
    assert equal_pairs(h) == 0
    assert len(torch.unique(h[:, 0, 0, 0].real)) == 4


def test_fewer_channels_than_users_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "h.npy", 3)
    message = r"^samples: got <3: \(3, 2, 8\) complex128>, expected at least 4, one for "
    with pytest.raises(InvalidInputError, match=message):
        beams(path, 4)
    with pytest.raises(InvalidInputError, match="expected at least 4, one for each user"):
        beams(save(tmp_path / "more.npy", 9), 4, sample_range=[0, 3])
    with pytest.raises(InvalidInputError, match="expected at least 4, one for each user"):
        Recorded(path=str(path)).draw_users(1, 4, NR, NT, CounterGenerator(1))


def test_no_floor_is_left(tmp_path: Path) -> None:
    """Two users on one channel cannot be told apart at any SNR; no drop of two others is so bad."""
    scenario = beams(save(tmp_path / "h.npy", 40), 2)
    h = scenario.draw(2000, CounterGenerator(1)).h
    noise_var = torch.full((len(h),), scenario.noise_var(30.0))
    design = make_beamformer("fd-mmse", scenario.array)
    rates = symbol_error_rate(h, design(h, noise_var), noise_var, "qpsk")
    assert float(rates.mean()) < 1e-6


def test_users_share_the_frequency_and_never_the_sample(tmp_path: Path) -> None:
    """A sample at two frequencies is nearly one channel: its users would be alike."""
    num, steps = 6, 5
    # Here a sample is one channel but for a phase, which says the frequency.
    rng = np.random.default_rng(3)
    base = rng.normal(size=(num, 1, NR, NT)) + 1j * rng.normal(size=(num, 1, NR, NT))
    base /= base[..., :1, :1]
    np.save(tmp_path / "h.npy", base * np.exp(1j * np.arange(steps))[:, None, None])
    h = beams(tmp_path / "h.npy", 3, axes="nfrt").draw(2000, CounterGenerator(1)).h
    assert equal_pairs(h) == 0
    phase = torch.angle(h[..., 0, 0])
    torch.testing.assert_close(phase, phase[:, :1].expand_as(phase), atol=1e-5, rtol=0)
    assert len(torch.unique(phase[:, 0].round(decimals=3))) == steps


def test_sets_of_distinct_integers_are_uniform() -> None:
    drawn = distinct_integers(60_000, 3, 5, CounterGenerator(2))
    assert bool((drawn.sort(1).values.diff(dim=1) > 0).all())
    codes = drawn @ torch.tensor([25, 5, 1])
    found, counts = torch.unique(codes, return_counts=True)
    assert len(found) == 5 * 4 * 3
    # 60 ordered sets, 1000 each: chi-square of 59 degrees is below 110 but for 1 in 20 000.
    assert float(((counts - 1000.0) ** 2 / 1000).sum()) < 110
    first = integers((60_000,), 5, CounterGenerator(2))
    assert torch.equal(drawn[:, 0], first)


def test_models_without_end_draw_users_as_they_drew_channels() -> None:
    users = Rayleigh().draw_users(5, 3, NR, NT, CounterGenerator(1))
    assert torch.equal(users.flatten(0, 1), Rayleigh().draw(15, NR, NT, CounterGenerator(1)))


AMPLITUDES = [1e-300, 1e-160, 1e-30, 1e-20, 1.0, 1e18, 1e25, 1e150, 1e300]


@pytest.mark.parametrize("normalise", ["mean", "per_draw"])
@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
def test_power_is_right_at_every_scale(normalise: str, kind: type, tmp_path: Path) -> None:
    save(tmp_path / "one.npy", 50)
    expected = Recorded(path=str(tmp_path / "one.npy"), normalise=normalise).draw(
        200, NR, NT, CounterGenerator(1)
    )
    for scale in AMPLITUDES:
        if kind is np.complex64 and not 1e-31 < scale < 1e30:
            continue
        h = np.load(tmp_path / "one.npy") * scale
        np.save(tmp_path / "h.npy", h.astype(kind))
        found = Recorded(path=str(tmp_path / "h.npy"), normalise=normalise).draw(
            200, NR, NT, CounterGenerator(1)
        )
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_channels_too_weak_beside_the_others_are_refused(tmp_path: Path) -> None:
    h = np.load(save(tmp_path / "h.npy", 50))
    h[11] *= 1e-20
    np.save(tmp_path / "h.npy", h)
    message = r"normalise: got <'mean', channel 11 is 40\d dB below it>, expected 'per_draw'"
    with pytest.raises(InvalidInputError, match=message):
        Scenario(**LINK, channel={"model": "recorded", "path": str(tmp_path / "h.npy")})
    found = Recorded(path=str(tmp_path / "h.npy"), normalise="per_draw")
    power = found.draw(500, NR, NT, CounterGenerator(1)).abs().square().mean((1, 2))
    torch.testing.assert_close(power, torch.ones(500))


@pytest.mark.parametrize(
    "array",
    [
        np.full((3, 2, 2, 2), 2**62, np.int64),
        np.full((3, 2, 2, 2), 2**64 - 1, np.uint64),
        np.full((3, 2, 2, 2), 60000, np.float16),
        np.full((3, 2, 2, 2), 2**-24, np.float16),
        np.full((3, 2, 2, 2), -128, np.int8),
        np.full((3, 2, 2), 1e38 + 1e38j, np.complex64),
        np.full((3, 2, 2), 1e-45 + 1e-45j, np.complex64),
        np.full((3, 2, 2), 1.7e308 + 1.7e308j),
        np.full((3, 2, 2), 5e-324 + 5e-324j),
    ],
)
@pytest.mark.parametrize("normalise", ["mean", "per_draw"])
def test_the_ends_of_every_type(array: np.ndarray, normalise: str, tmp_path: Path) -> None:
    np.save(tmp_path / "h.npy", array)
    axes = "nrt" if array.ndim == 3 else "nrtc"
    model = Recorded(path=str(tmp_path / "h.npy"), normalise=normalise, axes=axes)
    h = model.draw(5, 2, 2, CounterGenerator(1))
    torch.testing.assert_close(h.abs(), torch.ones(5, 2, 2))


@pytest.mark.parametrize("kind", ["f16", "c32"])
def test_long_doubles_beyond_double_are_refused(kind: str, tmp_path: Path) -> None:
    try:
        array = np.full((5, 2, 2), 1, np.dtype(kind)) * np.longdouble("1e4000")
    except TypeError:
        pytest.skip("this machine has no longer doubles")
    stored = np.stack([array, array], -1) if kind == "f16" else array
    np.save(tmp_path / "h.npy", stored)
    with pytest.raises(InvalidInputError, match="5 of 5 channels not finite, the first is 0"):
        Recorded(path=str(tmp_path / "h.npy"), axes="nrtc"[: stored.ndim]).draw(
            1, 2, 2, CounterGenerator(1)
        )


def test_zero_channels_are_counted_and_dropped_when_asked(tmp_path: Path) -> None:
    h = np.load(save(tmp_path / "h.npy", 30))
    h[[2, 3, 29]] = 0
    np.save(tmp_path / "h.npy", h)
    model = Recorded(path=str(tmp_path / "h.npy"), drop_zero=True)
    assert (model.num_samples, model.num_dropped) == (27, 3)
    drawn = model.draw(5000, NR, NT, CounterGenerator(1))
    assert float(drawn.abs().amax((1, 2)).min()) > 0
    # Power is that of the channels that are left.
    kept = np.delete(h, [2, 3, 29], axis=0)
    rms = np.sqrt(np.mean(np.abs(kept) ** 2))
    assert float(drawn.abs().max()) == pytest.approx(np.abs(kept).max() / rms, rel=1e-5)
    np.save(tmp_path / "h.npy", np.zeros((30, NR, NT), complex))
    with pytest.raises(InvalidInputError, match="<30 channels, all zero>"):
        Recorded(path=str(tmp_path / "h.npy"), drop_zero=True).draw(1, NR, NT, CounterGenerator(1))


def test_a_range_of_samples(tmp_path: Path) -> None:
    """Trained on one part of a file, compared on the other."""
    path = save(tmp_path / "h.npy", 30)
    first, last = (
        Recorded(path=str(path), sample_range=part, normalise="per_draw").draw(
            3000, NR, NT, CounterGenerator(1)
        )
        for part in ((0, 20), (20, 30))
    )
    values = [set(h[:, 0, 0].real.tolist()) for h in (first, last)]
    assert [len(found) for found in values] == [20, 10]
    assert not values[0] & values[1]
    for bad in ([20, 31], [5, 5], [6, 2]):
        with pytest.raises(InvalidInputError, match=r"sample_range: got \(.*part of 0 ... 30 in "):
            Scenario(**LINK, channel={"model": "recorded", "path": str(path), "sample_range": bad})


def test_the_key_changes_with_whatever_changes_the_channels(tmp_path: Path) -> None:
    path = save(tmp_path / "h.npy", 6, 4)
    square = tmp_path / "square.npy"
    np.save(square, np.random.default_rng(1).normal(size=(6, 4, 8, 8)) + 0j)
    keys = set()
    options: list[dict[str, Any]] = [
        {},
        {"frequency_index": 0},
        {"frequency_index": 1},
        {"normalise": "per_draw"},
        {"drop_zero": True},
        {"sample_range": [0, 5]},
        {"entry_variance": "1/Nr"},
        {"axes": "nsrt"},
        {"axes": "nsrt", "time_index": 0},
        {"axes": "fnrt"},
    ]
    for fields in options:
        channel = {"model": "recorded", "path": str(path), "axes": "nfrt", **fields}
        keys.add(Scenario(**LINK, channel=channel).key())
    link = {**LINK, "num_rx_ant": 8}
    for axes in ("nfrt", "nftr"):
        channel = {"model": "recorded", "path": str(square), "axes": axes}
        keys.add(Scenario(**link, channel=channel).key())
    assert len(keys) == len(options) + 2
    # How much memory may be used does not count.
    channel = {"model": "recorded", "path": str(path), "axes": "nfrt", "max_gb": 2.5}
    assert Scenario(**LINK, channel=channel).key() in keys


def test_axes_given_and_found_are_one_scenario(tmp_path: Path) -> None:
    path = save(tmp_path / "h.npy", 30)
    assert Recorded(path=str(path)) == Recorded(path=str(path), axes="nrt")
    told = Recorded(path=str(path))
    assert Recorded(**told.model_dump()) == told


def test_a_change_that_keeps_time_and_size_is_noticed(tmp_path: Path) -> None:
    path = save(tmp_path / "h.npy", 30)
    before = path.stat()
    model = Recorded(path=str(path))
    model.draw(1, NR, NT, CounterGenerator(1))
    save(tmp_path / "other.npy", 30, scale=2.0)
    path.write_bytes((tmp_path / "other.npy").read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(InvalidInputError, match="it has changed"):
        model.draw(1, NR, NT, CounterGenerator(1))


def test_relative_paths_count_from_the_file_that_says_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "h.npy", 20)
    channel = {"model": "recorded", "path": "h.npy"}
    text = (
        'kind = "beamforming"\n[array]\nnum_tx_ant = 8\nnum_rx_ant = 2\nnum_users = 2\n'
        "num_streams = 1\nnum_tx_chains = 2\nnum_rx_chains = 1\n"
        '[channel]\nmodel = "recorded"\npath = "h.npy"\n'
    )
    (tmp_path / "beams.toml").write_text(text)
    for scenario in (
        BeamScenario.from_toml(tmp_path / "beams.toml"),
        load_beam_comparison(tmp_path / "beams.toml")[0],
    ):
        assert isinstance(scenario.channel, Recorded)
        assert scenario.channel.path == str(tmp_path / channel["path"])
    (tmp_path / "recipe.toml").write_text(
        'name = "mine"\nnetwork = "lcgnet-s"\n[[stage]]\nsteps = 10\n[scenario]\n'
        'num_tx_ant = 8\nnum_rx_ant = 2\nconstellation = "qpsk"\n'
        '[scenario.channel]\nmodel = "recorded"\npath = "h.npy"\n'
    )
    recipe = read_recipe(str(tmp_path / "recipe.toml"))
    assert isinstance(recipe.scenario.channel, Recorded)
    assert recipe.scenario.channel.path == str(tmp_path / "h.npy")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Recorded(path="~/h.npy").path == str(tmp_path / "h.npy")
