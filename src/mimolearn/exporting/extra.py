"""The optional packages that writing and running ONNX needs, asked for when they are used."""

from __future__ import annotations

import importlib
from types import ModuleType

from mimolearn.exporting.pairs import ExportError


def needed(name: str, purpose: str = "export") -> ModuleType:
    """Import an optional package.

    Args:
        name: of the package.
        purpose: what an error says it is needed for.

    Raises:
        ExportError: one line; it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ExportError(
            f"{purpose}: needs the package {name}; install it with: pip install 'mimolearn[onnx]'"
        ) from None
