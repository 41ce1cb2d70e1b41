"""Memory of its own for what a detector hands out and keeps, so that edits elsewhere do not reach.

A detector may keep its inputs, or hand out a part of what it has prepared. The caller does not
know which, and may write into any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

from mimolearn.detection import Detection

_Kept = TypeVar("_Kept")


def own(value: _Kept, *others: Any) -> _Kept:
    """``value``, where every tensor that shares memory with ``others`` is a copy.

    Both may be tensors, or tuples, lists and dictionaries of tensors at any depth.
    """
    # A traced program writes into nothing that it was given.
    if torch.compiler.is_compiling():
        return value
    return _own(value, list(_tensors(others)))


def own_detection(detection: Detection, *others: Any) -> Detection:
    """A detection none of whose tensors shares memory with ``others``; changed in place."""
    if not torch.compiler.is_compiling():
        apart = list(_tensors(others))
        for name, value in vars(detection).items():
            if isinstance(value, Tensor):
                setattr(detection, name, _own(value, apart))
    return detection


def _own(value: Any, others: list[Tensor]) -> Any:
    if isinstance(value, Tensor):
        shared = any(torch._C._is_alias_of(value, other) for other in others)
        return value.clone() if shared else value
    if isinstance(value, tuple):
        parts = [_own(part, others) for part in value]
        make: Any = type(value)
        return make(*parts) if hasattr(value, "_fields") else make(parts)
    if isinstance(value, list):
        return [_own(part, others) for part in value]
    if isinstance(value, dict):
        return {key: _own(part, others) for key, part in value.items()}
    return value


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
