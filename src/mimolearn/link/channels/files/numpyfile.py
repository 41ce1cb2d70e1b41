"""Variables of .npy and .npz files. Nothing is unpickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from mimolearn.foundation.errors import invalid
from mimolearn.link.channels.files.variables import Variable

# NumPy itself takes no header of more than 10 000 bytes.
_HEADER_BYTES = 2**14


@contextmanager
def npy_variables(path: str) -> Iterator[list[Variable]]:
    """The one array, mapped into memory and not read."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    yield [Variable("", array.shape, array.dtype, lambda: array)]


@contextmanager
def npz_variables(path: str) -> Iterator[list[Variable]]:
    """The arrays of an archive, from their headers."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        arrays = [member for member in members if member.filename.endswith(".npy")]
        if not arrays:
            raise _no_arrays(path, members)
        yield [_member(archive, member) for member in arrays]


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Variable:
    name = member.filename.removesuffix(".npy")
    try:
        with archive.open(member) as file:
            shape, dtype = _header(file.read(_HEADER_BYTES))
    except (ValueError, OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        return Variable(name, note=f"cannot be read: {str(error).splitlines()[0]}")
    if dtype.hasobject:
        return Variable(name, shape, note="Python objects, which are never unpickled")

    def read() -> np.ndarray:
        with archive.open(member) as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    return Variable(name, shape, dtype, read)


def _header(start: bytes) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type from the first bytes of an array's file."""
    file = io.BytesIO(start)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"NumPy's format {version[0]}.{version[1]}")
    return shape, dtype


def _no_arrays(path: str, members: list[zipfile.ZipInfo]) -> Exception:
    names = [member.filename for member in members]
    if any(name.endswith("data.pkl") for name in names):
        return invalid("path", path, f"a file of channels; this is one of PyTorch: {TORCH_HINT}")
    there = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return invalid(
        "path", path, f"arrays (.npy) in this zip archive; it holds {there or 'nothing'}"
    )


TORCH_HINT = (
    "it is not unpickled; write it anew with "
    "numpy.save('h.npy', torch.load(path, weights_only=True).numpy())"
)
