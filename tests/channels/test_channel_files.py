"""Channel files as people write them: what loads, with which axes, and what is told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import io

from mimolearn.link.channels import Recorded

N, F, S, NR, NT = 30, 6, 5, 4, 3
Writer = Callable[[Path], object]


def numbers(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(sum(shape))
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


H = numbers(N, NR, NT)


def channels_of(model: Recorded) -> np.ndarray:
    """Every channel of the file as it is read, (samples, steps, Nr, Nt), without normalisation."""
    file = model._file()
    grid = np.indices((file.num_samples, file.num_steps)).reshape(2, -1)
    return file.rows(*grid).reshape(file.num_samples, file.num_steps, *file.size)


def record(h: np.ndarray, real: str, imag: str, kind: str = "<f8") -> np.ndarray:
    made = np.zeros(h.shape, dtype=[(real, kind), (imag, kind)])
    made[real], made[imag] = h.real, h.imag
    return made


def hdf5(path: Path, **arrays: object) -> None:
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name.replace("__", "/")] = value


def matlab73(path: Path, fill: Callable[[h5py.File], object]) -> None:
    """As MATLAB does: a header of 512 bytes before the HDF5 file."""
    with h5py.File(path, "w", userblock_size=512) as file:
        fill(file)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\0\2IM")


def put(file: h5py.File, name: str, h: np.ndarray) -> h5py.Dataset:
    """A MATLAB array: axes reversed, complex numbers as records."""
    made = file.create_dataset(name, data=record(h, "real", "imag").transpose())
    made.attrs["MATLAB_class"] = np.bytes_("double")
    return made


def put_cell(file: h5py.File, name: str, matrices: np.ndarray) -> None:
    places = [put(file, f"#refs#/{name}{i}", matrix).ref for i, matrix in enumerate(matrices)]
    made = file.create_dataset(name, data=np.array([places], dtype=h5py.ref_dtype))
    made.attrs["MATLAB_class"] = np.bytes_("cell")


def put_users(file: h5py.File) -> None:
    """A struct array: each field is a dataset of references."""
    group = file.create_group("users")
    group.attrs["MATLAB_class"] = np.bytes_("struct")
    put_cell(file, "users/H", H)
    names = [file.create_dataset(f"#refs#/n{i}", data=[[float(i)]]).ref for i in range(N)]
    file.create_dataset("users/number", data=np.array([names], dtype=h5py.ref_dtype))


def cell(matrices: np.ndarray) -> np.ndarray:
    made = np.empty((1, len(matrices)), dtype=object)
    for i, matrix in enumerate(matrices):
        made[0, i] = matrix
    return made


def struct_array(matrices: np.ndarray) -> np.ndarray:
    made = np.zeros((1, len(matrices)), dtype=[("H", object), ("number", object)])
    for i, matrix in enumerate(matrices):
        made[0, i] = (matrix, float(i))
    return made


def mat(path: Path, **arrays: object) -> None:
    io.savemat(path, arrays)


# What is written, how it is read, and the channels that have to come out.
KINDS: dict[str, tuple[Writer, dict, np.ndarray]] = {
    # An axis option.
    "rtn.npy": (lambda p: np.save(p, H.transpose(1, 2, 0)), {"axes": "rtn"}, H[:, None]),
    "trn.npy": (lambda p: np.save(p, H.transpose(2, 1, 0)), {"axes": "trn"}, H[:, None]),
    "cube.npy": (
        lambda p: np.save(p, numbers(4, 4, 4).transpose(1, 2, 0)),
        {"axes": "rtn"},
        numbers(4, 4, 4)[:, None],
    ),
    "parts-first.npy": (
        lambda p: np.save(p, np.stack([H.real, H.imag])),
        {"axes": "cnrt"},
        H[:, None],
    ),
    "parts-second.npy": (
        lambda p: np.save(p, np.stack([H.real, H.imag], 1)),
        {"axes": "ncrt"},
        H[:, None],
    ),
    "panel.npy": (
        lambda p: np.save(p, H.reshape(N, 2, 2, NT)),
        {"axes": "nrrt"},
        H[:, None],
    ),
    "one-receive-antenna.npy": (
        lambda p: np.save(p, H[:, 0]),
        {"axes": "nt"},
        H[:, None, :1],
    ),
    # Frequency and time.
    "nfrt.npy": (
        lambda p: np.save(p, numbers(N, F, NR, NT)),
        {"axes": "nfrt"},
        numbers(N, F, NR, NT),
    ),
    "one-frequency.npy": (
        lambda p: np.save(p, numbers(N, F, NR, NT)),
        {"axes": "nfrt", "frequency_index": 2},
        numbers(N, F, NR, NT)[:, 2:3],
    ),
    "nsfrt.npz": (
        lambda p: np.savez(p, csi=numbers(N, S, F, NR, NT)),
        {"axes": "nsfrt"},
        numbers(N, S, F, NR, NT).reshape(N, S * F, NR, NT),
    ),
    "one-time.npz": (
        lambda p: np.savez(p, csi=numbers(N, S, F, NR, NT)),
        {"axes": "nsfrt", "time_index": 4},
        numbers(N, S, F, NR, NT)[:, 4],
    ),
    "rtfn.mat": (
        lambda p: mat(p, H=numbers(N, F, NR, NT).transpose(2, 3, 1, 0)),
        {"axes": "rtfn"},
        numbers(N, F, NR, NT),
    ),
    # Pairs of real arrays.
    "pair.npz": (lambda p: np.savez(p, H_r=H.real, H_i=H.imag), {}, H[:, None]),
    "pair-words.npz": (lambda p: np.savez(p, real_H=H.real, imag_H=H.imag), {}, H[:, None]),
    "pair-capitals.mat": (lambda p: mat(p, H_RE=H.real, H_IM=H.imag), {}, H[:, None]),
    "pair-of-group.h5": (lambda p: hdf5(p, H__real=H.real, H__imag=H.imag), {}, H[:, None]),
    "pair-named-by-stem.h5": (
        lambda p: hdf5(p, Hr=H.real, Hi=H.imag, G_r=H.imag, G_i=H.real),
        {"variable": "H"},
        H[:, None],
    ),
    "pair-of-odd-names.h5": (
        lambda p: hdf5(p, cosine=H.real, sine=H.imag),
        {"variable": "cosine+j*sine"},
        H[:, None],
    ),
    # As MATLAB's hdf5write does, which leaves no mark: the axes are those of MATLAB in reverse.
    "pair-reversed.h5": (
        lambda p: hdf5(p, H_r=H.real.transpose(), H_i=H.imag.transpose()),
        {"axes": "trn"},
        H[:, None],
    ),
    "pair-of-halves.npz": (
        lambda p: np.savez(p, H_r=np.float16(H.real), H_i=np.float16(H.imag)),
        {},
        (np.float16(H.real) + 1j * np.float16(H.imag))[:, None],
    ),
    # Records, their fields in any case and order.
    "fields-Re-Im.h5": (lambda p: hdf5(p, H=record(H, "Re", "Im")), {}, H[:, None]),
    "fields-REAL-IMAG.npy": (lambda p: np.save(p, record(H, "REAL", "IMAG")), {}, H[:, None]),
    "fields-imaginary.h5": (lambda p: hdf5(p, H=record(H, "Real", "Imaginary")), {}, H[:, None]),
    "fields-i-r.npy": (
        lambda p: np.save(p, record(H.imag + 1j * H.real, "i", "r")),
        {},
        H[:, None],
    ),
    # MATLAB 7.3.
    "v73-complex.mat": (lambda p: matlab73(p, lambda f: put(f, "H", H)), {}, H[:, None]),
    "v73-cell.mat": (lambda p: matlab73(p, lambda f: put_cell(f, "H", H)), {}, H[:, None]),
    "v73-structs.mat": (lambda p: matlab73(p, put_users), {}, H[:, None]),
    "v73-struct-dotted.mat": (
        lambda p: matlab73(p, put_users),
        {"variable": "users.H"},
        H[:, None],
    ),
    "v73-no-class.mat": (
        lambda p: matlab73(p, lambda f: f.create_dataset("H", data=H.transpose())),
        {},
        H[:, None],
    ),
    # Cells and structs of MATLAB 5 files.
    "cell.mat": (lambda p: mat(p, H=cell(H)), {}, H[:, None]),
    "square-cell.mat": (lambda p: mat(p, H=cell(numbers(4, 4, 4))), {}, numbers(4, 4, 4)[:, None]),
    "struct.mat": (lambda p: mat(p, data={"H": H, "snr": 3.0}), {}, H[:, None]),
    "struct-named.mat": (
        lambda p: mat(p, data={"H": H, "G": 2 * H}),
        {"variable": "data.H"},
        H[:, None],
    ),
    "struct-array.mat": (lambda p: mat(p, users=struct_array(H)), {}, H[:, None]),
    "cell-of-structs.mat": (
        lambda p: mat(p, site={"user": cell(np.array([{"channel": h} for h in H], object))}),
        {},
        H[:, None],
    ),
    "cell-with-frequencies.mat": (
        lambda p: mat(p, H=cell(numbers(N, F, NR, NT))),
        {"axes": "nfrt"},
        numbers(N, F, NR, NT),
    ),
    # A single matrix, and several variables.
    "matrix.npy": (lambda p: np.save(p, H[0]), {}, H[None, :1]),
    "matrix.mat": (lambda p: mat(p, H=H[0], f=3.5e9), {}, H[None, :1]),
    "users.npz": (
        lambda p: np.savez(p, h1=H[:10], h2=H[10:14], h10=H[14:]),
        {"variable": ["h1", "h2", "h10"]},
        H[:, None],
    ),
    "users-by-pattern.h5": (
        lambda p: hdf5(p, users__10__h=H[14:], users__2__h=H[10:14], users__1__h=H[:10], h=H),
        {"variable": "users/*/h"},
        H[:, None],
    ),
    "matrices-by-pattern.npz": (
        lambda p: np.savez(p, **{f"h{i}": h for i, h in enumerate(H)}),
        {"variable": "h*"},
        H[:, None],
    ),
    # Integers, and what is not in the order of this machine.
    "integers.npy": (
        lambda p: np.save(p, np.stack([np.arange(N * 12)] * 2, -1).reshape(N, 4, 3, 2)),
        {},
        ((1 + 1j) * np.arange(N * 12)).reshape(N, 1, 4, 3),
    ),
    "big-endian.h5": (lambda p: hdf5(p, H=record(H, "r", "i", ">f8")), {}, H[:, None]),
}


@pytest.mark.parametrize("name", KINDS)
def test_files_of_every_kind_give_their_channels(name: str, tmp_path: Path) -> None:
    write, fields, expected = KINDS[name]
    path = tmp_path / name
    write(path)
    model = Recorded(path=str(path), **fields)
    np.testing.assert_array_equal(channels_of(model), expected)
    # Written out, with what the file told filled in, it is the same.
    again = Recorded(**model.model_dump(mode="json"))
    assert again == model
    assert again.axes
    np.testing.assert_array_equal(channels_of(again), expected)
