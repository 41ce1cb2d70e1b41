"""Names of a package that are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package whose names live in other modules.

    Type checkers read the same names from imports under ``TYPE_CHECKING``. Modules inside the
    package are reached by their names too, as after an import of all of them.

    Args:
        package: its full name.
        homes: the names that each module gives, with spaces between them; a name may be that of a
            module in it.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def get(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if name in home_of:
            module = importlib.import_module(home_of[name])
            value = getattr(module, name, None) or _module(home_of[name], name)
        else:
            value = _module(package, name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home_of})

    return get, names


def _module(package: str, name: str) -> Any:
    """A module inside a package; AttributeError where there is none."""
    full = f"{package}.{name}"
    try:
        return importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name != full:
            raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}") from None
