"""Variables of HDF5 files, those of MATLAB 7.3 among them. No link leads out of the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mimolearn.link.channels.files.limits import check_memory
from mimolearn.link.channels.files.variables import Variable, stack

# Where MATLAB keeps what the references of cells point to.
_HIDDEN = ("#refs#", "#subsystem#")
_MATLAB_NOTE = "MATLAB 7.3, axes as MATLAB shows them"
_MOST_NESTED = 40
# What a Python object for a reference takes.
_BYTES_A_REFERENCE = 128
_BAD_ITEM = (OSError, KeyError, TypeError, ValueError, RuntimeError)


@contextmanager
def hdf5_variables(path: str, limit: int) -> Iterator[list[Variable]]:
    """The datasets of all groups, and cells and structs of datasets.

    Virtual datasets, external storage, and soft and external links are listed and never read: each
    can lead to another file of the machine.
    """
    import h5py

    with h5py.File(path, "r") as file:
        with Path(path).open("rb") as start:
            is_matlab = start.read(10) == b"MATLAB 7.3"
        walk = _Walk(file, path, limit, is_matlab)
        yield list(walk.group(file, "", 0).values())


class _Walk:
    """One pass over a file."""

    def __init__(self, file: Any, path: str, limit: int, is_matlab: bool) -> None:
        self._file = file
        self._path = path
        self._limit = limit
        self._is_matlab = is_matlab
        self._entered: set[int] = set()

    def group(self, group: Any, prefix: str, depth: int) -> dict[str, Variable]:
        """The variables below a group; a group that was entered before is left out."""
        import h5py

        # Equal for two names of one group.
        identity = hash(group.id)
        if identity in self._entered or depth > _MOST_NESTED:
            return {}
        self._entered.add(identity)
        found: dict[str, Variable] = {}
        for name in group:
            if name in _HIDDEN:
                continue
            inner = prefix + name
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                found[inner] = Variable(inner, note="a link, which is not followed")
                continue
            try:
                item = group[name]
            except _BAD_ITEM:
                found[inner] = Variable(inner, note="cannot be opened")
                continue
            found |= self.item(item, inner, f"{inner}/", depth)
        return found

    def item(self, item: Any, name: str, prefix: str, depth: int) -> dict[str, Variable]:
        """The variables of a dataset or group."""
        import h5py

        if isinstance(item, h5py.Dataset):
            return self._dataset(item, name, depth)
        return self.group(item, prefix, depth + 1) if isinstance(item, h5py.Group) else {}

    def _dataset(self, dataset: Any, name: str, depth: int) -> dict[str, Variable]:
        import h5py

        outside = _outside(dataset)
        if outside:
            return {name: Variable(name, note=outside)}
        try:
            shape, dtype = dataset.shape, dataset.dtype
            is_reference = h5py.check_ref_dtype(dtype) is h5py.Reference
            by_columns = self._is_matlab or "MATLAB_class" in dataset.attrs
            is_empty = "MATLAB_empty" in dataset.attrs
        except _BAD_ITEM:
            return {name: Variable(name, note="of an unknown type")}
        if is_empty or shape is None:
            return {name: Variable(name, note="empty")}
        if is_reference and by_columns:
            return self._cell(dataset, name, depth)
        if by_columns:
            shape = shape[::-1]
        if dtype.hasobject or dtype.kind not in "biufcV":
            return {name: Variable(name, shape, note="no numbers")}
        chunk = dataset.chunks
        chunk_bytes = int(np.prod(chunk, dtype=object)) * dtype.itemsize if chunk else 0

        def read() -> np.ndarray:
            check_memory(self._path, f"a chunk of {name}", chunk_bytes, self._limit)
            array = np.asarray(dataset[()])
            return array.transpose() if by_columns else array

        note = _MATLAB_NOTE if by_columns else ""
        return {name: Variable(name, shape, dtype, read, note)}

    def _cell(self, dataset: Any, name: str, depth: int) -> dict[str, Variable]:
        """What the references of a cell, or of a struct array's field, point to."""
        identity = hash(dataset.id)
        if identity in self._entered or depth > _MOST_NESTED:
            return {name: Variable(name, dataset.shape, note="cells that were seen before")}
        self._entered.add(identity)
        if dataset.size * _BYTES_A_REFERENCE > self._limit:
            return {name: Variable(name, dataset.shape, note="more cells than memory allows")}
        elements = []
        # Read by rows, HDF5's reversed axes give MATLAB's order, by columns.
        for reference in np.ravel(dataset[()]):
            try:
                elements.append(self.item(self._file[reference], "", "/", depth + 1))
            except _BAD_ITEM:
                elements.append({"": Variable("", note="a reference to nothing")})
        return stack(name, elements, "cells")


def _outside(dataset: Any) -> str:
    """What of a dataset lies in other files; asked before its shape, which can open these."""
    import h5py

    plist = dataset.id.get_create_plist()
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        return "a virtual dataset, of other files, which is not followed"
    if plist.get_external_count() > 0:
        return "stored in another file, which is not followed"
    return ""
