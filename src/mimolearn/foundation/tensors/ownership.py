"""Copies of results that share memory with inputs, so that an edit of one leaves the other alone.

A detector may keep its inputs, or return a part of what it has prepared; a beamformer may return
parts of the channel. The caller does not know which, and may write into any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

_Result = TypeVar("_Result")
# The stubs of torch do not list it.
_is_alias_of: Any = vars(torch._C)["_is_alias_of"]


def copy_shared(value: _Result, *others: Any) -> _Result:
    """Return ``value`` with a copy of every tensor that shares memory with ``others``.

    Both may be tensors, or tuples, lists and dictionaries of tensors at any depth.
    """
    # A traced program does not write into its inputs.
    if torch.compiler.is_compiling():
        return value
    return _copy_shared(value, list(_tensors(others)))


def copy_shared_parts(result: _Result, *others: Any) -> _Result:
    """Replace every tensor attribute that shares memory with ``others`` by a copy, in place."""
    if not torch.compiler.is_compiling():
        tensors = list(_tensors(others))
        for name, value in vars(result).items():
            if isinstance(value, Tensor) and any(_is_alias_of(value, other) for other in tensors):
                setattr(result, name, value.clone())
    return result


def _copy_shared(value: Any, others: list[Tensor]) -> Any:
    if isinstance(value, Tensor):
        shared = any(_is_alias_of(value, other) for other in others)
        return value.clone() if shared else value
    if isinstance(value, tuple):
        parts = [_copy_shared(part, others) for part in value]
        make: Any = type(value)
        return make(*parts) if hasattr(value, "_fields") else make(parts)
    if isinstance(value, list):
        return [_copy_shared(part, others) for part in value]
    if isinstance(value, dict):
        return {key: _copy_shared(part, others) for key, part in value.items()}
    return value


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
