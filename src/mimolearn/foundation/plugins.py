"""Modules that add to the library: its own parts that load late, and those of other packages."""

from __future__ import annotations

from importlib import import_module, metadata

from mimolearn.foundation.errors import InvalidInputError

# Modules of this library by what they add to; importing one registers what it has.
_MODULES: dict[str, list[str]] = {}


def add_module(group: str, module: str) -> None:
    """Name a module to import when a name of a group is looked for."""
    _MODULES.setdefault(group, []).append(module)


def import_modules(group: str) -> None:
    """Import the modules that were named for a group."""
    for module in _MODULES.get(group, ()):
        import_module(module)


def entry_points(group: str) -> dict[str, metadata.EntryPoint]:
    """What installed packages offer for a group, by name, in their ``[project.entry-points]``."""
    return {point.name: point for point in metadata.entry_points(group=group)}


def load_entry_point(point: metadata.EntryPoint) -> object:
    """What an entry point names.

    Raises:
        InvalidInputError: one line, where the package cannot be imported.
    """
    try:
        return point.load()
    except Exception as error:  # a package may fail in any way while it is imported
        raise InvalidInputError(
            f"entry point {point.name!r} = {point.value!r} cannot be loaded: "
            f"{type(error).__name__}: {error}"
        ) from None
