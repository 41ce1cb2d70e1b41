"""Compiling kernels before they are needed."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

_PACKAGE = "mimolearn.kernels"


def builders(module: str) -> dict[str, Callable[[], Any]]:
    """The functions of a module of kernels that compile a kernel and take no arguments.

    A kernel that is made for one constellation or one setting is compiled when it is used.

    Args:
        module: as ``compile.kernel_files`` names it, "linear.linear".
    """
    loaded = importlib.import_module(f"{_PACKAGE}.{module}")
    return {
        name: function
        for name, function in vars(loaded).items()
        if isinstance(function, functools._lru_cache_wrapper)
        and function.__module__ == loaded.__name__
        and str(function.__wrapped__.__annotations__.get("return")).startswith("Callable[")
        and not inspect.signature(function).parameters
    }


def compile_module(module: str) -> int:
    """Compile the kernels of a module, or fetch their machine code from disk; says how many."""
    every = builders(module)
    for build in every.values():
        build()
    return len(every)
