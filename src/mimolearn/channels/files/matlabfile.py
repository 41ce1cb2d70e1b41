"""Variables of MATLAB files before 7.3 (HDF5 since then), with cells and structs."""

from __future__ import annotations

import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mimolearn.channels.files.limits import check_memory, too_large
from mimolearn.channels.files.variables import Variable, stack

_BYTES = {
    **{"double": 8, "single": 4, "logical": 1},
    **{f"{sign}int{bits}": bits // 8 for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_BAD_VARIABLE = (ValueError, TypeError, LookupError, OSError, NotImplementedError, zlib.error)
_NESTED = ("cell", "struct")
_MOST_NESTED = 40
_HEADER_BYTES, _COMPRESSED = 128, 15
# zlib cannot expand by more than this.
_MOST_EXPANSION = 1032


@contextmanager
def matlab_variables(path: str, wanted: tuple[str, ...], limit: int) -> Iterator[list[Variable]]:
    """All variables of the file. Of those that no name in ``wanted`` begins with, only headers.

    SciPy's headers do not say whether an array is complex, so each array is read where nothing is
    wanted by name. One that cannot be read does not spoil the others.
    """
    from scipy import io

    _check_expansion(path, limit)
    try:
        with warnings.catch_warnings():
            # Of two variables of one name the last counts.
            warnings.simplefilter("ignore")
            entries = io.whosmat(path)
    except io.matlab.MatReadError as error:
        raise ValueError(str(error)) from None
    found: dict[str, Variable] = {}
    for name, shape, kind in entries:
        if kind not in _BYTES and kind not in _NESTED:
            found[name] = Variable(name, note=f"MATLAB {kind}")
        elif wanted and not any(_concerns(word, name) for word in wanted):
            found[name] = Variable(name, tuple(shape), note=f"MATLAB {kind}")
        else:
            check_memory(path, name, math.prod(shape) * _BYTES.get(kind, 8), limit)
            found |= _loaded(path, name)
    yield list(found.values())


def _concerns(word: str, name: str) -> bool:
    """Whether a variable may be wanted by this word: its name, that of a field or of a pair."""
    root = re.split(r"[.\[*]", word)[0]
    return name in word or root in name


def _loaded(path: str, name: str) -> dict[str, Variable]:
    from scipy import io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = io.loadmat(path, variable_names=[name])[name]
    except (*_BAD_VARIABLE, io.matlab.MatReadError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return {name: Variable(name, note=f"cannot be read: {reason}")}
    return _tree(value, name, 0)


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


def _check_expansion(path: str, limit: int) -> None:
    """Raise InvalidInputError for compressed variables that expand beyond the limit.

    Whatever the headers inside claim, this bounds what SciPy can read.
    """
    if Path(path).stat().st_size * _MOST_EXPANSION <= limit:
        return
    total = 0
    with Path(path).open("rb") as file:
        order = "<" if file.read(_HEADER_BYTES)[126:128] == b"IM" else ">"
        while len(tag := file.read(8)) == 8:
            kind, length = struct.unpack(f"{order}II", tag)
            start = file.tell()
            if kind == _COMPRESSED:
                total += _expanded(file, length, limit - total)
            if total > limit:
                raise too_large(path, "variables", f"more than {limit / 10**9:.3g} GB", limit)
            file.seek(start + length)


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
