"""Frozen models of plain values whose errors are one line: field, value, expectation."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mimolearn.foundation.errors import InvalidInputError, invalid

# Strict: a number in quotes, or true where a number is meant, is a mistake and not a number.
Real = Annotated[float, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=1)]


class PlainModel(BaseModel):
    """Base of everything that can be put in a TOML file: frozen, no unknown keys, all finite.

    Raises InvalidInputError with the first problem, also for a model inside a model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise InvalidInputError(describe_validation_error(error, type(self))) from None

    def with_(self, **fields: Any) -> Self:
        """Return a copy with other fields, which are checked as those of a new one.

        Args:
            **fields: new values by the name of the field.

        Raises:
            InvalidInputError: one line that names the field.
        """
        kept = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**kept | fields)

    def __str__(self) -> str:
        return repr(self)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        # What is left at its default says nothing.
        fields = type(self).model_fields
        for name, value in super().__repr_args__():
            default = fields[name].get_default(call_default_factory=True) if name in fields else ...
            if value != default:
                yield name, value


def describe_validation_error(
    error: ValidationError, model: type[BaseModel] | None = None, name: str = "input"
) -> str:
    """The first problem of a pydantic error in one line.

    model: the class that was validated; with it, a misspelt key gets a suggestion.
    name: what to call the whole, when the problem is not in one of its fields.
    """
    problems = error.errors(include_url=False)
    # A misspelt key is also reported as a missing one: name the cause first.
    problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")
    text = _describe(problems[0], model, name)
    more = len(problems) - 1
    return f"{text} (and {more} more)" if more else text


def _describe(problem: Any, model: type[BaseModel] | None, name: str) -> str:
    location = _without_union_tags(problem["loc"], model)
    field = ".".join(location) or name
    context: dict[str, Any] = problem.get("ctx", {})
    match problem["type"]:
        case "extra_forbidden":
            known = list(model.model_fields) if model is not None and len(location) == 1 else []
            if not known:
                return f"{field}: unknown key; it is not part of this table"
            return f"{field}: unknown key, expected one of {_words(location[-1], known)}"
        case "missing":
            return f"{field}: missing, a value is required"
        case "value_error":
            message = str(problem["msg"]).removeprefix("Value error, ")
            # A validator's own message names its field; one of a nested model only the inner one.
            if location and message.startswith(f"{location[-1]}:"):
                location.pop()
            return ".".join([*location, message])
        case "union_tag_invalid" | "union_tag_not_found" as kind:
            discriminator = str(context["discriminator"]).strip("'")
            field = f"{field}.{discriminator}"
            if kind == "union_tag_not_found":
                return f"{field}: missing, a value is required"
            tags = re.findall(r"'([^']*)'", context["expected_tags"])
            return str(invalid(field, context["tag"], f"one of {_words(context['tag'], tags)}"))
        case "literal_error":
            words = re.findall(r"'([^']*)'", str(context["expected"]))
            if not words:
                # Numbers, which pydantic lists without quotes.
                return str(invalid(field, problem["input"], str(context["expected"])))
            return str(
                invalid(field, problem["input"], f"one of {_words(problem['input'], words)}")
            )
    return str(invalid(field, problem["input"], _expectation(problem["type"], problem, context)))


def _without_union_tags(loc: tuple[int | str, ...], model: type[BaseModel] | None) -> list[str]:
    """Field names and list positions: the tag that pydantic puts after a union is not a key."""
    location = [str(part) for part in loc]
    if model is None or len(location) < 2 or location[0] not in model.model_fields:
        return location
    if model.model_fields[location[0]].discriminator is not None:
        del location[1]
    return location


def _expectation(kind: str, problem: Any, context: dict[str, Any]) -> str:
    expectations = {
        "int_type": "an integer",
        "int_from_float": "an integer",
        "float_type": "a number",
        "finite_number": "a finite number",
        "bool_type": "true or false",
        "string_type": "a string",
        "model_type": "a table",
        "model_attributes_type": "a table",
        "dict_type": "a table",
        "list_type": "a list",
        "tuple_type": "a list",
    }
    bounds = {
        "greater_than_equal": ("at least", "ge"),
        "greater_than": ("above", "gt"),
        "less_than_equal": ("at most", "le"),
        "less_than": ("below", "lt"),
    }
    if kind in bounds:
        word, key = bounds[kind]
        return f"a value {word} {context[key]}"
    if kind == "too_short":
        return f"at least {context['min_length']} of them"
    if kind == "string_too_long":
        return f"at most {context['max_length']} characters"
    message = str(problem["msg"])
    return expectations.get(kind, message[0].lower() + message[1:])


def _words(word: object, known: list[str]) -> str:
    near = difflib.get_close_matches(str(word), known, n=1)
    return ", ".join(known) + (f" (did you mean {near[0]!r}?)" if near else "")
