"""Tensors that are made once and kept, independent of the mode of torch of the first caller."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from mimolearn.foundation.tensors.modes import plain_mode

_Function = TypeVar("_Function", bound=Callable[..., Any])
_CLEAR: list[Callable[[], None]] = []


def made_once(maxsize: int) -> Callable[[_Function], _Function]:
    """Like ``functools.lru_cache``, for functions that return tensors.

    ``lru_cache`` alone would keep an inference tensor, or the placeholder of a traced program, for
    every later caller of the process. The function runs in ``plain_mode``. Nothing is kept of a
    call that raises. All callers share one result: a user gets a copy, made by ``copied``.
    """

    def decorate(function: _Function) -> _Function:
        @functools.lru_cache(maxsize=maxsize)
        def kept(*args: Any) -> Any:
            with plain_mode():
                return function(*args)

        @functools.wraps(function)
        def make(*args: Any) -> Any:
            return kept(*args)

        # torch.compile then takes the result as a constant. The decorator for it,
        # torch.compiler.assume_constant_result, would import the compiler.
        vars(make)["_dynamo_marked_constant"] = True
        _CLEAR.append(kept.cache_clear)
        result: Any = make
        return result

    return decorate


def forget() -> None:
    """Drop all kept results, as in a fresh process."""
    for clear in _CLEAR:
        clear()


def copied(value: Any) -> Any:
    """Copy a tensor, or a named tuple of tensors, for a caller who may edit it.

    A traced program gets the constant itself, because it cannot edit it.
    """
    if torch.compiler.is_compiling():
        return value
    if isinstance(value, Tensor):
        return value.clone()
    return type(value)(*(tensor.clone() for tensor in value))
