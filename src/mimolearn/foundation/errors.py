"""The errors that users meet, and the checks that raise them.

Every message names the argument, what came and what was expected, on one line.
"""

from __future__ import annotations

import cmath
import difflib
import math
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

# Importing torch takes a second, which `mimolearn --help` does not wait for.
if TYPE_CHECKING:
    from torch import Tensor


class MimolearnError(Exception):
    """Base of all errors that mimolearn raises on purpose; its text is one clear line."""


class InvalidInputError(MimolearnError, ValueError):
    """An argument, option or file content is not what it has to be."""


class ResultsFileError(MimolearnError):
    """A results file cannot be read or written: another schema, corrupted, read-only, full disk."""


class NotSoftError(MimolearnError, TypeError):
    """Soft output was asked of a method that makes hard decisions only."""


class NotCountedError(MimolearnError):
    """A detector was asked for work that nobody has counted."""


def invalid(field: str, value: object, expected: str) -> InvalidInputError:
    """Build the one-line error that every check raises.

    >>> str(invalid("num_iter", -1, "a positive integer"))
    'num_iter: got -1, expected a positive integer'
    """
    text = value if isinstance(value, str) and value.startswith("<") else _repr(value)
    if len(text) > 120:
        text = text[:117] + "..."
    return InvalidInputError(f"{field}: got {text}, expected {expected}")


def _repr(value: object) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):
        # An integer of thousands of digits, or what is nested without end.
        return f"<{type(value).__name__}>"


def printable(text: str, keep: str = "\n") -> str:
    """A text whose control characters are written as escapes, so that none reaches a terminal.

    keep: control characters that stay as they are.

    >>> printable("a" + chr(27) + "[31m", keep="")
    'a\\\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if letter not in keep and unicodedata.category(letter) in ("Cc", "Zl", "Zp")
        else letter
        for letter in text
    )


def is_plain_text(text: str) -> bool:
    """True without control characters, line separators and halves of surrogate pairs."""
    return not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)


def one_line(text: str) -> str:
    """A message on one line, without control characters."""
    return printable(" ".join(text.split()), keep="")


def user_path(path: str | Path) -> Path:
    """A path as a user gives it: a ``~`` or ``~name`` at its start is a home folder.

    It stays as it is where there is no such home, as in a shell.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_out_of_memory(error: BaseException) -> bool:
    """True for the errors by which Python, NumPy, numba and torch say that memory is used up."""
    # An error of torch needs a torch that was imported.
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return True
    words = ("can't allocate memory", "out of memory", "Cannot allocate memory")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def check_positive_int(field: str, value: object, at_most: int = 10**6) -> int:
    """A whole number from 1 up to what still ends in a bearable time and memory.

    >>> check_positive_int("num_iter", 2**62, 10_000)
    Traceback (most recent call last):
    ...
    mimolearn.foundation.errors.InvalidInputError: num_iter: got 4611686018427387904,
    expected an integer from 1 to 10000
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise invalid(field, value, "a positive integer")
    if value > at_most:
        raise invalid(field, value, f"an integer from 1 to {at_most}")
    return value


def check_real(
    field: str,
    value: object,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> float:
    """A finite number, optionally bounded; returns it as a float."""
    bounds = [
        text
        for bound, text in (
            (above, f"above {above}"),
            (at_least, f"at least {at_least}"),
            (at_most, f"at most {at_most}"),
        )
        if bound is not None
    ]
    expected = " ".join(["a finite number", *bounds])
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise invalid(field, value, expected)
    if (
        (above is not None and value <= above)
        or (at_least is not None and value < at_least)
        or (at_most is not None and value > at_most)
    ):
        raise invalid(field, value, expected)
    return float(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        # An integer beyond what a float holds.
        return False


def check_bool(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise invalid(field, value, "true or false")
    return value


# A line that lists more words than these is not read.
_MOST_LISTED, _FIRST_LISTED = 40, 12


def check_one_of(field: str, value: object, allowed: Iterable[str]) -> str:
    """One of the allowed words; the error names the nearest one.

    >>> check_one_of("order", "sortd", ["none", "sorted"])
    Traceback (most recent call last):
    ...
    mimolearn.foundation.errors.InvalidInputError: order: got 'sortd', expected one of none, sorted
    (did you mean 'sorted'?)
    """
    words = list(allowed)
    if isinstance(value, str) and value in words:
        return value
    near = difflib.get_close_matches(str(value), words, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    listed = words if len(words) <= _MOST_LISTED else [*words[:_FIRST_LISTED], "..."]
    raise invalid(field, value, f"one of {', '.join(listed)}{hint}")


def check_shape(field: str, tensor: object, expected: str, ok: bool) -> None:
    import torch

    if not isinstance(tensor, torch.Tensor):
        raise invalid(field, f"<{type(tensor).__name__}>", f"a tensor of shape {expected}")
    if not ok:
        raise invalid(field, f"<shape {tuple(tensor.shape)}>", f"shape {expected}")


def all_finite(tensor: Tensor) -> bool:
    """True when no entry is NaN or infinite.

    One pass of a sum settles the usual case; only a sum that overflows needs the full look.
    """
    # As a Python number: one vector takes microseconds, and torch takes some to look at one sum.
    if cmath.isfinite(tensor.sum().item()):
        return True
    import torch

    return bool(torch.isfinite(tensor).all())


def check_finite(field: str, tensor: Tensor) -> None:
    import torch

    # A traced program cannot look at its data: what it is made of was checked, what it gets is not.
    if torch.compiler.is_compiling() or all_finite(tensor.detach()):
        return
    bad = int((~torch.isfinite(tensor)).sum())
    raise invalid(field, f"<{bad} of {tensor.numel()} entries NaN or infinite>", "finite entries")
