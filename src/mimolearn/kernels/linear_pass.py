"""A door to linear detection for a simulation: estimates alone, many calls of one shape.

It goes through the same machine code as ``dispatch.linear`` and ``dispatch.widely_linear`` on
their way for many channels, and each of the 16 lanes is a problem of its own: an estimate is the
same to the last bit, however many channels a call holds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.kernels.dispatch import LINEAR_METHODS
from mimolearn.kernels.door import LANES, flat, workspace


class LinearShape(NamedTuple):
    """What calls have in common: N channels, T vectors each, Nr rows, Nt columns."""

    num: int
    vectors: int
    rx: int
    tx: int


class LinearPass:
    """Linear detection of N channels at a time, N a multiple of 16, in memory of its own.

    method: one of LINEAR_METHODS, or "widely-linear" for real symbols.
    """

    def __init__(self, method: str, shape: LinearShape) -> None:
        self._shape = shape
        self._real = method == "widely-linear"
        # Only the error variance tells these two apart, and it is not asked for.
        method = "lmmse" if method == "real-lmmse" else method
        self._code = () if self._real else (LINEAR_METHODS.index(method),)
        num, vectors, rx, tx = shape
        self._x = torch.zeros(num, vectors, tx, dtype=torch.complex64)
        self._out = workspace(num * vectors * tx * (1 if self._real else 2))
        self._error_var = workspace(num * tx)
        if self._real:
            from mimolearn.kernels import linear_real

            self._kernel = linear_real.one_shot_kernel()
            self._space = workspace(linear_real.workspace(rx, tx))
        else:
            from mimolearn.kernels import linear

            self._kernel = linear.one_shot_kernel()
            self._space = workspace(linear.Sizes.of(rx, tx).one_shot_space)
            self._out = flat(self._x)

    def __call__(self, h: Tensor, y: Tensor, noise_var: Tensor) -> Tensor | None:
        """x_hat (N, T, Nt) complex64, valid until the next call; None if not all is finite.

        h: (N, Nr, Nt), y: (N, T, Nr) complex64; noise_var: (N) float32.
        """
        arrays = (flat(h), flat(y), np.ascontiguousarray(noise_var.numpy()))
        groups = self._shape.num // LANES
        outputs = (self._out, self._error_var)
        finite = self._kernel(
            *arrays, *outputs, 0, groups, *self._shape, *self._code, self._space
        )
        if not finite:
            return None
        if self._real:
            self._x.real.copy_(torch.from_numpy(self._out).view(self._x.shape))
        return self._x
