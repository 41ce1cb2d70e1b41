"""Channels from files: every format, the key that follows the content, and bad files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from scipy import io

from mimolearn import InvalidInputError, Scenario
from mimolearn.link.channels import Recorded

N, NR, NT = 30, 4, 3
LINK = {"num_tx_ant": NT, "num_rx_ant": NR, "constellation": "qpsk"}


def channels() -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.normal(size=(N, NR, NT)) + 1j * rng.normal(size=(N, NR, NT))


def as_record(h: np.ndarray, fields: tuple[str, str]) -> np.ndarray:
    record = np.zeros(h.shape, dtype=[(name, "<f8") for name in fields])
    record[fields[0]], record[fields[1]] = h.real, h.imag
    return record


def as_pairs(h: np.ndarray) -> np.ndarray:
    return np.stack([h.real, h.imag], -1)


def save(path: Path, array: np.ndarray) -> None:
    """np.save that keeps a name without suffix."""
    with path.open("wb") as file:
        np.save(file, array)


def save_several(path: Path, **arrays: np.ndarray) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def write_npz(path: Path, h: np.ndarray) -> None:
    save_several(path, h=h, snr_db=np.arange(5.0), seed=np.array(3))


def write_hdf5(path: Path, h: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file["link/h"] = h
        file["link/time_s"] = np.arange(N)


def write_matlab_73(path: Path, h: np.ndarray) -> None:
    """As MATLAB does: a user block, axes reversed, complex numbers as records."""
    with h5py.File(path, "w", userblock_size=512) as file:
        dataset = file.create_dataset("H", data=as_record(h, ("real", "imag")).transpose())
        dataset.attrs["MATLAB_class"] = np.bytes_("double")


FORMATS: dict[str, Callable[[Path, np.ndarray], None]] = {
    "complex.npy": lambda path, h: np.save(path, h),
    "big-endian.npy": lambda path, h: np.save(path, h.astype(">c16")),
    "by-columns.npy": lambda path, h: np.save(path, np.asfortranarray(h)),
    "record.npy": lambda path, h: np.save(path, as_record(h, ("r", "i"))),
    "pairs.npy": lambda path, h: np.save(path, as_pairs(h)),
    "several.npz": write_npz,
    "groups.h5": write_hdf5,
    "v5.mat": lambda path, h: io.savemat(path, {"H": h, "f": 3.5e9}),
    "v5-pairs.mat": lambda path, h: io.savemat(path, {"H": as_pairs(h)}, do_compression=True),
    "v73.mat": write_matlab_73,
    "no-suffix": lambda path, h: save(path, h),
}


def drawn(path: Path, **fields) -> torch.Tensor:
    stream = torch.Generator().manual_seed(1)
    return Recorded(path=str(path), **fields).draw(50, NR, NT, stream, torch.complex128)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_channels(name: str, tmp_path: Path) -> None:
    h = channels()
    path = tmp_path / name
    FORMATS[name](path, h)
    index = torch.randint(N, (50,), generator=torch.Generator().manual_seed(1))
    expected = torch.from_numpy(h)[index] / np.sqrt(np.mean(np.abs(h) ** 2))
    torch.testing.assert_close(drawn(path), expected)


def test_half_and_single_precision_and_integers(tmp_path: Path) -> None:
    h = channels()
    np.save(tmp_path / "c8.npy", h.astype(np.complex64))
    torch.testing.assert_close(
        drawn(tmp_path / "c8.npy"), drawn_reference(h, tmp_path), rtol=1e-6, atol=1e-6
    )
    np.save(tmp_path / "f2.npy", as_pairs(h).astype(np.float16))
    torch.testing.assert_close(
        drawn(tmp_path / "f2.npy"), drawn_reference(h, tmp_path), rtol=2e-3, atol=2e-3
    )
    np.save(tmp_path / "i2.npy", np.round(1000 * as_pairs(h)).astype(np.int16))
    torch.testing.assert_close(
        drawn(tmp_path / "i2.npy"), drawn_reference(h, tmp_path), rtol=2e-3, atol=2e-3
    )


def drawn_reference(h: np.ndarray, tmp_path: Path) -> torch.Tensor:
    np.save(tmp_path / "reference.npy", h)
    return drawn(tmp_path / "reference.npy")


def test_power_over_the_file_or_per_draw(tmp_path: Path) -> None:
    h = channels() * np.linspace(1, 5, N)[:, None, None]
    path = tmp_path / "h.npy"
    np.save(path, h)
    mean = drawn(path, entry_variance="1/Nr").abs().square().mean((1, 2))
    assert float(mean.max() / mean.min()) > 5
    per_draw = drawn(path, normalise="per_draw", entry_variance="1/Nr").abs().square().mean((1, 2))
    torch.testing.assert_close(per_draw, torch.full((50,), 1 / NR, dtype=torch.float64))


def test_the_key_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    here, there = tmp_path / "here.npy", tmp_path / "there.npy"
    np.save(here, channels())
    there.write_bytes(here.read_bytes())
    one = Scenario(**LINK, channel={"model": "recorded", "path": str(here)})
    other = Scenario(**LINK, channel={"model": "recorded", "path": str(there)})
    assert one.key() == other.key()
    np.save(there, 2 * channels())
    changed = Scenario(**LINK, channel={"model": "recorded", "path": str(there)})
    assert changed.key() != one.key()
    per_draw = {"model": "recorded", "path": str(here), "normalise": "per_draw"}
    assert Scenario(**LINK, channel=per_draw).key() != one.key()


def test_a_named_and_a_found_variable_are_one_scenario(tmp_path: Path) -> None:
    path = tmp_path / "several.npz"
    write_npz(path, channels())
    assert Recorded(path=str(path)) == Recorded(path=str(path), variable="h")


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "h.npy"
    np.save(path, channels())
    model = Recorded(path=str(path))
    stream = torch.Generator().manual_seed(1)
    model.draw(1, NR, NT, stream)
    np.save(path, 2 * channels())
    os.utime(path, ns=(1, 1))
    with pytest.raises(InvalidInputError, match="it has changed"):
        model.draw(1, NR, NT, stream)
    with pytest.raises(InvalidInputError, match=r"^sha256: got '0000"):
        Recorded(path=str(path), sha256="0" * 64)


def test_a_path_in_a_file_counts_from_the_folder_of_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "h.npy", channels())
    (tmp_path / "one.toml").write_text(
        'num_tx_ant = 3\nnum_rx_ant = 4\nconstellation = "qpsk"\n'
        '[channel]\nmodel = "recorded"\npath = "h.npy"\n'
    )
    scenario = Scenario.from_toml(tmp_path / "one.toml")
    assert isinstance(scenario.channel, Recorded)
    assert scenario.channel.path == str(tmp_path / "h.npy")


def test_other_antenna_numbers_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "h.npy", channels())
    channel = {"model": "recorded", "path": str(tmp_path / "h.npy")}
    message = r"^num_rx_ant, num_tx_ant: got \(3, 4\), expected \(4, 3\), as the channels of "
    with pytest.raises(InvalidInputError, match=message):
        Scenario(num_tx_ant=4, num_rx_ant=3, constellation="qpsk", channel=channel)


def two_arrays(path: Path) -> None:
    save_several(path, first=channels(), second=channels())


def text(path: Path) -> None:
    path.write_text("1 2 3\n")


def object_array(path: Path) -> None:
    save(path, np.array([{"a": 1}, None], dtype=object))


def object_archive(path: Path) -> None:
    save_several(path, h=np.array([{"a": 1}], dtype=object))


def truncated(path: Path) -> None:
    save(path, channels())
    path.write_bytes(path.read_bytes()[:300])


def truncated_hdf5(path: Path) -> None:
    write_hdf5(path, channels())
    path.write_bytes(path.read_bytes()[:600])


def truncated_matlab(path: Path) -> None:
    io.savemat(str(path), {"H": channels()}, appendmat=False)
    path.write_bytes(path.read_bytes()[:600])


BAD_FILES: dict[str, tuple[Callable[[Path], object], dict, str]] = {
    "missing": (lambda path: None, {}, "path: .*expected a readable file"),
    "folder": (lambda path: path.mkdir(), {}, "path: .*expected a file, not a directory"),
    "empty": (lambda path: path.touch(), {}, "path: .*expected a NumPy, HDF5 or MATLAB file"),
    "text": (text, {}, "path: .*expected a NumPy, HDF5 or MATLAB file"),
    "objects": (object_array, {}, "path: .*cannot be read: .*Python objects"),
    "object-archive": (object_archive, {}, r"variable: .* has none: h \(1,\) \(Python objects, "),
    "truncated": (truncated, {}, "path: .*cannot be read"),
    "truncated-hdf5": (truncated_hdf5, {}, "path: .*cannot be read"),
    "truncated-mat": (
        truncated_matlab,
        {},
        "path: .*cannot be read",
    ),
    "vector": (
        lambda path: save(path, channels()[0, 0]),
        {},
        r"path: got <array of shape \(3,\), complex128>, expected a complex array \(N, Nr, Nt\)",
    ),
    "real": (lambda path: save(path, channels().real), {}, "path: .*float64"),
    "none": (
        lambda path: save(path, channels()[:0]),
        {},
        r"path: got <array of shape \(0, 4, 3\)",
    ),
    "two": (
        two_arrays,
        {},
        r"variable: got '', .*has more than one: first \(30, 4, 3\) complex128, "
        r"second \(30, 4, 3\) complex128; variable = 'first' or 'second' reads one",
    ),
    "misspelt": (
        two_arrays,
        {"variable": "frist"},
        r"variable: got 'frist'.* first \(30, 4, 3\) complex128, .*mean 'first'",
    ),
    "named-npy": (
        lambda path: save(path, channels()),
        {"variable": "h"},
        "variable: got 'h', expected no name",
    ),
    "no-array": (
        lambda path: save_several(path, snr=np.arange(3)),
        {},
        r"variable: got '', .*has none: snr \(3,\) int64",
    ),
    "mat-without": (
        lambda path: io.savemat(str(path), {"snr": np.arange(3)}, appendmat=False),
        {},
        r"variable: got '', .*has none: snr \(1, 3\) int64",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_one_line(name: str, tmp_path: Path) -> None:
    write, fields, message = BAD_FILES[name]
    path = tmp_path / name
    write(path)
    with pytest.raises(InvalidInputError, match=f"^{message}") as caught:
        Recorded(path=str(path), **fields)
    assert "\n" not in str(caught.value)
    channel = {"model": "recorded", "path": str(path), **fields}
    with pytest.raises(InvalidInputError, match=f"^channel.{message}"):
        Scenario(**LINK, channel=channel)


# Bytes like these can crash the compiled reader of HDF5; MATLAB's have a test of their own.
@pytest.mark.parametrize("name", ["complex.npy", "several.npz"])
def test_damaged_files_raise_nothing_else(name: str, tmp_path: Path) -> None:
    """Bytes overwritten at random: the file reads, or one line says that it does not."""
    whole, damaged = tmp_path / name, tmp_path / f"damaged-{name}"
    FORMATS[name](whole, channels())
    content = whole.read_bytes()
    rng = np.random.default_rng(1)
    messages = []
    for _ in range(60):
        broken = bytearray(content)
        for position in rng.integers(0, min(len(content), 2500), size=8):
            broken[position] = rng.integers(256)
        damaged.write_bytes(broken)
        try:
            drawn(damaged)
        except InvalidInputError as error:
            messages.append(str(error))
    assert len(messages) > 5
    assert not [message for message in messages if "\n" in message]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.nan, "got <2 of 30 channels not finite, the first is 7>, expected finite channels in "),
        (np.inf, "got <2 of 30 channels not finite, the first is 7>, expected finite channels in "),
        (0, "got <2 of 30 channels all zero, the first is 7>, .* drop_zero = true leaves them out"),
    ],
)
def test_bad_channels_are_refused_with_their_count(
    bad: float, message: str, tmp_path: Path
) -> None:
    h = channels()
    h[[7, 12]] = bad
    np.save(tmp_path / "h.npy", h)
    for normalise in ("mean", "per_draw"):
        with pytest.raises(InvalidInputError, match=message):
            drawn(tmp_path / "h.npy", normalise=normalise)
    channel = {"model": "recorded", "path": str(tmp_path / "h.npy")}
    with pytest.raises(InvalidInputError, match=message):
        Scenario(**LINK, channel=channel)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": 3}, "path: got 3, expected a string"),
        ({"path": ""}, "path: got '', expected a file name"),
        ({"path": "a\0b"}, "path: got 'a\\x00b', expected a file name"),
        ({}, "path: missing, a value is required"),
    ],
)
def test_bad_paths(fields: dict, message: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Recorded(**fields)
    assert str(caught.value).startswith(message)
