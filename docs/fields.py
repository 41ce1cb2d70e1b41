"""The fields of a pydantic model as Markdown tables."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docstrings import entries

_WORDS = {int: "integer", float: "number", bool: "true or false", str: "text"}


def tables(model: type[BaseModel], skip: tuple[str, ...], path: str = "") -> Iterator[str]:
    """A model's table, then that of every model that its fields hold; fields in skip stay shut."""
    yield table(model, f"### `[{path}]`" if path else "")
    for name, field in model.model_fields.items():
        inner = _inner_model(field.annotation)
        if inner is not None and name not in skip:
            yield from tables(inner, skip, f"{path}.{name}" if path else name)


def table(model: type[BaseModel], heading: str) -> str:
    """What the class says of itself, and its fields: kind, bounds, default and meaning."""
    prose, meanings = _told(model)
    rows = [
        f"| `{name}` | {_described(name, field)} | {_default(field)} | {meanings.get(name, '')} |"
        for name, field in model.model_fields.items()
    ]
    head = ["| field | value | default | what it is |", "|---|---|---|---|"]
    return "\n".join([f"{heading}\n" if heading else "", prose, "", *head, *rows, ""])


def _told(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """The docstring without its example and attributes, and what it says of each attribute."""
    text = (inspect.getdoc(model) or "").split(">>>")[0].split("\n\nRaises:")[0].strip()
    prose, _, section = text.partition("\n\nAttributes:\n")
    listed, _, rest = section.partition("\n\n")
    meanings = {
        name: _escaped(told).replace("|", "\\|")
        for names, told in (entries(listed.split("\n")) if listed else ())
        for name in names.split(", ")
    }
    return _escaped("\n\n".join(filter(None, [prose, rest]))), meanings


def _escaped(text: str) -> str:
    return text.replace("*", "\\*").replace("<", "&lt;").replace("``", "`")


def _described(name: str, field: FieldInfo) -> str:
    bounds = [words for item in field.metadata for words in _bounds(item)]
    return ", ".join([_kind(name, field.annotation), *bounds])


def _kind(name: str, annotation: Any) -> str:
    """A type in words."""
    parts = [part for part in get_args(annotation) if part is not type(None) and part is not ...]
    origin = get_origin(annotation)
    if annotation in _WORDS:
        return _WORDS[annotation]
    if origin is Literal:
        return ", ".join(f"`{json.dumps(word)}`" for word in parts)
    if origin is tuple:
        inner = _inner_model(annotation)
        return f"tables `[[{name}]]`" if inner else f"list: {_kind(name, parts[0])}"
    if origin is dict or _inner_model(annotation):
        return f"text, or table `[{name}]`" if str in parts else f"table `[{name}]`"
    if hasattr(annotation, "__metadata__"):
        bounds = [words for item in annotation.__metadata__ for words in _bounds(item)]
        return ", ".join([_kind(name, annotation.__origin__), *bounds])
    if parts:
        return " or ".join(dict.fromkeys(_kind(name, part) for part in parts))
    return f"{annotation.__name__.lower()}, as text or table"


def _bounds(item: Any) -> Iterator[str]:
    if isinstance(item, FieldInfo):
        for inner in item.metadata:
            yield from _bounds(inner)
    words = {
        annotated_types.Ge: ("at least", "ge"),
        annotated_types.Gt: ("above", "gt"),
        annotated_types.Le: ("at most", "le"),
        annotated_types.Lt: ("below", "lt"),
    }
    for kind, (word, attribute) in words.items():
        if isinstance(item, kind):
            yield f"{word} {getattr(item, attribute):g}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, BaseModel) or value in ((), {}):
        return ""
    if isinstance(value, tuple):
        return f"`{json.dumps([getattr(item, 'label', item) for item in value])}`"
    return f"`{json.dumps(value)}`"


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    pending: list[Any] = [annotation]
    while pending:
        found = pending.pop()
        if isinstance(found, type) and issubclass(found, BaseModel):
            return found
        pending += get_args(found)
    return None
