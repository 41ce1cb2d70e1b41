"""The variables of a channel file: what each is, and how a user is told of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

_MOST_LISTED, _LONGEST_NAME = 10, 48
_PART_FIELDS = (("real", "imag"), ("r", "i"), ("re", "im"), ("real", "imaginary"))
# Names of a real part; that of the imaginary part has the second word in place of the first.
_PART_WORDS = {"r": "i", "re": "im", "real": "imag"}
_SUFFIX = re.compile(r"^(?P<stem>.*?)(?P<mark>[_.\-/ ]?)(?P<word>real|re|r)$", re.IGNORECASE)
_PREFIX = re.compile(
    r"^(?P<folder>(?:.*[/.])?)(?P<word>real|re|r)(?P<mark>[_\-])(?P<stem>[^/]*)$", re.IGNORECASE
)


@dataclass(frozen=True, eq=False)
class Variable:
    """An array of a file, or something else that is listed and cannot be read.

    shape, dtype: from the header; None for what is no array of numbers. read: reads the array, in
    that shape and type, while the file is open. note: what a listing says in place of, or beside,
    shape and type. is_stack: the first axis counts cells, structs or files' variables, so that it
    cannot be anything but that of the samples. is_part: the real or imaginary half of another.
    """

    name: str
    shape: tuple[int, ...] | None = None
    dtype: np.dtype | None = None
    read: Callable[[], np.ndarray] | None = None
    note: str = ""
    is_stack: bool = False
    is_part: bool = False

    @property
    def is_complex(self) -> bool:
        """Whether every entry is a complex number, or a record of two real ones."""
        return self.dtype is not None and is_complex_type(self.dtype)

    @property
    def is_real(self) -> bool:
        """Whether every entry is a real number."""
        return self.dtype is not None and self.dtype.kind in "fiu"

    @property
    def num_bytes(self) -> int:
        """Memory that reading takes."""
        if self.shape is None or self.dtype is None:
            return 0
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        words = [printable(self.name)] if self.name else []
        if self.shape is not None:
            words.append(str(self.shape))
        if self.dtype is not None:
            words.append(_type_words(self.dtype))
        if self.note:
            words.append(f"({self.note})")
        return " ".join(words)


def is_complex_type(dtype: np.dtype) -> bool:
    return dtype.kind == "c" or part_fields(dtype) is not None


def part_fields(dtype: np.dtype) -> tuple[str, str] | None:
    """Fields of the real and imaginary part of a record, whatever their case and order."""
    names = dtype.names
    if names is None or len(names) != 2 or any(dtype[name].kind not in "fiu" for name in names):
        return None
    if any(dtype[name].shape for name in names):
        return None
    for real, imag in (names, names[::-1]):
        if (real.lower(), imag.lower()) in _PART_FIELDS:
            return real, imag
    return None


def printable(name: str) -> str:
    """A name of a file as one short piece of a line."""
    name = name if name.isprintable() else ascii(name)[1:-1]
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def listing(variables: Sequence[Variable]) -> str:
    """All variables with shapes and types, in one line; large arrays of numbers come first."""
    if not variables:
        return "nothing"
    ordered = sorted(variables, key=lambda v: (v.is_part, not v.is_complex, -v.num_bytes))
    words = [str(variable) for variable in ordered[:_MOST_LISTED]]
    more = len(ordered) - len(words)
    return ", ".join([*words, f"and {more} more"] if more else words)


def stack(prefix: str, elements: Sequence[dict[str, Variable]], what: str) -> dict[str, Variable]:
    """The elements of a cell or struct array as one variable a name, where all have one shape.

    elements: the variables of each element, by the rest of their names. Where shapes differ, each
    element is a variable with its number, from 0, in brackets.
    """
    if len(elements) == 1:
        return {prefix + rest: _renamed(v, prefix + rest) for rest, v in elements[0].items()}
    if elements and all(element.keys() == elements[0].keys() for element in elements):
        columns = {rest: [element[rest] for element in elements] for rest in elements[0]}
        if all(_stackable(column) for column in columns.values()):
            return {
                prefix + rest: _stacked(prefix + rest, column, what)
                for rest, column in columns.items()
            }
    found: dict[str, Variable] = {}
    for number, element in enumerate(elements):
        for rest, variable in element.items():
            name = f"{prefix}[{number}]{rest}"
            found[name] = _renamed(variable, name)
    return found


def _stackable(column: list[Variable]) -> bool:
    first = column[0]
    return all((v.shape, v.dtype) == (first.shape, first.dtype) for v in column)


def _stacked(name: str, column: list[Variable], what: str) -> Variable:
    first = column[0]
    if first.shape is None:
        return Variable(name, note=f"{what} of {len(column)}: {first.note}")
    readers = [variable.read for variable in column]

    def read() -> np.ndarray:
        return np.stack([reader() for reader in readers if reader is not None])

    shape = (len(column), *first.shape)
    readable = None if None in readers else read
    return Variable(name, shape, first.dtype, readable, f"{what} of {len(column)}", is_stack=True)


def _renamed(variable: Variable, name: str) -> Variable:
    return Variable(
        name,
        variable.shape,
        variable.dtype,
        variable.read,
        variable.note,
        variable.is_stack,
        variable.is_part,
    )


def with_pairs(variables: Iterable[Variable]) -> list[Variable]:
    """The variables, and one more for every pair of a real and an imaginary part among them."""
    by_name = {variable.name: variable for variable in variables}
    found: dict[str, Variable] = {}
    for name, real in list(by_name.items()):
        for stem, partner in _partners(name):
            imag = by_name.get(partner)
            if imag is None or not (real.is_real and imag.is_real and real.shape == imag.shape):
                continue
            taken = not stem or stem in by_name or stem in found
            whole = pair(real, imag, f"{name}+j*{partner}" if taken else stem)
            found[whole.name] = whole
            for part in (real, imag):
                by_name[part.name] = Variable(
                    part.name,
                    part.shape,
                    part.dtype,
                    part.read,
                    f"part of {whole.name}",
                    part.is_stack,
                    is_part=True,
                )
            break
    return [*found.values(), *by_name.values()]


def pair(real: Variable, imag: Variable, name: str) -> Variable:
    """The complex array of two real ones of the same shape."""
    assert real.dtype is not None
    assert imag.dtype is not None
    dtype = np.result_type(real.dtype, imag.dtype, np.complex64)

    def read() -> np.ndarray:
        assert real.read is not None
        assert imag.read is not None
        first = real.read()
        whole = np.empty(first.shape, dtype)
        whole.real, whole.imag = first, imag.read()
        return whole

    note = f"{printable(real.name)} and {printable(imag.name)}"
    return Variable(name, real.shape, dtype, read, note, real.is_stack and imag.is_stack)


def _partners(name: str) -> Iterable[tuple[str, str]]:
    """What the pair would be called, and the name of the imaginary part, for a real part's name."""
    if match := _SUFFIX.match(name):
        stem = match["stem"]
        for word in _imaginary_words(match["word"]):
            yield stem, f"{stem}{match['mark']}{word}"
    if match := _PREFIX.match(name):
        folder, stem = match["folder"], match["stem"]
        for word in _imaginary_words(match["word"]):
            yield f"{folder}{stem}", f"{folder}{word}{match['mark']}{stem}"


def _imaginary_words(real: str) -> list[str]:
    """The word for the other part, in the case of this one."""
    imag = _PART_WORDS[real.lower()]
    words = [imag, "imaginary"] if imag == "imag" else [imag]
    if real.isupper():
        return [word.upper() for word in words]
    return [word.capitalize() if real[0].isupper() else word for word in words]


def _type_words(dtype: np.dtype) -> str:
    if part_fields(dtype) is not None:
        return f"records of {dtype.names}"
    return str(dtype) if dtype.names is None else f"records of {len(dtype.names)} fields"
