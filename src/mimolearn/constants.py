"""Tensors that are made once and kept, free of whatever mode their first caller was in."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

_Function = TypeVar("_Function", bound=Callable[..., Any])


@contextlib.contextmanager
def _plain_mode() -> Iterator[None]:
    """Eager mode on ordinary tensors, whatever the caller's mode is.

    Left for the time: inference mode, autograd, autocast, a default device, and everything that
    watches or replaces tensors (FakeTensorMode, the tracing of torch.export).
    """
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        torch.autocast("cpu", enabled=False),
        torch._C.DisableTorchFunction(),
        _disable_current_modes(),
    ):
        yield


def made_once(maxsize: int) -> Callable[[_Function], _Function]:
    """Like ``functools.lru_cache``, for functions that return tensors.

    ``lru_cache`` alone would keep an inference tensor, or the placeholder of a traced program, for
    every later caller of the process. A call that raises leaves nothing behind.
    The results are shared: who hands one to a user hands out ``copied``.
    """

    def decorate(function: _Function) -> _Function:
        @functools.lru_cache(maxsize=maxsize)
        def kept(*args: Any) -> Any:
            with _plain_mode():
                return function(*args)

        @functools.wraps(function)
        def make(*args: Any) -> Any:
            return kept(*args)

        # As torch.compiler.assume_constant_result does, which costs the import of a compiler:
        # torch.compile takes the result as it is and does not look inside.
        vars(make)["_dynamo_marked_constant"] = True
        vars(make)["cache_clear"] = kept.cache_clear
        result: Any = make
        return result

    return decorate


def copied(value: Any) -> Any:
    """A tensor or a named tuple of tensors in memory of its own, for whoever may edit it.

    A traced program gets the constant itself, which it cannot edit.
    """
    if torch.compiler.is_compiling():
        return value
    if isinstance(value, Tensor):
        return value.clone()
    assert isinstance(value, tuple)
    make: Callable[..., Any] = type(value)._make if hasattr(value, "_make") else tuple
    return make(tensor.clone() for tensor in value)
