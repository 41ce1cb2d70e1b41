"""Memory of its own for what is handed out and kept, so that edits elsewhere do not reach it.

A detector may keep its inputs, or hand out a part of what it has prepared, and a beamformer parts
of the channel. The caller does not know which, and may write into any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

_Kept = TypeVar("_Kept")
# The stubs of torch do not list it.
_is_alias_of: Any = vars(torch._C)["_is_alias_of"]


def own(value: _Kept, *others: Any) -> _Kept:
    """``value``, where every tensor that shares memory with ``others`` is a copy.

    Both may be tensors, or tuples, lists and dictionaries of tensors at any depth.
    """
    # A traced program writes into nothing that it was given.
    if torch.compiler.is_compiling():
        return value
    return _own(value, list(_tensors(others)))


def own_parts(thing: _Kept, *others: Any) -> _Kept:
    """An object none of whose tensors shares memory with ``others``; changed in place."""
    if not torch.compiler.is_compiling():
        apart = list(_tensors(others))
        for name, value in vars(thing).items():
            if isinstance(value, Tensor):
                setattr(thing, name, _own(value, apart))
    return thing


def _own(value: Any, others: list[Tensor]) -> Any:
    if isinstance(value, Tensor):
        shared = any(_is_alias_of(value, other) for other in others)
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
