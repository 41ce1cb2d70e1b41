"""Modes of torch that a caller may be in, and what the library does about each.

====================================  =============================================================
autocast, another default device      ``standard_mode`` switches them off: the mathematics needs
                                      full precision, and all parts of it on one device
inference mode, function and          ``plain_mode`` switches them off as well while a tensor is
dispatch modes                        made that the process keeps
FakeTensorMode, tensors without data  ``check_has_values`` refuses them in one line, unless a
                                      program is being traced
torch.compile                         ``in_standard_mode`` runs the function eagerly, so that
                                      compiled kernels give the answer that they always give
other modes that watch operations,    ``is_watched`` is true: the torch path serves in place of
torch.func, forward-mode derivatives  compiled kernels, whose operations no mode can see
====================================  =============================================================

``state.clean_torch`` is ``standard_mode`` and all settings of torch that change numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd import forward_ad
from torch.utils._python_dispatch import (
    _disable_current_modes,
    _get_current_dispatch_mode_stack,
)

from mimolearn.foundation.errors import invalid

_Method = TypeVar("_Method", bound=Callable[..., Any])
# The stubs of torch do not list these functions. Every call of a detector asks them, so each has a
# name of its own: an attribute look-up costs as much as the answer.
_C: Any = torch._C
_disable_dynamo: Any = torch._disable_dynamo  # pyright: ignore[reportPrivateImportUsage] (listed nowhere)
_dynamo_compiling = torch.compiler.is_dynamo_compiling
_compiling = torch.compiler.is_compiling
_any_autocast = _C._is_any_autocast_enabled
_num_function_modes = _C._len_torch_function_stack
_num_dispatch_modes = _C._len_torch_dispatch_stack
_transforms = _C._functorch.peek_interpreter_stack
_STRIDED = torch.strided


@contextmanager
def standard_mode() -> Iterator[None]:
    """Switch autocast off, and make tensors on the CPU unless their device is named."""
    with ExitStack() as stack:
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def plain_mode() -> Iterator[None]:
    """Eager mode on ordinary tensors, without gradients, whatever mode the caller is in."""
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        torch.autocast("cpu", enabled=False),
        _C.DisableTorchFunction(),
        _disable_current_modes(),
    ):
        yield


def in_standard_mode(method: _Method) -> _Method:
    """Run a function in ``standard_mode``, and as it is inside ``torch.compile``.

    Half precision would change symbols without a warning. Another default device would hold only
    some of the tensors that have to be on one device. A program of ``torch.compile`` calls the
    function between its own graphs: kernels that are compiled already give their usual answer.
    """

    @functools.wraps(method)
    def run(*args: Any, **options: Any) -> Any:
        if _dynamo_compiling() and not torch.compiler.is_exporting():
            return untraced(*args, **options)
        # torch implements a default device, and tracing, as a mode that looks at functions.
        if not _any_autocast() and (not _num_function_modes() or _compiling()):
            return method(*args, **options)
        with standard_mode():
            return method(*args, **options)

    # Imports the compiler of torch when it is first called, not here.
    untraced = _disable_dynamo(run)
    result: Any = run
    return result


def is_watched() -> bool:
    """Whether a mode has to see every operation on tensors; compiled kernels would hide them."""
    return _num_dispatch_modes() > 0 or forward_ad._current_level >= 0 or _transforms() is not None


def check_has_values(**tensors: Tensor | float) -> None:
    """Refuse tensors whose numbers cannot be read, unless a program is being traced.

    Args:
        tensors: by the name that an error shows; Python numbers pass.

    Raises:
        InvalidInputError: for a tensor without data, a sparse one, or one inside ``torch.vmap``.
    """
    watched = is_watched()
    if not watched:
        # One vector takes about 20 us, so the usual case has to cost next to nothing.
        for tensor in tensors.values():
            ordinary = type(tensor) is Tensor and tensor.is_cpu and tensor.layout is _STRIDED
            if not ordinary and isinstance(tensor, Tensor):
                break
        else:
            return
    if torch.compiler.is_compiling():
        return
    for field, tensor in tensors.items():
        if isinstance(tensor, Tensor):
            _check_has_values(field, tensor, watched)


def _check_has_values(field: str, tensor: Tensor, watched: bool) -> None:
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
