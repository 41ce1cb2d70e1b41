"""The source files of the package, for tests of house rules."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import mimolearn

PACKAGE = Path(mimolearn.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


each_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def room_of(path: Path) -> str:
    """First part of a module's name inside the package; "" for the package itself."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return {"__init__": "", "__main__": "cli"}.get(first, first)


def imported_modules(path: Path) -> Iterator[str]:
    """Absolute names of all imports in a file, those inside functions included."""
    package = ["mimolearn", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield base
            # "from mimolearn import channels" names a room by its second half.
            yield from (f"{base}.{alias.name}" for alias in node.names)
