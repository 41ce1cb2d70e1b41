"""Arrays of a kernel from the addresses of tensors, for calls that are over in microseconds.

A tensor's NumPy view costs about two microseconds to make and to hand over, its address a tenth
of that. The caller keeps the tensors alive and contiguous, and vouches for the sizes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from mimolearn.kernels.machine.compile import inlined

_LINE = 64  # bytes, of the cache


def _define_pointer(typing_context: Any, address: Any) -> Any:
    pointer = types.CPointer(types.float32)

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(pointer))

    return pointer(address), emit


# What an intrinsic is called with is not what defines it.
_pointer: Any = intrinsic(_define_pointer)


@inlined
def floats_at(address, count):
    """The ``count`` float32 numbers there, as an array."""
    return carray(_pointer(address), (count,), np.float32)


@inlined
def scratch(count):
    """Memory of its own for one call, aligned to cache lines."""
    room = np.empty(count + _LINE // 4, np.float32)
    start = (-room.ctypes.data % _LINE) // 4
    return room[start : start + count]
