"""TOML in and out: plain values, lists of them, and tables."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimolearn.errors import InvalidInputError, invalid


def read_toml(path: str | Path) -> dict[str, Any]:
    """Parse a TOML file; every failure is one line that names the file."""
    try:
        return parse_toml(Path(path).read_text("utf-8"), str(path))
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        if isinstance(error, InvalidInputError):
            raise
        # Not UTF-8, or a NUL in the path.
        raise InvalidInputError(f"{path}: not a text file in UTF-8: {error}") from None


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse TOML text; ``name`` is what the error calls it."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"{name}: not valid TOML: {error}") from None


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
