"""Variables of MATLAB files before 7.3 (HDF5 since then), with cells and structs."""

from __future__ import annotations

import functools
import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from mimolearn.channels.files.limits import GIGABYTE, check_memory, too_large
from mimolearn.channels.files.variables import Variable, stack

_CLASSES = {
    **{1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "float64", 7: "float32"},
    **{8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32"},
    **{14: "int64", 15: "uint64", 16: "function", 17: "opaque"},
}
_NESTED = ("cell", "struct")
_NO_NUMBERS = ("object", "char", "sparse", "function", "opaque", "unknown")
_BAD_VARIABLE = (ValueError, TypeError, LookupError, OSError, NotImplementedError, zlib.error)
_MOST_NESTED = 40
_FILE_HEADER_BYTES, _LONGEST_HEADER = 128, 4096
_INT8, _INT32, _MATRIX, _COMPRESSED = 1, 5, 14, 15
_COMPLEX_FLAG = 0x0800
# zlib cannot expand by more than this.
_MOST_EXPANSION = 1032


class _Entry(NamedTuple):
    """The header of a variable; shape is None where it has none."""

    name: str
    kind: str
    shape: tuple[int, ...] | None
    is_complex: bool


@contextmanager
def matlab_variables(path: str, wanted: tuple[str, ...], limit: int) -> Iterator[list[Variable]]:
    """All variables of the file, from their headers. Cells and structs are read to list them.

    Cells and structs that no name in ``wanted`` concerns are not read. A variable that cannot be
    read does not spoil the others.
    """
    from scipy import io

    major, _ = io.matlab.matfile_version(path)
    if major == 0:
        yield list(_version_4(path, limit).values())
        return
    found: dict[str, Variable] = {}
    with Path(path).open("rb") as file:
        order = "<" if file.read(_FILE_HEADER_BYTES)[126:128] == b"IM" else ">"
        _check_expansion(path, file, order, limit)
        entries = list(_entries(file, order))
    for entry in entries:
        if entry.kind in _NESTED:
            concerned = not wanted or any(_concerns(word, entry.name) for word in wanted)
            found |= _nested(path, entry, limit) if concerned else {entry.name: _unread(entry)}
        elif entry.kind in _NO_NUMBERS or entry.shape is None:
            found[entry.name] = _unread(entry)
        else:
            dtype = np.dtype(entry.kind)
            if entry.is_complex:
                dtype = np.dtype("complex64" if entry.kind == "float32" else "complex128")
            read = functools.partial(_load, path, entry.name)
            found[entry.name] = Variable(entry.name, entry.shape, dtype, read)
    yield list(found.values())


def _unread(entry: _Entry) -> Variable:
    return Variable(entry.name, entry.shape, note=f"MATLAB {entry.kind}")


def _nested(path: str, entry: _Entry, limit: int) -> dict[str, Variable]:
    """The variables in a cell or struct."""
    if entry.shape is None:
        return {entry.name: _unread(entry)}
    check_memory(path, entry.name, math.prod(entry.shape) * 8, limit)
    try:
        return _tree(_load(path, entry.name), entry.name, 0)
    except _BAD_VARIABLE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return {entry.name: Variable(entry.name, entry.shape, note=f"cannot be read: {reason}")}


def _load(path: str, name: str) -> Any:
    from scipy import io

    try:
        with warnings.catch_warnings():
            # Of two variables of one name the last counts.
            warnings.simplefilter("ignore")
            return io.loadmat(path, variable_names=[name])[name]
    except io.matlab.MatReadError as error:
        raise ValueError(str(error)) from None


def _version_4(path: str, limit: int) -> dict[str, Variable]:
    """Such files hold matrices alone, uncompressed; their headers do not say what is complex."""
    from scipy import io

    found: dict[str, Variable] = {}
    for name, shape, kind in io.whosmat(path):
        entry = _Entry(name, kind if kind in _NO_NUMBERS else "cell", tuple(shape), False)
        found |= {name: _unread(entry)} if kind in _NO_NUMBERS else _nested(path, entry, limit)
    return found


def _concerns(word: str, name: str) -> bool:
    """Whether a variable may be wanted by this word: its name, that of a field or of a pair."""
    root = re.split(r"[.\[*]", word)[0]
    return name in word or root in name


def _elements(file: BinaryIO, order: str) -> Iterator[tuple[int, int]]:
    """Kind and length of every element of a file; the file stands behind the tag."""
    file.seek(_FILE_HEADER_BYTES)
    while len(tag := file.read(8)) == 8:
        kind, length = struct.unpack(f"{order}II", tag)
        start = file.tell()
        yield kind, length
        file.seek(start + length)


def _entries(file: BinaryIO, order: str) -> Iterator[_Entry]:
    """The header of every variable; those without a name are MATLAB's own."""
    for kind, length in _elements(file, order):
        start = file.read(min(length, _LONGEST_HEADER))
        if kind == _COMPRESSED:
            start = zlib.decompressobj().decompress(start, _LONGEST_HEADER)
            if struct.unpack_from(f"{order}I", start.ljust(8, b"\0"))[0] != _MATRIX:
                continue
            start = start[8:]
        elif kind != _MATRIX:
            continue
        entry = _entry(start, order)
        if entry is not None and entry.name:
            yield entry


def _entry(content: bytes, order: str) -> _Entry | None:
    """From the first bytes of a matrix: flags, dimensions, which a few kinds lack, and name."""
    try:
        (flags,) = struct.unpack_from(f"{order}I", content, 8)
        shape, at = None, 16
        kind, data, after = _inner_element(content, at, order)
        if kind == _INT32:
            shape = struct.unpack(f"{order}{len(data) // 4}i", data)
            kind, data, after = _inner_element(content, after, order)
        name = data.decode("ascii") if kind == _INT8 else ""
    except (struct.error, UnicodeDecodeError):
        return None
    if shape is not None and any(length < 0 for length in shape):
        return None
    return _Entry(name, _CLASSES.get(flags & 0xFF, "unknown"), shape, bool(flags & _COMPLEX_FLAG))


def _inner_element(content: bytes, at: int, order: str) -> tuple[int, bytes, int]:
    """Kind and data of an element inside another, and where the next one starts."""
    kind, length = struct.unpack_from(f"{order}II", content, at)
    if kind >> 16:
        # Up to 4 bytes of data stand in the tag itself.
        return kind & 0xFFFF, content[at + 4 : at + 4 + (kind >> 16)], at + 8
    data = content[at + 8 : at + 8 + length]
    if len(data) < length:
        raise struct.error("the header ends too early")
    return kind, data, at + 8 + (length + 7) // 8 * 8


def _tree(value: Any, name: str, depth: int) -> dict[str, Variable]:
    """The variables of a value: itself, or those of the cells and fields in it."""
    if type(value) is not np.ndarray:
        # MatlabObject, MatlabFunction and MatlabOpaque are arrays of other classes.
        return {name: Variable(name, note="no array")}
    if value.dtype.kind == "O" or (value.dtype.names and value.dtype.hasobject):
        if depth > _MOST_NESTED:
            return {name: Variable(name, value.shape, note="nested too deep")}
        elements = [_element(item, depth) for item in value.ravel(order="F")]
        if not elements:
            return {name: Variable(name, note="empty")}
        return stack(name, elements, "structs" if value.dtype.names else "cells")
    if value.dtype.kind not in "biufc":
        return {name: Variable(name, value.shape, note="text")}
    return {name: Variable(name, value.shape, value.dtype, lambda: value)}


def _element(item: Any, depth: int) -> dict[str, Variable]:
    """What is in one cell, or in one struct of a struct array, by the rest of its name."""
    if isinstance(item, np.void):
        found: dict[str, Variable] = {}
        for field in item.dtype.names or ():
            found |= _tree(item[field], f".{field}", depth + 1)
        return found
    return _tree(item, "", depth + 1)


def _check_expansion(path: str, file: BinaryIO, order: str, limit: int) -> None:
    """Raise InvalidInputError for compressed variables that expand beyond the limit.

    Whatever the headers inside claim, this bounds what SciPy can read.
    """
    if Path(path).stat().st_size * _MOST_EXPANSION <= limit:
        return
    total = 0
    for kind, length in _elements(file, order):
        if kind == _COMPRESSED:
            total += _expanded(file, length, limit - total)
        if total > limit:
            raise too_large(path, "variables", f"more than {limit / GIGABYTE:.3g} GB", limit)


def _expanded(file: BinaryIO, length: int, enough: int) -> int:
    """Bytes that a compressed element expands to; counting ends above ``enough``."""
    stream, total = zlib.decompressobj(), 0
    while length > 0 and total <= enough and not stream.eof:
        block = file.read(min(length, 2**16))
        if not block:
            break
        length -= len(block)
        while block and total <= enough:
            try:
                total += len(stream.decompress(block, 2**22))
            except zlib.error:
                return total
            block = stream.unconsumed_tail
    return total
