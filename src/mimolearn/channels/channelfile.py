"""Reading arrays of channels from NumPy, HDF5 and MATLAB files; nothing is ever unpickled."""

from __future__ import annotations

import functools
import hashlib
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mimolearn.errors import InvalidInputError, check_one_of, invalid

SHAPE = "a complex array (N, Nr, Nt), or a real one (N, Nr, Nt, 2)"
_RECORD_FIELDS = (("real", "imag"), ("r", "i"), ("re", "im"))
# What NumPy, h5py and SciPy raise on files that are damaged or hold something else.
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    RuntimeError,
    EOFError,
    OverflowError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class FileStamp(NamedTuple):
    """What tells cheaply that a file was replaced.

    changed_ns: when content or name changed, which no program sets back as it can modified_ns.
    """

    modified_ns: int
    num_bytes: int
    changed_ns: int
    file_number: int


@dataclass(frozen=True, eq=False)
class ChannelFile:
    """An array of channels in the form that the file has; ``rows`` makes complex numbers of it."""

    path: str
    variable: str
    array: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N, Nr, Nt)."""
        num_channels, num_rx_ant, num_tx_ant = self.array.shape[:3]
        return num_channels, num_rx_ant, num_tx_ant

    def rows(self, index: Any) -> np.ndarray:
        """The channels at ``index``, (n, Nr, Nt) complex, in memory."""
        rows = np.array(self.array[index])
        if rows.dtype.names is not None:
            real, imag = rows.dtype.names
            rows = rows[real] + 1j * rows[imag]
        elif not np.iscomplexobj(rows):
            rows = rows[..., 0] + 1j * rows[..., 1]
        return rows.astype(np.complex64 if rows.dtype.itemsize <= 8 else np.complex128)


def file_stamp(path: str) -> FileStamp:
    """Raise InvalidInputError when there is no such file."""
    if not path:
        raise invalid("path", path, "a file name")
    try:
        status = Path(path).stat()
    except OSError as error:
        raise invalid("path", path, f"a readable file ({error.strerror})") from None
    except ValueError:
        raise invalid("path", path, "a file name") from None
    if not Path(path).is_file():
        raise invalid("path", path, "a file, not a directory")
    return FileStamp(status.st_mtime_ns, status.st_size, status.st_ctime_ns, status.st_ino)


@functools.lru_cache(maxsize=32)
def sha256_of(path: str, stamp: FileStamp) -> str:
    """Digest of a file's content, read again only when its stamp changes."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise invalid("path", path, f"a readable file ({error.strerror})") from None


@functools.lru_cache(maxsize=8)
def open_channel_file(path: str, variable: str, stamp: FileStamp) -> ChannelFile:
    """The array ``variable`` of a file, or the only one that fits when it is empty."""
    try:
        variable, array = _read(path, variable)
    except _UNREADABLE as error:
        if isinstance(error, InvalidInputError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise invalid("path", path, f"a file of channels; it cannot be read: {reason}") from None
    if not _fits(array.shape, array.dtype):
        found = f"<{variable or 'array'} of shape {array.shape}, {array.dtype}>"
        raise invalid("path", found, f"{SHAPE} in {path}")
    return ChannelFile(path, variable, array)


def _read(path: str, variable: str) -> tuple[str, np.ndarray]:
    """The kind of file is told from its content, as suffixes lie."""
    import h5py

    with Path(path).open("rb") as file:
        start = file.read(6)
    if start == b"\x93NUMPY":
        if variable:
            raise invalid("variable", variable, "no name: an .npy file holds one array")
        return "", np.load(path, mmap_mode="r", allow_pickle=False)
    if zipfile.is_zipfile(path):
        return _read_npz(path, variable)
    if h5py.is_hdf5(path):
        return _read_hdf5(path, variable)
    if start == b"MATLAB" or Path(path).suffix == ".mat":
        return _read_matlab(path, variable)
    raise invalid("path", path, "a NumPy, HDF5 or MATLAB file")


def _read_npz(path: str, variable: str) -> tuple[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        if not variable:
            fitting = [name for name in archive.files if _fits_array(archive[name])]
            variable = _only(fitting, archive.files, path)
        check_one_of("variable", variable, archive.files)
        return variable, archive[variable]


def _read_hdf5(path: str, variable: str) -> tuple[str, np.ndarray]:
    import h5py

    datasets: dict[str, h5py.Dataset] = {}

    def collect(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            datasets[name] = item

    with h5py.File(path, "r") as file:
        file.visititems(collect)
        if not variable:
            fitting = [name for name, item in datasets.items() if _fits(_shape(item), item.dtype)]
            variable = _only(fitting, datasets, path)
        dataset = datasets[check_one_of("variable", variable, datasets)]
        array = np.asarray(dataset)
        return variable, array.transpose() if _is_by_columns(dataset) else array


def _is_by_columns(dataset: Any) -> bool:
    """MATLAB writes its arrays by columns, so that HDF5 sees the axes in reverse."""
    return "MATLAB_class" in dataset.attrs


def _shape(dataset: Any) -> tuple[int, ...]:
    return dataset.shape[::-1] if _is_by_columns(dataset) else dataset.shape


def _read_matlab(path: str, variable: str) -> tuple[str, np.ndarray]:
    from scipy import io

    try:
        names = [name for name, _, _ in io.whosmat(path)]
        if variable:
            check_one_of("variable", variable, names)
            names = [variable]
        arrays = io.loadmat(path, variable_names=names)
    except io.matlab.MatReadError as error:
        raise ValueError(str(error)) from None
    variable = variable or _only([n for n in names if _fits_array(arrays[n])], names, path)
    return variable, arrays[variable]


def _only(fitting: list[str], all_names: Any, path: str) -> str:
    if len(fitting) == 1:
        return fitting[0]
    how_many = "more than one" if fitting else "none"
    there = ", ".join(fitting or all_names) or "nothing"
    raise invalid("variable", "", f"the name of {SHAPE}; {path} has {how_many}: {there}")


def _fits_array(array: np.ndarray) -> bool:
    return _fits(array.shape, array.dtype)


def _fits(shape: tuple[int, ...], dtype: np.dtype) -> bool:
    if 0 in shape:
        return False
    if dtype.names is not None:
        return len(shape) == 3 and dtype.names in _RECORD_FIELDS
    if dtype.kind == "c":
        return len(shape) == 3
    return len(shape) == 4 and shape[-1] == 2 and dtype.kind in "fiu"
