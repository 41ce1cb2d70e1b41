"""Variables of MATLAB files before 7.3 (HDF5 since then), with cells and structs.

Files of version 5 to 7 are read here, not by SciPy: its list of variables fails for a whole file
where one is an object, and its compiled reader crashes on some damaged files.
"""

from __future__ import annotations

import functools
import math
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mimolearn.link.channels.files.limits import GIGABYTE, check_memory
from mimolearn.link.channels.files.variables import Variable, stack

_CLASSES = {
    **{1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "float64", 7: "float32"},
    **{8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32"},
    **{14: "int64", 15: "uint64", 16: "function", 17: "opaque"},
}
_NO_NUMBERS = ("object", "char", "sparse", "function", "opaque", "unknown")
# How numbers are stored, which may be smaller than their class.
_STORED = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
_DAMAGED = (ValueError, struct.error, zlib.error)
_INT8, _INT32, _MATRIX, _COMPRESSED = 1, 5, 14, 15
_COMPLEX_FLAG = 0x0800
_FILE_HEADER_BYTES, _LONGEST_HEADER = 128, 4096
_MOST_NESTED = 40


class _Header(NamedTuple):
    """The start of a variable; shape is None where it has none. at: where its data begin."""

    name: str
    kind: str
    shape: tuple[int, ...] | None
    is_complex: bool
    at: int

    @property
    def dtype(self) -> np.dtype:
        if not self.is_complex:
            return np.dtype(self.kind)
        return np.dtype("complex64" if self.kind == "float32" else "complex128")


class _Place(NamedTuple):
    """Where the content of a variable is in the file."""

    start: int
    length: int
    is_compressed: bool


@contextmanager
def matlab_variables(path: str, limit: int) -> Iterator[list[Variable]]:
    """All variables of the file, from their headers. Cells and structs are read to list them.

    A variable that cannot be read does not spoil the others.
    """
    with Path(path).open("rb") as file:
        start = file.read(_FILE_HEADER_BYTES)
    if 0 in start[:4]:
        yield _version_4(path, limit)
        return
    if start[126:128] not in (b"IM", b"MI"):
        raise ValueError("it has no header of MATLAB")
    order = "<" if start[126:128] == b"IM" else ">"
    found: dict[str, Variable] = {}
    for place in _places(path, order):
        try:
            header = _header(_content(path, place, _LONGEST_HEADER), order)
        except zlib.error as error:
            name = f"variable {len(found)}"
            found[name] = Variable(name, note=f"cannot be read: {error}")
            continue
        # Variables without a name are MATLAB's own.
        if header is not None and header.name:
            found |= _variables(path, place, header, order, limit)
    yield list(found.values())


def _variables(
    path: str, place: _Place, header: _Header, order: str, limit: int
) -> dict[str, Variable]:
    """The variable of a header, or what is in its cells and fields."""
    if header.kind not in ("cell", "struct"):

        def read() -> np.ndarray:
            # Numbers may be stored in fewer bytes than they take, but not in more than 8 each.
            most = variable.num_bytes * 8 + _LONGEST_HEADER
            return _numbers(memoryview(_content(path, place, most)), header, order)

        variable = _listed(header, header.name, read)
        return {header.name: variable}
    note = f"it takes more than {limit / GIGABYTE:.3g} GB; max_gb raises this limit"
    try:
        content = _content(path, place, limit + 1)
        if len(content) <= limit:
            return _tree(memoryview(content), order, header.name, 0)
    except _DAMAGED as error:
        note = f"cannot be read: {error}"
    return {header.name: Variable(header.name, header.shape, note=note)}


def _listed(header: _Header, name: str, read: Callable[[], np.ndarray]) -> Variable:
    """A variable that is neither cell nor struct."""
    if header.kind in _NO_NUMBERS or header.shape is None:
        return Variable(name, header.shape, note=f"MATLAB {header.kind}")
    return Variable(name, header.shape, header.dtype, read)


def _tree(content: memoryview, order: str, name: str, depth: int) -> dict[str, Variable]:
    """The variables of a matrix: itself, or those of the cells and fields in it."""
    header = _header(content, order) if len(content) else None
    if header is None or header.shape is None or depth > _MOST_NESTED:
        return {name: Variable(name, note="empty" if header is None else f"MATLAB {header.kind}")}
    if header.kind not in ("cell", "struct"):
        return {name: _listed(header, name, lambda: _numbers(content, header, order))}
    fields, at = [""], header.at
    if header.kind == "struct":
        fields, at = _fields(content, at, order)
    count = math.prod(header.shape)
    if not fields or count == 0:
        return {name: Variable(name, header.shape, note="empty")}
    if count * len(fields) * 8 > len(content):
        raise ValueError(f"it claims {count} cells, and has not the bytes for them")
    elements = []
    for _ in range(count):
        element: dict[str, Variable] = {}
        for field in fields:
            _, inner, at = _element(content, at, order)
            element |= _tree(inner, order, field, depth + 1)
        elements.append(element)
    return stack(name, elements, f"{header.kind}s")


def _fields(content: memoryview, at: int, order: str) -> tuple[list[str], int]:
    """The names of a struct's fields, each behind a dot, and where the first value starts."""
    _, data, at = _element(content, at, order)
    (length,) = struct.unpack(f"{order}i", data)
    _, data, at = _element(content, at, order)
    if length < 1:
        raise ValueError("a struct has field names without length")
    names = [bytes(data[i : i + length]) for i in range(0, len(data), length)]
    return [f".{name.split(bytes(1))[0].decode('latin-1')}" for name in names], at


def _numbers(content: memoryview, header: _Header, order: str) -> np.ndarray:
    """The array of a matrix of numbers."""
    assert header.shape is not None
    parts, at = [], header.at
    for _ in range(2 if header.is_complex else 1):
        kind, data, at = _element(content, at, order)
        if kind not in _STORED:
            raise ValueError(f"{header.name} has numbers of an unknown type")
        part = np.frombuffer(data, np.dtype(order + _STORED[kind]))
        if len(part) != math.prod(header.shape):
            raise ValueError(f"{header.name} has {len(part)} numbers, not {header.shape}")
        parts.append(part)
    whole = np.empty(len(parts[0]), header.dtype)
    if header.is_complex:
        whole.real, whole.imag = parts
    else:
        whole[:] = parts[0]
    return whole.reshape(header.shape, order="F")


def _places(path: str, order: str) -> Iterator[_Place]:
    """Where each variable of the file is."""
    with Path(path).open("rb") as file:
        file.seek(_FILE_HEADER_BYTES)
        while len(tag := file.read(8)) == 8:
            kind, length = struct.unpack(f"{order}II", tag)
            start = file.tell()
            if kind in (_MATRIX, _COMPRESSED):
                yield _Place(start, length, kind == _COMPRESSED)
            file.seek(start + length)


def _content(path: str, place: _Place, most: int) -> bytes:
    """The first bytes of a variable, at most so many, unpacked."""
    with Path(path).open("rb") as file:
        file.seek(place.start)
        if not place.is_compressed:
            return file.read(min(place.length, most))
        packed = file.read(place.length)
    # Behind the tag of the matrix, which is packed as well.
    return zlib.decompressobj().decompress(packed, most + 8)[8:]


def _header(content: bytes | memoryview, order: str) -> _Header | None:
    """From the first bytes of a matrix: flags, dimensions, which a few kinds lack, and name."""
    content = memoryview(content)
    try:
        (flags,) = struct.unpack_from(f"{order}I", content, 8)
        shape = None
        kind, data, at = _element(content, 16, order)
        if kind == _INT32:
            shape = struct.unpack(f"{order}{len(data) // 4}i", data)
            kind, data, at = _element(content, at, order)
        name = bytes(data).decode("ascii") if kind == _INT8 else ""
    except (struct.error, ValueError):
        return None
    if shape is not None and (any(length < 0 for length in shape) or len(shape) > 32):
        return None
    kind = _CLASSES.get(flags & 0xFF, "unknown")
    return _Header(name, kind, shape, bool(flags & _COMPLEX_FLAG), at)


def _element(content: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
    """Kind and data of an element inside another, and where the next one starts."""
    kind, length = struct.unpack_from(f"{order}II", content, at)
    if kind >> 16:
        # Up to 4 bytes of data stand in the tag itself.
        return kind & 0xFFFF, content[at + 4 : at + 4 + (kind >> 16)], at + 8
    data = content[at + 8 : at + 8 + length]
    if len(data) < length:
        raise ValueError("it ends too early")
    return kind, data, at + 8 + (length + 7) // 8 * 8


def _version_4(path: str, limit: int) -> list[Variable]:
    """Such files hold matrices alone; their headers do not say what is complex."""
    from scipy import io

    found = []
    for name, shape, kind in io.whosmat(path):
        if kind in _NO_NUMBERS:
            found.append(Variable(name, tuple(shape), note=f"MATLAB {kind}"))
            continue
        check_memory(path, name, math.prod(shape) * 16, limit)
        with warnings.catch_warnings():
            # Of two variables of one name the last counts.
            warnings.simplefilter("ignore")
            array = io.loadmat(path, variable_names=[name])[name]
        found.append(Variable(name, array.shape, array.dtype, functools.partial(np.copy, array)))
    return found
