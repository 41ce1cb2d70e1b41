"""Reading arrays of channels from NumPy, HDF5 and MATLAB files; nothing is ever unpickled."""

from __future__ import annotations

import functools
import hashlib
import itertools
import struct
import tokenize
import zipfile
import zlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.link.channels.files.axes import (
    LEGEND,
    ComplexArray,
    View,
    check_axes,
    default_axes,
    rival_readings,
    suggested_axes,
    view_of,
)
from mimolearn.link.channels.files.hdf5file import hdf5_variables
from mimolearn.link.channels.files.limits import check_memory, memory_limit
from mimolearn.link.channels.files.matlabfile import matlab_variables
from mimolearn.link.channels.files.numpyfile import TORCH_HINT, npy_variables, npz_variables
from mimolearn.link.channels.files.selection import choose
from mimolearn.link.channels.files.variables import Variable

# What NumPy, h5py and SciPy raise on files that are damaged or hold something else.
UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RuntimeError,
    EOFError,
    OverflowError,
    MemoryError,
    SyntaxError,
    NotImplementedError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)


class FileStamp(NamedTuple):
    """What tells cheaply that a file was replaced.

    changed_ns: when content or name changed, which no program sets back as it can modified_ns.
    """

    modified_ns: int
    changed_ns: int
    num_bytes: int
    inode: int


class Reading(NamedTuple):
    """How a file is read; see ``Recorded`` for each field."""

    variable: tuple[str, ...] = ()
    axes: str = ""
    frequency_index: int | None = None
    time_index: int | None = None
    max_gb: float | None = None


@dataclass(frozen=True, eq=False)
class ChannelFile:
    """The channels of a file: samples, each at one or more steps of frequency and time.

    variable, axes: what was read and how, filled in where the file told. parts: the arrays, of one
    size of channel and one number of steps. described: names, shapes and types, for messages.
    other_axes: letters that would give channels of another size, by that size.
    """

    path: str
    variable: tuple[str, ...]
    axes: str
    parts: tuple[View, ...]
    described: str
    other_axes: dict[tuple[int, int], str]

    @property
    def num_samples(self) -> int:
        return sum(part.num_samples for part in self.parts)

    @property
    def num_steps(self) -> int:
        """Channels that each sample has: frequencies times time steps."""
        return self.parts[0].num_steps

    @property
    def size(self) -> tuple[int, int]:
        """(Nr, Nt)."""
        return self.parts[0].size

    def rows(self, sample: np.ndarray, step: np.ndarray) -> ComplexArray:
        """The channels of k samples, each at its step: (k, Nr, Nt) complex128, in memory."""
        if len(self.parts) == 1:
            return self.parts[0].rows(sample, step)
        found = np.empty((len(sample), *self.size), np.complex128)
        start = 0
        for part in self.parts:
            inside = (sample >= start) & (sample < start + part.num_samples)
            found[inside] = part.rows(sample[inside] - start, step[inside])
            start += part.num_samples
        return found


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
    return FileStamp(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


@functools.lru_cache(maxsize=32)
def sha256_of(path: str, stamp: FileStamp) -> str:
    """Digest of a file's content, read again only when its stamp changes."""
    try:
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise invalid("path", path, f"a readable file ({error.strerror})") from None
    _check_unchanged(path, stamp)
    return digest


@functools.lru_cache(maxsize=4)
def open_channel_file(path: str, reading: Reading, stamp: FileStamp) -> ChannelFile:
    """The channels of a file, read as told, or in the only way that fits."""
    limit = memory_limit(path, reading.max_gb)
    if reading.axes:
        check_axes(reading.axes)
    try:
        with opened_variables(path, reading.variable, limit) as variables:
            chosen = choose(path, variables, reading.variable, reading.axes)
            axes = reading.axes or _told_by_sizes(path, chosen[0])
            found = _read(path, chosen, axes, reading, limit)
    except UNREADABLE as error:
        if isinstance(error, InvalidInputError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise invalid("path", path, f"a file of channels; it cannot be read: {reason}") from None
    _check_unchanged(path, stamp)
    return found


def _check_unchanged(path: str, stamp: FileStamp) -> None:
    if file_stamp(path) != stamp:
        raise invalid("path", path, "a file that nobody writes to; it changed while it was read")


def opened_variables(
    path: str, wanted: tuple[str, ...], limit: int
) -> AbstractContextManager[list[Variable]]:
    """The variables of a file, whose kind is told from its content, as suffixes lie.

    Args:
        path: of the file.
        wanted: names that are asked for.
        limit: bytes that arrays may take.
    """
    import h5py

    with Path(path).open("rb") as file:
        start = file.read(6)
    if start == b"\x93NUMPY":
        if wanted:
            raise invalid("variable", wanted[0], "no name: an .npy file holds one array")
        return npy_variables(path)
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return npz_variables(path)
    if h5py.is_hdf5(path):
        return hdf5_variables(path, limit)
    if start == b"MATLAB" or Path(path).suffix == ".mat":
        return matlab_variables(path, limit)
    expected = "a NumPy, HDF5 or MATLAB file"
    if start[:1] == b"\x80":
        raise invalid("path", path, f"{expected}; this is a pickle: {TORCH_HINT}")
    if start[:2] == b"\x1f\x8b":
        raise invalid("path", path, f"{expected}; this one is compressed: decompress it first")
    raise invalid("path", path, expected)


def _told_by_sizes(path: str, variable: Variable) -> str:
    """The documented order of axes, where the sizes do not allow for another."""
    axes = default_axes(variable)
    rivals = [] if variable.is_stack else rival_readings(variable, axes)
    if rivals:
        several = " or ".join(repr(reading) for reading in [axes, *rivals[:2]])
        expected = f"{several}, as the sizes of <{variable}> in {path} fit each ({LEGEND})"
        raise invalid("axes", "", expected)
    return axes


def _read(
    path: str, chosen: list[Variable], axes: str, reading: Reading, limit: int
) -> ChannelFile:
    # A mapped file takes no memory, and is told by having no name.
    total = sum(variable.num_bytes for variable in chosen if variable.name)
    check_memory(path, str(chosen[0]), total, limit)
    parts = []
    for variable in chosen:
        assert variable.read is not None
        try:
            view = view_of(variable.read(), axes, reading.frequency_index, reading.time_index)
        except InvalidInputError as error:
            raise InvalidInputError(f"{error}, of <{variable}> in {path}") from None
        parts.append(view)
    sizes = {(*part.size, part.num_steps) for part in parts}
    if len(sizes) > 1:
        there = ", ".join(str(variable) for variable in chosen[:6])
        raise invalid("variable", f"<{there}>", f"arrays of one size but for samples, in {path}")
    names = reading.variable or ((chosen[0].name,) if chosen[0].name else ())
    described = ", ".join(str(variable) for variable in chosen[:3])
    described = f"{described or 'array'}{', ...' if len(chosen) > 3 else ''}"
    return ChannelFile(
        path, names, axes, tuple(parts), described, _other_axes(chosen[0], parts[0].size)
    )


def _other_axes(variable: Variable, size: tuple[int, int]) -> dict[tuple[int, int], str]:
    """Letters that would give channels of another size, by size: what a message can suggest."""
    lengths = {1, *(variable.shape or ())}
    found = {}
    for other in itertools.product(lengths, lengths):
        suggested = suggested_axes(variable, other)
        if suggested and other != size:
            found[other] = suggested[0]
    return found
