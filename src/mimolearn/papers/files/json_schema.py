"""JSON schemas of the library's TOML files, for editors that complete and check as one writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter

from mimolearn.foundation.errors import check_one_of
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Scenario
from mimolearn.papers.files.tables import PaperFile
from mimolearn.papers.files.templates import EACH
from mimolearn.training.recipe import BeamRecipe, Recipe, SoftBitRecipe

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# A value that stands for another: "@name" of [shared], or "{name}" of each.
_TEMPLATE = {"type": "string", "pattern": r"^@[\w-]+$|\{\w+\}"}


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON schema of a kind of file.

    Args:
        kind: "paper", "scenario" or "recipe".

    Raises:
        InvalidInputError: for another kind.
    """
    schema = _SCHEMAS[check_one_of("schema", kind, _SCHEMAS)]()
    return {"$schema": _DIALECT, **schema, "title": f"mimolearn {kind}"}


def _paper() -> dict[str, Any]:
    return _with_templates(TypeAdapter(PaperFile).json_schema())


def _scenario() -> dict[str, Any]:
    schema = TypeAdapter(Scenario | GridScenario | BeamScenario).json_schema()
    for name in ("Scenario", "GridScenario", "BeamScenario"):
        # The table of a file that says how the link is run.
        schema["$defs"][name]["properties"]["run"] = {"type": "object"}
    return schema


def _recipe() -> dict[str, Any]:
    schema = TypeAdapter(Recipe | SoftBitRecipe | BeamRecipe).json_schema()
    for name in ("Recipe", "SoftBitRecipe", "BeamRecipe"):
        properties = schema["$defs"][name]["properties"]
        # A file may also name a scenario that ships, or another file.
        properties["scenario"] = {"anyOf": [{"type": "string"}, properties["scenario"]]}
    return schema


_SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "paper": _paper,
    "scenario": _scenario,
    "recipe": _recipe,
}


def _with_templates(schema: Any) -> Any:
    """A schema whose tables may have ``each``, and whose values may be templates."""
    if isinstance(schema, list):
        return [_with_templates(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    content = {key: _with_templates(item) for key, item in schema.items()}
    for inner in ("items", "additionalProperties"):
        if isinstance(content.get(inner), dict):
            content[inner] = _or_template(content[inner])
    properties = content.get("properties")
    if isinstance(properties, dict) and content.get("type") == "object":
        content["properties"] = {
            EACH: {"description": "one copy of the table for each", "type": ["object", "array"]},
            **{name: _or_template(item) for name, item in properties.items()},
        }
        # What a copy gets from the tables around it is not in the file.
        content.pop("required", None)
    return content


def _or_template(schema: Any) -> Any:
    """A schema that a template fits as well, unless it is one of any text, or of one word."""
    if "const" in schema or (
        schema.get("type") == "string" and not {*schema} & {"enum", "pattern"}
    ):
        return schema
    return {"anyOf": [schema, _TEMPLATE]}
