"""Files that are odd, point elsewhere or are damaged: read, or one line."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import io

from mimolearn import InvalidInputError
from mimolearn.link.channels import Recorded

from .files import H, N, Writer, refusal


def odd_hdf5(path: Path) -> None:
    """H beside one of everything that HDF5 can hold."""
    with h5py.File(path, "w") as file:
        file["H"] = H
        file["empty"] = h5py.Empty("f8")
        file["text"] = "hello"
        file["texts"] = np.array(["a", "b"], dtype=h5py.string_dtype())
        file.create_dataset("ragged", (3,), dtype=h5py.vlen_dtype("f8"))
        file["opaque"] = np.void(b"abc")
        file.create_dataset("choice", (3,), dtype=h5py.enum_dtype({"a": 1, "b": 2}))
        file["alias"] = h5py.SoftLink("/H")
        file["dangling"] = h5py.SoftLink("/nothing")
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/secret")
        file.create_group("group")["loop"] = file["/"]
        file["group/flags"] = np.zeros(3, bool)
        file["reference"] = file["H"].ref
        file["region"] = file["H"].regionref[0]
        references = [file[name].ref for name in ("group", "/", "H")]
        file.create_dataset("references", data=np.array(references, dtype=h5py.ref_dtype))
        file["type"] = np.dtype("f8")
        file["nothing"] = np.zeros((0, 3, 2), complex)


def odd_npz(path: Path) -> None:
    np.savez(path, H=H, objects=np.array([{"a": 1}, None], object), nothing=np.zeros((0, 3, 2)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "not an array")
        archive.writestr("torn.npy", b"\x93NUMPY\x01\x00")
        archive.writestr("future.npy", b"\x93NUMPY\x09\x00" + bytes(100))


def odd_mat(path: Path) -> None:
    """H beside what MATLAB has, a function among it, from the file of SciPy's own tests."""
    cells = np.array([["a", 1.0, np.zeros((0, 0))]], object)
    io.savemat(
        path, {"H": H, "c": cells, "s": {"x": "text"}, "e": np.zeros((0, 3)), "t": ["one", "three"]}
    )
    content = bytearray(path.read_bytes())
    # Class 16, a function handle, in place of a struct: no reader of ours knows what is in it.
    at = content.find(b"\x06\x00\x00\x00\x08\x00\x00\x00\x02")
    assert at > 0
    content[at + 8] = 17
    path.write_bytes(content)


@pytest.mark.parametrize("write", [odd_hdf5, odd_npz, odd_mat])
@pytest.mark.parametrize("variable", ["", "H"])
def test_odd_variables_beside_h_do_not_spoil_the_file(
    write: Writer, variable: str, tmp_path: Path
) -> None:
    path = tmp_path / "odd"
    path = path.with_suffix({odd_hdf5: ".h5", odd_npz: ".npz", odd_mat: ".mat"}[write])
    write(path)
    model = Recorded(path=str(path), variable=variable)
    assert model.variable == "H"
    rows = model._file().rows(np.arange(N), np.zeros(N, int))
    np.testing.assert_array_equal(rows, H)


@pytest.mark.parametrize(
    ("write", "variable", "told"),
    [
        (odd_hdf5, "empty", "<empty (empty)>"),
        (odd_hdf5, "nothing", "<nothing (0, 3, 2) complex128>"),
        (odd_hdf5, "ragged", "<ragged (3,) (no numbers)>"),
        (odd_hdf5, "alias", "<alias (a link, which is not followed)>"),
        (odd_hdf5, "elsewhere", "<elsewhere (a link, which is not followed)>"),
        (odd_hdf5, "dangling", "<dangling (a link, which is not followed)>"),
        (odd_hdf5, "absent", "which has H (30, 4, 3) complex128, nothing (0, 3, 2) complex128, "),
        (odd_npz, "objects", "<objects (2,) (Python objects, which are never unpickled)>"),
        (odd_npz, "torn", "<torn (cannot be read: "),
        (odd_mat, "absent", "which has H (30, 4, 3) "),
    ],
)
def test_odd_variables_by_name(write: Writer, variable: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / f"odd.{write.__name__.removeprefix('odd_')}"
    write(path)
    assert told in refusal(path, variable=variable)


def test_a_damaged_variable_does_not_spoil_the_others(tmp_path: Path) -> None:
    io.savemat(tmp_path / "h.mat", {"a": H[0], "H": H}, do_compression=True)
    content = bytearray((tmp_path / "h.mat").read_bytes())
    content[128 + 8 + 60] ^= 0xFF
    (tmp_path / "h.mat").write_bytes(content)
    assert Recorded(path=str(tmp_path / "h.mat")).variable == "H"


def virtual(path: Path) -> None:
    other = path.with_name("other.h5")
    with h5py.File(other, "w") as file:
        file["secret"] = H
    layout = h5py.VirtualLayout(H.shape, H.dtype)
    layout[...] = h5py.VirtualSource(str(other), "secret", H.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("H", layout)


def external(path: Path) -> None:
    other = path.with_name("other.bin")
    other.write_bytes(H.tobytes())
    with h5py.File(path, "w") as file:
        segments = [(str(other), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("H", H.shape, H.dtype, external=segments)


def linked(path: Path) -> None:
    other = path.with_name("other.h5")
    with h5py.File(other, "w") as file:
        file["secret"] = H
    with h5py.File(path, "w") as file:
        file["out"] = h5py.ExternalLink(str(other), "/")
        file["H"] = h5py.SoftLink("/out/secret")


@pytest.mark.parametrize("write", [virtual, external, linked])
@pytest.mark.parametrize("variable", ["", "H", "out/secret"])
def test_no_other_file_is_read(write: Writer, variable: str, tmp_path: Path) -> None:
    path = tmp_path / "pointing.h5"
    write(path)
    line = refusal(path, variable=variable)
    assert "not followed" in line
    for other in tmp_path.glob("other*"):
        assert str(other) not in line


def test_a_virtual_dataset_beside_h_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "both.h5"
    virtual(path)
    with h5py.File(path, "a") as file:
        file["G"] = H
    assert Recorded(path=str(path)).variable == "G"


@pytest.mark.soak
@pytest.mark.parametrize("is_packed", [False, True])
def test_damaged_matlab_files_are_read_or_refused(
    is_packed: bool, tmp_path: Path, trials: Callable[[str, int, int], int]
) -> None:
    """Not so for HDF5, whose compiled reader does not survive every damage."""
    few = H[:6]
    cells = np.empty((1, 6), object)
    cells[0, :] = list(few)
    content = {"H": few, "c": cells, "s": {"x": few, "y": "text"}}
    whole, damaged = tmp_path / "whole.mat", tmp_path / "damaged.mat"
    io.savemat(whole, content, do_compression=is_packed)
    random, lines = np.random.default_rng(1), []
    count = trials("damaged MATLAB files, read or refused in one line", 100, 5000)
    for _ in range(count):
        broken = bytearray(whole.read_bytes())
        for position in random.integers(0, len(broken), size=random.integers(1, 9)):
            broken[position] = random.integers(256)
        damaged.write_bytes(broken)
        try:
            Recorded(path=str(damaged))
        except InvalidInputError as error:
            lines.append(str(error))
    assert lines
    assert not [line for line in lines if not line.isprintable() or len(line) >= 1000]
