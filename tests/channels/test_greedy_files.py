"""Files that claim more memory than they have bytes: refused before anything is read."""

from __future__ import annotations

import io as bytes_io
import struct
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import io

from mimolearn import InvalidInputError
from mimolearn.link.channels import Recorded

from .files import H, Writer, refusal


def written(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def header(*shape: int) -> bytes:
    file = bytes_io.BytesIO()
    array = {"descr": "<c16", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, array)
    return file.getvalue()


def hdf5_claim(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("H", (10**9, 64, 64), complex, chunks=(1, 64, 64))


def hdf5_chunk(path: Path) -> None:
    shape = (None, None, None)
    with h5py.File(path, "w") as file:
        file.create_dataset("H", (30, 4, 3), complex, chunks=(30_000, 64, 64), maxshape=shape)


def pair_claim(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name in ("H_r", "H_i"):
            file.create_dataset(name, (10**8, 4, 4), "i1", chunks=(1, 4, 4))


def matlab_numbers(path: Path) -> None:
    """An array of a few bytes that says that it has many."""
    io.savemat(path, {"H": np.ones((1, 7), complex)})
    claim(path, (1, 7), (10**5, 10**4))


def matlab_struct(path: Path) -> None:
    """A struct whose compressed content is small, and unpacks to zeros without end."""
    io.savemat(path, {"data": {"H": H}})
    content = path.read_bytes()
    packer = zlib.compressobj(1)
    packed = packer.compress(content[128:])
    packed += b"".join(packer.compress(bytes(10**6)) for _ in range(280)) + packer.flush()
    path.write_bytes(content[:128] + struct.pack("<II", 15, len(packed)) + packed)


def claim(path: Path, shape: tuple[int, int], claimed: tuple[int, int]) -> None:
    content = bytearray(path.read_bytes())
    at = content.find(struct.pack("<ii", *shape), 128)
    content[at : at + 8] = struct.pack("<ii", *claimed)
    path.write_bytes(content)


def matlab_cells(path: Path) -> None:
    io.savemat(path, {"H": np.zeros((1, 1), object)})
    claim(path, (1, 1), (2**15, 2**15))


GREEDY: dict[str, Writer] = {
    "npz-claim.npz": lambda p: written(p, H=header(10**9, 4, 4) + bytes(1000)),
    "npz-zeros.npz": lambda p: written(p, H=header(20 * 10**6, 4, 4) + bytes(10**7)),
    "hdf5-claim.h5": hdf5_claim,
    "hdf5-chunk.h5": hdf5_chunk,
    "pair-claim.h5": pair_claim,
    "numbers.mat": matlab_numbers,
}


@pytest.mark.parametrize("name", GREEDY)
def test_memory_is_bounded_before_anything_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    GREEDY[name](path)
    line = refusal(path)
    assert " GB>, expected at most 0.2" in line
    assert f"of {path.stat().st_size} bytes; max_gb raises this limit" in line


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (matlab_struct, "data (1, 1) (it takes more than 0.268 GB; max_gb raises this limit)"),
        (matlab_cells, "H (32768, 32768) (cannot be read: it claims 1073741824 cells, and has not"),
    ],
)
def test_greedy_cells_and_structs_are_listed_and_left(
    write: Writer, told: str, tmp_path: Path
) -> None:
    write(tmp_path / "greedy.mat")
    assert told in refusal(tmp_path / "greedy.mat")


def test_the_limit_can_be_raised_and_lowered(tmp_path: Path) -> None:
    path = tmp_path / "h.npz"
    np.savez(path, h=np.tile(H, (100, 1, 1)))
    message = r"got <h \(3000, 4, 3\) complex128 of 0.000576 GB>, expected at most 0.0005 GB "
    with pytest.raises(InvalidInputError, match=message):
        Recorded(path=str(path), max_gb=0.0005)
    assert Recorded(path=str(path), max_gb=0.0006).num_samples == 3000
    with pytest.raises(InvalidInputError, match="max_gb: got 0"):
        Recorded(path=str(path), max_gb=0)


def test_a_header_of_a_header_is_not_read_to_its_end(tmp_path: Path) -> None:
    start = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1)
    written(tmp_path / "long.npz", H=start + bytes(10**6))
    assert "H (cannot be read: " in refusal(tmp_path / "long.npz")
