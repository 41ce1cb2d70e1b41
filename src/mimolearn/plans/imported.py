"""Detectors of your own by the name of their module: ``package.module:Name``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from mimolearn.constellation import Constellation
from mimolearn.detectors import (
    Detector,
    FunctionDetector,
    detector_name,
    detector_names,
    peer_names,
)
from mimolearn.foundation.errors import InvalidInputError, check_one_of, invalid

_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")

Imported = type[Detector] | Callable[..., Any]


def is_imported_name(name: str) -> bool:
    """Whether a name has the form ``package.module:Name``.

    >>> [is_imported_name(name) for name in ("lab.receivers:Mine", "k-best", "a:b=1")]
    [True, False, False]
    """
    return _NAME.fullmatch(name) is not None


def split_imported(text: str) -> tuple[str, str]:
    """The name at the start of a contender's text, and its options: "m:Name:k=16" is two parts.

    Returns:
        name and options; ("", text) where the text names no module.
    """
    match = re.match(_NAME.pattern + r"(?::|$)", text.strip())
    if match is None or detector_name(match[1]) in (*detector_names(), *peer_names()):
        # A known detector whose options lack a value.
        return "", text
    return f"{match[1]}:{match[2]}", text.strip()[match.end() :]


def import_detector(name: str) -> Imported:
    """The class or function of a name.

    Raises:
        InvalidInputError: one line, where there is no such module or nothing that detects in it.
    """
    module_name, _, attribute = name.partition(":")
    try:
        module = import_module(module_name)
    except Exception as error:  # a user's module may fail in any way
        problem = f"{type(error).__name__}: {error}"
        raise InvalidInputError(
            f"contender {name!r}: cannot import {module_name}: {problem}"
        ) from None
    value = getattr(module, attribute, None)
    if isinstance(value, type) and issubclass(value, Detector):
        return value
    if value is None or isinstance(value, type) or not callable(value):
        had = "nothing of this name" if value is None else type(value).__name__
        expected = "a subclass of mimolearn.Detector, or a function of y, h and noise_var"
        raise invalid(f"contender {name!r}", f"<{had}>", expected)
    return value


def imported_options(imported: Imported) -> Sequence[str]:
    """Names of the options that a class has; a function has none."""
    return imported.option_names() if isinstance(imported, type) else ()


def make_imported(
    name: str, constellation: Constellation | str, options: Mapping[str, Any]
) -> Detector:
    """Build the detector of a name.

    Raises:
        InvalidInputError: one line, as ``import_detector``, and for an unknown option.
    """
    imported = import_detector(name)
    for option in options:
        check_one_of(f"option of detector {name!r}", option, imported_options(imported))
    if isinstance(imported, type):
        return imported(constellation, **options)
    return FunctionDetector(constellation, imported)
