"""Reading recorded LLRs and bits from NumPy, HDF5 and MATLAB files; nothing is ever unpickled."""

from __future__ import annotations

import numpy as np

from mimolearn.foundation.errors import InvalidInputError, invalid
from mimolearn.link.channels.files.channelfile import (
    UNREADABLE,
    file_stamp,
    opened_variables,
)
from mimolearn.link.channels.files.limits import check_memory, memory_limit
from mimolearn.link.channels.files.variables import Variable, listing

# Names that LLRs and sent bits usually have.
_LLR_NAMES = ("llr", "llrs", "soft_bits", "softbits", "soft")
_BIT_NAMES = ("bits", "sent", "sent_bits", "tx_bits", "coded_bits", "bit", "b")


def read_recording(
    path: str, llr: str = "", bits: str = "", bits_path: str = ""
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read LLRs, and the sent bits where a file has them.

    Args:
        path: of the file of LLRs.
        llr: name of the variable of LLRs; default "", the only array of real numbers, or the one
            of a usual name such as "llr".
        bits: name of the variable of sent bits; default "", the one of a usual name such as "bits",
            if any.
        bits_path: another file, of the sent bits; default "", the same one.

    Returns:
        both as they are stored; None for bits that are not there.

    Raises:
        InvalidInputError: one line, for a file that cannot be read, and for a name that is not in
            it or does not tell enough.
    """
    both = not bits_path
    with_llr = _read(path, llr, _LLR_NAMES, "llr", leave=_BIT_NAMES if both and not bits else ())
    assert with_llr is not None
    if bits_path:
        return with_llr, _read(bits_path, bits, _BIT_NAMES, "bits")
    return with_llr, _read(path, bits, _BIT_NAMES, "bits", must=bool(bits))


def _read(
    path: str,
    name: str,
    usual: tuple[str, ...],
    field: str,
    *,
    must: bool = True,
    leave: tuple[str, ...] = (),
) -> np.ndarray | None:
    file_stamp(path)
    limit = memory_limit(path, None)
    try:
        with opened_variables(path, (name,) if name else (), limit) as variables:
            chosen = _chosen(path, variables, name, usual, field, must, leave)
            if chosen is None:
                return None
            check_memory(path, str(chosen), chosen.num_bytes, limit)
            assert chosen.read is not None
            return np.array(chosen.read())
    except UNREADABLE as error:
        if isinstance(error, InvalidInputError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise invalid("path", path, f"a file of LLRs; it cannot be read: {reason}") from None


def _chosen(
    path: str,
    variables: list[Variable],
    name: str,
    usual: tuple[str, ...],
    field: str,
    must: bool,
    leave: tuple[str, ...],
) -> Variable | None:
    real = [v for v in variables if v.read is not None and _is_real(v)]
    if name:
        named = [variable for variable in real if variable.name == name]
        if not named:
            raise invalid(field, name, f"an array of real numbers in {path}: {listing(variables)}")
        return named[0]
    named = [variable for variable in real if _last(variable) in usual]
    if len(named) == 1:
        return named[0]
    if not must:
        return None
    rest = [variable for variable in real if _last(variable) not in leave]
    if len(rest) == 1 and not named:
        return rest[0]
    raise invalid(field, "", f"the name of an array of real numbers in {path}: {listing(real)}")


def _is_real(variable: Variable) -> bool:
    return variable.dtype is not None and variable.dtype.kind in "fiub"


def _last(variable: Variable) -> str:
    """The last part of a name, in small letters."""
    return variable.name.rpartition("/")[2].rpartition(".")[2].lower()
