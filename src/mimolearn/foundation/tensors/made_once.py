"""Tensors that are made once and kept, free of whatever mode their first caller was in."""

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
    every later caller of the process. A call that raises leaves nothing behind.
    The results are shared: who hands one to a user hands out ``copied``.
    """

    def decorate(function: _Function) -> _Function:
        @functools.lru_cache(maxsize=maxsize)
        def kept(*args: Any) -> Any:
            with plain_mode():
                return function(*args)

        @functools.wraps(function)
        def make(*args: Any) -> Any:
            return kept(*args)

        # As torch.compiler.assume_constant_result does, which costs the import of a compiler:
        # torch.compile takes the result as it is and does not look inside.
        vars(make)["_dynamo_marked_constant"] = True
        _CLEAR.append(kept.cache_clear)
        result: Any = make
        return result

    return decorate


def forget() -> None:
    """Drop everything that was made, as in a fresh process."""
    for clear in _CLEAR:
        clear()


def copied(value: Any) -> Any:
    """A tensor or a named tuple of tensors in memory of its own, for whoever may edit it.

    A traced program gets the constant itself, which it cannot edit.
    """
    if torch.compiler.is_compiling():
        return value
    if isinstance(value, Tensor):
        return value.clone()
    return type(value)(*(tensor.clone() for tensor in value))
