"""The settings of torch that change numbers, set alike wherever errors are counted.

A program around the library may compute in mixed precision, in double precision or in inference
mode. What a simulation counts must not depend on that. A single call of a detector needs less:
``modes.standard_mode``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from mimolearn.foundation.tensors.modes import standard_mode
from mimolearn.foundation.tensors.threads import one_thread


@contextmanager
def clean_torch() -> Iterator[None]:
    """Compute with one thread, in float32 on the CPU, without gradients; restore all afterwards.

    Autocast and inference mode are off. Tensors are made as float32 on the CPU unless the code that
    makes them says otherwise. Products keep all bits of a float32, and subnormal numbers are not
    flushed to zero.
    """
    with ExitStack() as stack:
        stack.enter_context(one_thread())
        if torch.is_inference_mode_enabled():
            # Tables that are made here and kept have to serve a training later.
            stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        stack.enter_context(standard_mode())
        dtype = torch.get_default_dtype()
        if dtype != torch.float32:
            _set(stack, torch.set_default_dtype, torch.float32, dtype)
        if _flushes_subnormals():
            _set(stack, torch.set_flush_denormal, False, True)
        products: Any = getattr(torch.backends.mkldnn, "matmul", None)
        precision = getattr(products, "fp32_precision", "none")
        if precision not in ("none", "ieee"):
            _set(stack, lambda value: setattr(products, "fp32_precision", value), "ieee", precision)
        yield


def _set(stack: ExitStack, setting: Callable[[Any], object], value: object, before: object) -> None:
    setting(value)
    stack.callback(setting, before)


def _flushes_subnormals() -> bool:
    """Whether this thread flushes subnormal numbers; torch can set this but cannot report it."""
    return bool(np.float32(1e-40) * np.float32(1) == 0)


_lock = RLock()
# For each module in evaluation mode: the number of its users, and the earlier mode of each part.
_evaluated: WeakKeyDictionary[nn.Module, tuple[int, list[tuple[nn.Module, bool]]]] = (
    WeakKeyDictionary()
)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode, and restore every part when the last user leaves.

    Uses may be nested, or come from several threads.
    """
    with _lock:
        users, modes = _evaluated.get(module, (0, []))
        if not users:
            modes = [(part, part.training) for part in module.modules()]
            module.eval()
        _evaluated[module] = users + 1, modes
    try:
        yield
    finally:
        with _lock:
            users, modes = _evaluated.pop(module)
            if users > 1:
                _evaluated[module] = users - 1, modes
            else:
                for part, training in modes:
                    part.training = training
