"""TOML in and out: plain values, lists of them, and tables."""

from __future__ import annotations

import codecs
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimolearn.foundation.errors import InvalidInputError, invalid, user_path

_MAX_BYTES, _MAX_DEPTH = 10_000_000, 32


def read_toml(path: str | Path) -> dict[str, Any]:
    """Parse a TOML file; every failure is one line that names the file."""
    try:
        with user_path(path).open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        # A NUL in the path.
        raise InvalidInputError(f"{path!r}: not a file name: {error}") from None
    if len(data) > _MAX_BYTES:
        raise InvalidInputError(f"{path}: larger than {_MAX_BYTES} bytes, which no TOML file needs")
    return parse_toml(_decoded(data, str(path)), str(path))


def is_toml_file(source: str | Path) -> bool:
    """Whether a text names a TOML file, be it there or not, and no thing that ships.

    >>> is_toml_file("link.toml"), is_toml_file("lcgnet-32x64-bpsk")
    (True, False)
    """
    is_path = isinstance(source, Path) or source.endswith(".toml")
    return is_path or user_path(source).is_file()


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse TOML text; ``name`` is what the error calls it."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = _backslash_hint(text, str(error))
        raise InvalidInputError(f"{name}: not valid TOML: {error}{hint}") from None
    except RecursionError:
        raise InvalidInputError(f"{name}: not valid TOML: nested too deep") from None
    except ValueError:
        # Python reads no integer of more than some thousand digits.
        raise InvalidInputError(f"{name}: not valid TOML: an integer has too many digits") from None
    _check_limits(content, name)
    return content


def _decoded(data: bytes, name: str) -> str:
    """The text of a file. Some editors put a byte-order mark first, which is no part of it."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or (
        len(data) > 1 and data[:2].count(0) == 1
    ):
        raise InvalidInputError(f"{name}: this is UTF-16, expected UTF-8: save it in that encoding")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidInputError(
            f"{name}: not a text file in UTF-8: byte 0x{data[error.start]:02x} at line {line}"
        ) from None


def _backslash_hint(text: str, message: str) -> str:
    """What to do where the line of an error has a backslash in double quotes."""
    position = re.search(r"at line (\d+)", message)
    lines = text.splitlines()
    number = int(position[1]) - 1 if position else len(lines)
    if number < len(lines) and re.search(r'"[^"]*\\', lines[number]):
        return "; a backslash in double quotes begins an escape: use single quotes, as 'C:\\Users'"
    return ""


def _check_limits(content: dict[str, Any], name: str) -> None:
    """Raise InvalidInputError for integers and depths that nothing here can mean."""
    waiting: list[tuple[str, Any, int]] = [("", content, 0)]
    while waiting:
        key, value, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise InvalidInputError(f"{name}: {key[:60]}: nested more than {_MAX_DEPTH} deep")
        if isinstance(value, dict):
            waiting += [(f"{key}.{k}".lstrip("."), v, depth + 1) for k, v in value.items()]
        elif isinstance(value, list):
            waiting += [(key, item, depth + 1) for item in value]
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            expected = "an integer of at most 64 bits"
            raise InvalidInputError(f"{name}: {invalid(key, value, expected)}")


def write_toml(content: Mapping[str, Any]) -> str:
    """A mapping as TOML text. None is left out; a mapping in a list becomes an inline table.

    >>> print(write_toml({"snr_db": [0, 5.5], "run": {"contenders": [{"name": "cg"}]}}), end="")
    snr_db = [0, 5.5]
    <BLANKLINE>
    [run]
    contenders = [{name = "cg"}]
    """
    return "\n".join(_table_lines(content, ())).lstrip("\n") + "\n"


def _table_lines(content: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    tables = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    plain = {key: content[key] for key in content if key not in tables}
    lines = [f"{_key(k)} = {_value(k, v)}" for k, v in plain.items() if v is not None]
    for key, table in tables.items():
        inner = (*path, key)
        lines += ["", f"[{'.'.join(map(_key, inner))}]", *_table_lines(table, inner)]
    return lines


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key, key)


def _value(key: str, value: object) -> str:
    if isinstance(value, Mapping):
        pairs = [f"{_key(k)} = {_value(k, v)}" for k, v in value.items() if v is not None]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(key, item) for item in value) + "]"
    if isinstance(value, str):
        # JSON strings are TOML strings, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool | int | float):
        # str of a float is inf and nan as TOML spells them; JSON would not.
        return str(value).lower()
    raise invalid(key, value, "a string, number, boolean, list or table")
