"""Modes of torch that a caller may be in, and what the library does about each.

====================================  =============================================================
autocast, default device              switched off inside: the mathematics needs its precision
inference mode                        switched off while tensors are made that stay (``constants``)
FakeTensorMode, tensors without data  refused in one line, unless a program is being traced
other modes that watch operations,    the torch path in place of compiled kernels, which none of
torch.func, forward-mode derivatives  them would see
====================================  =============================================================
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd import forward_ad
from torch.utils._python_dispatch import (
    _disable_current_modes,
    _get_current_dispatch_mode_stack,
)

from mimolearn.foundation.errors import invalid

_Method = TypeVar("_Method", bound=Callable[..., Any])
# Its stubs do not list what is asked here. Names of their own: every call asks all of it.
_C: Any = torch._C
_any_autocast = _C._is_any_autocast_enabled
_num_function_modes = _C._len_torch_function_stack
_num_dispatch_modes = _C._len_torch_dispatch_stack
_transforms = _C._functorch.peek_interpreter_stack
_STRIDED = torch.strided


@contextlib.contextmanager
def plain_mode() -> Iterator[None]:
    """Eager mode on ordinary tensors, whatever mode the caller is in."""
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        torch.autocast("cpu", enabled=False),
        _C.DisableTorchFunction(),
        _disable_current_modes(),
    ):
        yield


def in_standard_mode(method: _Method) -> _Method:
    """Switch autocast and another default device off for a call.

    Half precision changes decisions without a word, and a default device would hold one half of
    what has to be on one device: the library names the device of everything that is not on a CPU.
    """

    @functools.wraps(method)
    def run(*args: Any, **options: Any) -> Any:
        # A default device is a mode that looks at functions, as is tracing.
        if not _any_autocast() and (not _num_function_modes() or torch.compiler.is_compiling()):
            return method(*args, **options)
        with (
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
            torch.device("cpu"),
        ):
            return method(*args, **options)

    result: Any = run
    return result


def is_ordinary(tensor: Tensor) -> bool:
    """Whether a tensor's own memory holds its numbers, as compiled kernels need."""
    return type(tensor) is Tensor or type(tensor) is nn.Parameter


def is_watched() -> bool:
    """Whether something must see every operation on tensors, which compiled kernels hide."""
    return _num_dispatch_modes() > 0 or forward_ad._current_level >= 0 or _transforms() is not None


def check_has_values(field: str, tensor: Tensor) -> None:
    """Refuse a tensor whose numbers cannot be looked at, unless a program is being traced."""
    watched = is_watched()
    if not watched and type(tensor) is Tensor and tensor.is_cpu and tensor.layout is _STRIDED:
        return
    if torch.compiler.is_compiling():
        return
    if tensor.is_meta or isinstance(tensor, FakeTensor):
        kind = "on the meta device" if tensor.is_meta else "a FakeTensor"
        raise invalid(field, f"<a tensor without values, {kind}>", "a tensor with values")
    if tensor.layout is not torch.strided:
        raise invalid(field, f"<layout {tensor.layout}>", "a dense tensor; call .to_dense() on it")
    if not watched:
        return
    if any(isinstance(mode, FakeTensorMode) for mode in _get_current_dispatch_mode_stack()):
        raise invalid(field, "<a tensor in FakeTensorMode>", "a call outside of FakeTensorMode")
    if _C._functorch.is_functorch_wrapped_tensor(tensor) and _is_batched(tensor):
        raise invalid(field, "<a tensor in torch.vmap>", "a batch axis in its place")


def _is_batched(tensor: Tensor) -> bool:
    while _C._functorch.is_functorch_wrapped_tensor(tensor):
        if _C._functorch.is_batchedtensor(tensor):
            return True
        tensor = _C._functorch.get_unwrapped(tensor)
    return False
