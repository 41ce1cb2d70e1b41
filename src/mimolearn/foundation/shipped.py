"""Files that come with the library: scenarios, recipes and weights, each known by its name."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from mimolearn.foundation.errors import check_one_of
from mimolearn.foundation.tomlfile import parse_toml


def shipped_folder(folder: str) -> Traversable:
    """A folder inside the package, as ``data/weights/receivers``."""
    return resources.files("mimolearn").joinpath(*folder.split("/"))


def shipped_names(folder: str, suffix: str = ".toml") -> tuple[str, ...]:
    """Names, without the suffix, of the files of a folder inside the package, sorted."""
    names = (file.name for file in shipped_folder(folder).iterdir())
    return tuple(sorted(n.removesuffix(suffix) for n in names if n.endswith(suffix)))


def read_shipped_toml(field: str, folder: str, name: str) -> dict[str, Any]:
    """A TOML file of the package, parsed; ``field`` is what the error about a name calls it."""
    check_one_of(field, name, shipped_names(folder))
    return parse_toml((shipped_folder(folder) / f"{name}.toml").read_text("utf-8"), name)
