"""Which variables of a file are its channels, and what a user is told where none can be chosen."""

from __future__ import annotations

import difflib
import re

from mimolearn.foundation.errors import invalid
from mimolearn.link.channels.files.axes import LEGEND, default_axes, fits, is_usable, suggested_axes
from mimolearn.link.channels.files.variables import Variable, listing, pair, printable, with_pairs

SHAPES = "a complex array (N, Nr, Nt), or a real one (N, Nr, Nt, 2)"
_PAIR = "+j*"


def choose(
    path: str, variables: list[Variable], wanted: tuple[str, ...], axes: str
) -> list[Variable]:
    """The variables to read: those wanted by name, or the only one that fits.

    Raises InvalidInputError whose line lists names, shapes and types, and says what would read.
    """
    everything = with_pairs(variables)
    if wanted:
        chosen = [v for word in wanted for v in _named(path, everything, word)]
        for variable in chosen:
            if not (fits(variable, axes) if axes else default_axes(variable)):
                raise _unfit(path, variable, axes)
        return chosen
    fitting = [
        v for v in everything if not v.is_part and (fits(v, axes) if axes else default_axes(v))
    ]
    if not axes:
        # A single matrix is taken for a channel only where there is nothing better.
        many = [v for v in fitting if default_axes(v) != "rt"]
        fitting = many or fitting
    if len(fitting) == 1:
        return fitting
    if len(everything) == 1 and not everything[0].name:
        raise _unfit(path, everything[0], axes)
    shapes = f"an array with axes {axes!r}" if axes else SHAPES
    if fitting:
        names = " or ".join(f"'{printable(v.name)}'" for v in fitting[:4])
        expected = f"the name of {shapes}; {path} has more than one: {listing(fitting)}"
        raise invalid("variable", "", f"{expected}; variable = {names} reads one")
    hint = _hint(everything, axes)
    expected = f"the name of {shapes}; {path} has none: {listing(everything)}{hint}"
    raise invalid("variable", "", expected)


def _named(path: str, variables: list[Variable], word: str) -> list[Variable]:
    """The variables of a name, of a pair "A+j*B", or of a pattern with "*"."""
    by_name = {variable.name: variable for variable in reversed(variables)}
    dotted = {name.replace("/", "."): variable for name, variable in by_name.items()}
    found = by_name.get(word) or dotted.get(word)
    if found is not None:
        return [found]
    if _PAIR in word:
        real, imag = (by_name.get(part.strip()) for part in word.split(_PAIR, 1))
        if real is not None and imag is not None:
            if real.is_real and imag.is_real and real.shape == imag.shape:
                return [pair(real, imag, word)]
            got = f"<{real} and {imag}>"
            raise invalid("variable", got, f"two real arrays of one shape in {path}")
    elif "*" in word:
        pattern = re.compile(".*".join(re.escape(part) for part in word.split("*")))
        matched = [v for v in variables if not v.is_part and pattern.fullmatch(v.name)]
        if matched:
            return sorted(matched, key=lambda variable: _natural(variable.name))
    near = difflib.get_close_matches(word, by_name, n=1)
    hint = f" (did you mean '{printable(near[0])}'?)" if near else ""
    raise invalid("variable", word, f"a name in {path}, which has {listing(variables)}{hint}")


def _natural(name: str) -> list[tuple[int, str]]:
    """H2 comes before H10."""
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"([0-9]+)", name)]


def _unfit(path: str, variable: Variable, axes: str) -> Exception:
    """The error for a variable that cannot be read as asked."""
    name = str(variable) if variable.name else f"array of shape {variable.shape}, {variable.dtype}"
    got = f"<{name}>"
    shapes = f"an array with axes {axes!r}" if axes else SHAPES
    field = "variable" if variable.name else "path"
    if variable.is_part:
        whole = variable.note.removeprefix("part of ")
        return invalid(field, got, f"{shapes} in {path}; variable = '{whole}' reads it")
    return invalid(field, got, f"{shapes} in {path}{_hint([variable], axes)}")


def _hint(variables: list[Variable], axes: str) -> str:
    """What would read one of the variables, for the end of a message; "" where nothing does."""
    for variable in sorted(variables, key=lambda v: (not v.is_complex, -v.num_bytes)):
        if variable.is_part or not is_usable(variable):
            continue
        for letters in suggested_axes(variable):
            if letters != axes:
                which = f" reads {printable(variable.name)}" if variable.name else " reads it"
                return f"; axes = {letters!r}{which}, if that is their order ({LEGEND})"
        if variable.is_real and len(variable.shape or ()) >= 2:
            return "; a real array has no phase: pairs 'H_r' and 'H_i', or an axis of 2, are read"
    return ""
