"""Scenarios of both kinds, those of single channels and those over a resource grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimolearn.foundation.errors import user_path
from mimolearn.foundation.tomlfile import is_toml_file, read_toml
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.scenario import Scenario, read_shipped

AnyScenario = Scenario | GridScenario


def scenario_class(content: Mapping[str, Any]) -> type[Scenario] | type[GridScenario]:
    """The class of a scenario's fields: a table [frame] makes it one over a resource grid."""
    return GridScenario if "frame" in content else Scenario


def read_scenario(source: str | Path) -> tuple[AnyScenario, dict[str, Any]]:
    """A scenario, and the content of its file.

    Args:
        source: the path of a TOML file, or the name of a scenario that ships.

    Raises:
        InvalidInputError: one line that names the file and the field.
    """
    name, is_file = str(source), is_toml_file(source)
    content = read_toml(source) if is_file else read_shipped(name)
    folder = user_path(source).parent if is_file else Path()
    return scenario_class(content).from_content(content, name, folder), content
