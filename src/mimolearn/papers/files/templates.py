"""What keeps a paper's file short: shared values, repeated tables, and defaults of outer tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mimolearn.foundation.errors import check_one_of, invalid

EACH = "each"
_CHOICE = "model", "kind", "name"
_MOST_COPIES = 1000


def share(value: Any, shared: Mapping[str, Any]) -> Any:
    """A value with every "@name" replaced by what the table ``[shared]`` has under that name.

    Args:
        value: a table, a list, or a plain value. A list in the place of an item joins its list.
        shared: values by name.

    Raises:
        InvalidInputError: one line, for a name that is not there.

    >>> share(["zf", "@others"], {"others": ["lmmse", "sphere"]})
    ['zf', 'lmmse', 'sphere']
    """
    if isinstance(value, str) and re.fullmatch(r"@[\w-]+", value):
        name = check_one_of("shared value", value[1:], shared)
        return share(shared[name], {k: v for k, v in shared.items() if k != name})
    if isinstance(value, Mapping):
        return {key: share(item, shared) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    return _joined((item, share(item, shared)) for item in value)


def _joined(items: Iterable[tuple[Any, Any]]) -> list[Any]:
    """Items of a list, each before and after; a list in the place of a text joins the list."""
    joined: list[Any] = []
    for before, after in items:
        joined += after if isinstance(before, str) and isinstance(after, list) else [after]
    return joined


def repeat(value: Any, path: str = "") -> Any:
    """A value in which every table of a list that has a key ``each`` stands once for each.

    ``each`` is a list of tables, one for each copy, or a table of lists, for all combinations. In
    the copies "{name}" stands for the value: a text of nothing else becomes the value itself.

    Args:
        value: parsed TOML.
        path: of the value within the file, for errors.

    Raises:
        InvalidInputError: one line, for an ``each`` of another form.

    >>> repeat([{"each": {"n": [1, 2]}, "at": "{n}", "text": "{n} layers"}])
    [{'at': 1, 'text': '1 layers'}, {'at': 2, 'text': '2 layers'}]
    """
    if isinstance(value, Mapping):
        return {k: repeat(item, f"{path}.{k}".lstrip(".")) for k, item in value.items()}
    if not isinstance(value, list):
        return value
    items: list[Any] = []
    for item in value:
        copies = _copies(item, path) if isinstance(item, Mapping) and EACH in item else [item]
        items += [repeat(copy, path) for copy in copies]
    return items


def _copies(table: Mapping[str, Any], path: str) -> Iterator[Any]:
    rest = {key: item for key, item in table.items() if key != EACH}
    rows = _rows(table[EACH], f"{path}.{EACH}")
    if len(rows) > _MOST_COPIES:
        raise invalid(f"{path}.{EACH}", len(rows), f"at most {_MOST_COPIES} copies")
    return (fill(rest, row) for row in rows)


def _rows(each: Any, path: str) -> list[Mapping[str, Any]]:
    if isinstance(each, list) and each and all(isinstance(row, Mapping) for row in each):
        return each
    if isinstance(each, Mapping) and each and all(isinstance(v, list) for v in each.values()):
        return [dict(zip(each, row, strict=True)) for row in itertools.product(*each.values())]
    raise invalid(path, each, "a list of tables, or a table of lists")


def fill(value: Any, names: Mapping[str, Any]) -> Any:
    """A value with "{name}" replaced by what the name stands for, in keys too.

    As for ``share``, a list in the place of an item joins its list.

    >>> fill("{label} at {snr} dB", {"label": "zf", "snr": 4.0})
    'zf at 4 dB'
    """
    if isinstance(value, Mapping):
        return {str(fill(key, names)): fill(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return _joined((item, fill(item, names)) for item in value)
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\{(\w+)\}", value)
    if whole and whole[1] in names:
        return names[whole[1]]

    def text(match: re.Match[str]) -> str:
        if match[1] not in names:
            return match[0]
        replaced = names[match[1]]
        return f"{replaced:g}" if isinstance(replaced, float) else str(replaced)

    return re.sub(r"\{(\w+)\}", text, value)


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A table with changes: tables are merged, all else is replaced.

    A table that names another model, kind or name than the base's takes its place as a whole.

    >>> merge({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}})
    {'a': 1, 'b': {'c': 4, 'd': 3}}
    """
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = value
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            alike = all(value.get(word, old.get(word)) == old.get(word) for word in _CHOICE)
            merged[key] = merge(old, value) if alike else value
    return merged
