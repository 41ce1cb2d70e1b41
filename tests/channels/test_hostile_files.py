"""Files that are odd, point elsewhere, claim too much or are damaged: read, or one line."""

from __future__ import annotations

import io as bytes_io
import struct
import zipfile
import zlib
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
rng = np.random.default_rng(5)
H = rng.normal(size=(N, NR, NT)) + 1j * rng.normal(size=(N, NR, NT))
CSI = np.repeat(H[:, None], 6, axis=1)
Writer = Callable[[Path], object]


def refusal(path: Path, **fields: object) -> str:
    """The line that refuses a file, checked for what every such line must be."""
    with pytest.raises(InvalidInputError) as caught:
        Recorded(path=str(path), **fields)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 1000
    assert path.name in line or str(path)[:40] in line
    return line


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


NO_CHANNELS: dict[str, tuple[Writer, str]] = {
    "model.pt": (
        lambda p: torch.save({"h": torch.ones(3, 2, 2)}, p),
        "torch.load(path, weights_on",
    ),
    "old.pt": (
        lambda p: torch.save(torch.ones(3), p, _use_new_zipfile_serialization=False),
        "this is a pickle: it is not unpickled; write it anew with numpy.save(",
    ),
    "docs.zip": (
        lambda p: zipfile.ZipFile(p, "w").writestr("a/b.txt", "x"),
        "expected arrays (.npy) in this zip archive; it holds a/b.txt",
    ),
    "none.zip": (lambda p: zipfile.ZipFile(p, "w").close(), "it holds nothing"),
    "cut.zip": (lambda p: p.write_bytes(b"PK\x03\x04" + bytes(50)), "cannot be read: "),
    "h.npy.gz": (lambda p: p.write_bytes(b"\x1f\x8b" + bytes(50)), "decompress it first"),
    "cube.npy": (
        lambda p: np.save(p, np.ones((28, 28, 28), complex)),
        "axes: got '', expected 'nrt' or 'rtn' or ",
    ),
    "pairs.npy": (lambda p: np.save(p, np.ones((9, 2, 2, 2))), "expected 'nrtc' or 'ncrt', as "),
    "square-first.npz": (
        lambda p: np.savez(p, H=np.ones((4, 4, 3), complex)),
        "as the sizes of <H (4, 4, 3) complex128> in ",
    ),
    "frequencies.npy": (
        lambda p: np.save(p, CSI),
        "got <array of shape (30, 6, 4, 3), complex128>, expected a complex array (N, Nr, Nt), ",
    ),
    "frequencies.npz": (
        lambda p: np.savez(p, csi=CSI, f=np.arange(6.0)),
        "has none: csi (30, 6, 4, 3) complex128, f (6,) float64; axes = 'nfrt' reads csi, if ",
    ),
    "real.npz": (
        lambda p: np.savez(p, H=H.real),
        "has none: H (30, 4, 3) float64; a real array has no phase: pairs 'H_r' and 'H_i', ",
    ),
    "matrices.npz": (
        lambda p: np.savez(p, a=H[0], b=H[1]),
        "more than one: a (4, 3) complex128, b (4, 3) complex128; variable = 'a' or 'b' reads",
    ),
    "names.npz": (
        lambda p: np.savez(p, **{"a\n\x1b[31m": H[0, 0]}),
        r"none: a\n\x1b[31m (3,) comp",
    ),
    "ragged.mat": (
        lambda p: io.savemat(p, {"H": np.array([[H[0], H[0, :2]]], object)}),
        "more than one: H[0] (4, 3) complex128, H[1] (2, 3) complex128; ",
    ),
}


@pytest.mark.parametrize("name", NO_CHANNELS)
def test_refusals_show_names_with_shapes_and_what_would_read(name: str, tmp_path: Path) -> None:
    write, told = NO_CHANNELS[name]
    write(tmp_path / name)
    assert told in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"variable": "H_r"}, "<H_r (30, 4, 3) float64 (part of H)>, expected a complex "),
        ({"variable": "H_r"}, "; variable = 'H' reads it"),
        (
            {"variable": "H", "axes": "nfrt"},
            "got <H (30, 4, 3) complex128 (H_r and H_i)>, expected ",
        ),
        ({"variable": "H", "axes": "nfrt"}, "an array with axes 'nfrt' in "),
        ({"axes": "nfrt"}, "axes = 'nrt' reads H, if that is their order"),
        ({"axes": "xyz"}, "axes: got 'xyz', expected one letter an axis"),
        ({"axes": "nff"}, "f, s and c at most once"),
        (
            {"variable": "H", "frequency_index": 2},
            "expected nothing: axes 'nrt' has no 'f', of <H (30, 4, 3) ",
        ),
        ({"frequency_index": -1}, "frequency_index: got -1, expected a value at least 0"),
        ({"variable": ["H", "G"]}, "expected arrays of one size but for samples"),
        ({"variable": ["H", "I"]}, "variable: got 'I', expected a name in "),
        ({"variable": "H_r+j*G"}, "expected two real arrays of one shape in "),
        ({"variable": "x*"}, "variable: got 'x*', expected a name in "),
    ],
)
def test_options_that_do_not_fit_are_told(fields: dict, told: str, tmp_path: Path) -> None:
    path = tmp_path / "h.npz"
    np.savez(path, H_r=H.real, H_i=H.imag, G=H[:, :2])
    with pytest.raises(InvalidInputError) as caught:
        Recorded(path=str(path), **fields)
    assert told in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("order", "axes"),
    [((1, 2, 0), "rtn"), ((2, 1, 0), "trn"), ((0, 2, 1), "ntr"), ((2, 0, 1), "tnr")],
)
def test_axes_that_would_fit_the_antennas_are_named(
    order: tuple[int, ...], axes: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "h.npy", H.transpose(order))
    channel = {"model": "recorded", "path": str(tmp_path / "h.npy")}
    link = {"num_rx_ant": NR, "num_tx_ant": NT, "constellation": "qpsk"}
    with pytest.raises(
        InvalidInputError, match=rf"; axes = '{axes}' would give \(4, 3\)$"
    ) as caught:
        Scenario(**link, channel=channel)
    assert str(H.transpose(order).shape) in str(caught.value)
    Scenario(**link, channel={**channel, "axes": axes})


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
