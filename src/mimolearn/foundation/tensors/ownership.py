"""Copies of results that share memory with inputs, so that an edit of one leaves the other alone.

A detector may keep its inputs, or return a part of what it has prepared; a beamformer may return
parts of the channel. The caller does not know which, and may write into any of them.
"""

from __future__ import annotations

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
    return _copy_shared(value, _tensors(others))


def copy_shared_parts(result: _Result, *others: Any) -> _Result:
    """Replace every tensor attribute that shares memory with ``others`` by a copy, in place."""
    if not torch.compiler.is_compiling():
        tensors = _tensors(others)
        for name, value in vars(result).items():
            if isinstance(value, Tensor) and _shares(value, tensors):
                setattr(result, name, value.clone())
    return result


def _copy_shared(value: Any, others: list[Tensor]) -> Any:
    if isinstance(value, Tensor):
        return value.clone() if _shares(value, others) else value
    if isinstance(value, tuple) and type(value) is not torch.Size:
        parts = [_copy_shared(part, others) for part in value]
        make: Any = type(value)
        return make(*parts) if hasattr(value, "_fields") else make(parts)
    if isinstance(value, list):
        return [_copy_shared(part, others) for part in value]
    if isinstance(value, dict):
        return {key: _copy_shared(part, others) for key, part in value.items()}
    return value


def _shares(value: Tensor, others: list[Tensor]) -> bool:
    for other in others:  # noqa: SIM110  # a generator takes longer, and a call 20 us in all
        if _is_alias_of(value, other):
            return True
    return False


def _tensors(value: Any) -> list[Tensor]:
    tensors: list[Tensor] = []
    _add_tensors(value, tensors)
    return tensors


def _add_tensors(value: Any, tensors: list[Tensor]) -> None:
    if isinstance(value, Tensor):
        tensors.append(value)
    elif isinstance(value, dict):
        _add_tensors(list(value.values()), tensors)
    elif isinstance(value, list) or (isinstance(value, tuple) and type(value) is not torch.Size):
        for part in value:
            _add_tensors(part, tensors)
