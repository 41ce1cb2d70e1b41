"""What each axis of an array of channels stands for, said by one letter an axis."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from mimolearn.foundation.errors import invalid
from mimolearn.link.channels.files.variables import Variable, part_fields

ComplexArray = np.ndarray[Any, np.dtype[np.complex128]]
LETTERS = {
    "n": "samples",
    "r": "receive antennas",
    "t": "transmit antennas",
    "f": "frequencies",
    "s": "time steps",
    "c": "real and imaginary part",
}
LEGEND = ", ".join(f"{letter} {words}" for letter, words in LETTERS.items())
_STEPS = "fs"


def check_axes(axes: str) -> str:
    """Raise InvalidInputError for letters that cannot describe an array of channels."""
    expected = f"one letter an axis, in the order of the file: {LEGEND}"
    counts = Counter(axes)
    single = all(counts[letter] <= 1 for letter in "fsc")
    if set(axes) - set(LETTERS) or not set(axes) & set("rt") or not single or len(axes) > 8:
        raise invalid("axes", axes, f"{expected}; r or t must be there, f, s and c at most once")
    return axes


def default_axes(variable: Variable) -> str:
    """How a variable is read when nobody says; "" for one that needs ``axes`` to be read."""
    if not is_usable(variable):
        return ""
    shape = variable.shape or ()
    if variable.is_complex:
        return {2: "rt", 3: "nrt"}.get(len(shape), "")
    return "nrtc" if len(shape) == 4 and shape[-1] == 2 else ""


def is_usable(variable: Variable) -> bool:
    """Whether it is an array of numbers, not empty, that can be read."""
    numbers = variable.is_complex or variable.is_real
    return numbers and variable.read is not None and 0 not in (variable.shape or (0,))


def fits(variable: Variable, axes: str) -> bool:
    """Whether the letters can describe the variable."""
    shape = variable.shape or ()
    if not is_usable(variable) or len(axes) != len(shape):
        return False
    if "c" in axes:
        return variable.is_real and shape[axes.index("c")] == 2
    return variable.is_complex


def rival_readings(variable: Variable, axes: str) -> list[str]:
    """Other letters for axes of the same lengths that give channels of the same sizes.

    The last two letters in the other order are no rival: for square channels no sizes can tell
    these apart, and the documented order counts.
    """
    shape = variable.shape or ()
    wanted = {letter: shape[axes.index(letter)] for letter in "rt"}
    first = {letter: axes.index(letter) for letter in axes if letter not in "rt"}
    found = []
    for letters in sorted(set(itertools.permutations(axes))):
        other = "".join(letters)
        moved = {letter: other.index(letter) for letter in first}
        same_sizes = all(shape[other.index(letter)] == size for letter, size in wanted.items())
        if moved == first or not same_sizes or ("c" in other and shape[other.index("c")] != 2):
            continue
        # Nobody writes the parts between, or beside, antennas in the unusual order.
        if "c" in other and moved["n"] == first["n"] and "rt" not in other:
            continue
        # Axes of length 1 that change places leave every channel what it is.
        if all(shape[i] == 1 for i in range(len(axes)) if axes[i] != other[i]):
            continue
        found.append(other)
    return sorted(found, key=lambda other: other not in _USUAL)


def suggested_axes(variable: Variable, size: tuple[int, int] | None = None) -> list[str]:
    """Letters that would read the variable, and give channels of this size where told."""
    shape = variable.shape or ()
    if not is_usable(variable) or not 1 <= len(shape) <= 6:
        return []
    antennas = ["rt"]
    if size is not None:
        # An axis of one antenna may be missing.
        antennas += [letter for letter, other in (("r", size[1]), ("t", size[0])) if other == 1]
    found = []
    for needed in antennas:
        letters = needed + ("" if variable.is_complex else "c")
        num_others = len(shape) - len(letters)
        if 0 <= num_others < len(_OTHERS):
            orders = itertools.permutations(_OTHERS[num_others] + letters)
            found += dict.fromkeys("".join(order) for order in orders)
    good = [axes for axes in found if fits(variable, axes)]
    if size is not None:
        good = [axes for axes in good if _size(shape, axes) == size]
    # Orders that files have in fact come first, parts at their end.
    good.sort(key=lambda axes: (axes.replace("c", "") not in _USUAL, not axes.endswith("c")))
    return good[:2]


def _size(shape: tuple[int, ...], axes: str) -> tuple[int, int]:
    """(Nr, Nt); an axis that is not there has length 1."""
    nr, nt = (shape[axes.index(letter)] if letter in axes else 1 for letter in "rt")
    return nr, nt


# What axes beside antennas are taken for, by their number.
_OTHERS = ("", "n", "nf", "nsf")
_USUAL = {"rt", "nr", "nt", "nrt", "rtn", "nfrt", "nrtf", "rtfn", "rtnf", "nsfrt", "nrtfs", "rtfsn"}


class View(NamedTuple):
    """An array with its axes in the order samples, steps, receive, transmit(, parts).

    sample_shape, step_shape: lengths of the first axes, which may be none.
    """

    array: np.ndarray
    sample_shape: tuple[int, ...]
    step_shape: tuple[int, ...]
    num_rx_ant: int
    num_tx_ant: int

    @property
    def size(self) -> tuple[int, int]:
        """(Nr, Nt)."""
        return self.num_rx_ant, self.num_tx_ant

    @property
    def num_samples(self) -> int:
        return int(np.prod(self.sample_shape, dtype=np.int64))

    @property
    def num_steps(self) -> int:
        return int(np.prod(self.step_shape, dtype=np.int64))

    def rows(self, sample: np.ndarray, step: np.ndarray) -> ComplexArray:
        """(k, Nr, Nt) complex128, in memory: the channels at k pairs of sample and step."""
        index = (*_unravel(sample, self.sample_shape), *_unravel(step, self.step_shape))
        if index:
            rows = np.asarray(self.array[index])
        else:
            rows = np.broadcast_to(self.array, (len(sample), *self.array.shape))
        with np.errstate(over="ignore", invalid="ignore"):
            return _as_complex(rows).reshape(len(sample), self.num_rx_ant, self.num_tx_ant)


def _unravel(index: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.unravel_index(index, shape)) if shape else ()


def _as_complex(rows: np.ndarray) -> ComplexArray:
    """complex128 of complex numbers, of records, or of pairs on the last axis."""
    if rows.dtype.kind == "c":
        return rows.astype(np.complex128)
    fields = part_fields(rows.dtype)
    real, imag = (rows[..., 0], rows[..., 1]) if fields is None else (rows[f] for f in fields)
    whole = np.empty(real.shape, np.complex128)
    whole.real, whole.imag = real, imag
    return whole


def view_of(
    array: np.ndarray, axes: str, frequency_index: int | None, time_index: int | None
) -> View:
    """The array by its letters, at one frequency or time step where an index is given."""
    for field, letter, index in (
        ("frequency_index", "f", frequency_index),
        ("time_index", "s", time_index),
    ):
        if index is None:
            continue
        if letter not in axes:
            raise invalid(field, index, f"nothing: axes {axes!r} has no {letter!r}")
        axis = axes.index(letter)
        if not 0 <= index < array.shape[axis]:
            raise invalid(field, index, f"0 ... {array.shape[axis] - 1}")
        array = array[(slice(None),) * axis + (index,)]
        axes = axes[:axis] + axes[axis + 1 :]
    groups = {
        name: [i for i, a in enumerate(axes) if a in letters]
        for name, letters in {"n": "n", "step": _STEPS, "r": "r", "t": "t", "c": "c"}.items()
    }
    shapes = {name: tuple(array.shape[i] for i in places) for name, places in groups.items()}
    ordered = array.transpose([i for places in groups.values() for i in places])
    return View(
        ordered,
        shapes["n"],
        shapes["step"],
        int(np.prod(shapes["r"], dtype=np.int64)),
        int(np.prod(shapes["t"], dtype=np.int64)),
    )
