"""DetNet's layers in the compiled kernel: weights packed once, normal equations made there."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.detectors.networks.fully_connected.detnet_layers import Shape, Stack
from mimolearn.foundation.errors import check_finite
from mimolearn.kernels.machine.launch import flat, plain, workspace


class Packed(NamedTuple):
    """The network as the kernel reads it.

    Attributes:
        weights: of all layers.
        slope: of the soft sign, one a layer.
        addresses: of weights and slope.
        residual: share of the last layer's output.
        sizes: those of the kernel's ``Sizes``.
        state: of the parameters, see ``state_of``.
    """

    weights: np.ndarray
    slope: np.ndarray
    addresses: tuple[int, int]
    residual: float
    sizes: tuple[int, ...]
    state: tuple[int, ...]


def state_of(tensors: Iterable[Tensor | None]) -> tuple[int, ...]:
    """Return what changes when a tensor is replaced, or changed in place as by optimisers."""
    return tuple([n for t in tensors if t is not None for n in (t.data_ptr(), t._version)])


def pack(
    stack: Stack,
    beta: Tensor | None,
    shape: Shape,
    *,
    residual: float,
    gelu: bool,
    state: tuple[int, ...],
) -> Packed:
    """Pack the weights of all layers in the order in which they are read, times beta.

    They are in half precision if the machine reads it and no weight loses by it: one vector alone
    spends its time on reading the weights.
    """
    from mimolearn.kernels.dense import packed_layers  # which bring a compiler
    from mimolearn.kernels.machine.compile import reads_halves
    from mimolearn.kernels.networks import detnet

    with torch.no_grad():
        w2 = torch.cat([stack.w2, stack.w3], 1)
        b2 = torch.cat([stack.b2, stack.b3], 1)
        if beta is not None:
            w2 = w2 * beta.unsqueeze(-2)
        first = packed_layers.pack(stack.w1.detach().numpy(), stack.b1.detach().numpy())
        second = packed_layers.pack(w2.numpy(), b2.numpy())
    layers = np.concatenate([first, second], 1)
    halves = reads_halves() and _exact_in_halves(layers)
    # Aligned: else every vector of weights would lie in two cache lines.
    weights = workspace(layers.size // 2 if halves else layers.size)
    weights.view(np.float16 if halves else np.float32)[:] = layers.reshape(-1)
    # A copy: where the parameters lie may change.
    slope = flat(stack.slope).copy()
    sizes = detnet.Sizes(
        layers=len(first),
        n=shape.unknowns,
        hidden=shape.hidden,
        state=shape.state,
        gelu=int(gelu),
        soft_sign=int(len(slope) > 0),
        halves=int(halves),
    )
    addresses = weights.ctypes.data, slope.ctypes.data
    return Packed(weights, slope, addresses, residual, tuple(sizes), state)


def _exact_in_halves(weights: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        return bool((weights.astype(np.float16) == weights).all())


def one_shot(packed: Packed, h: Tensor, y: Tensor) -> Tensor:
    """Run all from the channel to the output in one kernel, for real symbols.

    Args:
        packed: the network.
        h: (*C, Nr, n) complex64.
        y: (*C, T, Nr) complex64.

    Returns:
        x of the last layer, or its logits, (*C, T, n).

    Raises:
        InvalidInputError: for an h or y that is not finite.
    """
    rx, n = h.shape[-2:]
    vectors = y.shape[-2]
    h, y = plain(h), plain(y)
    out = torch.empty((*y.shape[:-1], n), dtype=torch.float32, device="cpu")
    given = h.data_ptr(), y.data_ptr(), 0, 0, 0, out.data_ptr()
    num = math.prod(h.shape[:-2])
    numbers = (num, vectors, rx, *packed.sizes)
    if not _kernel()(*packed.addresses, *given, packed.residual, numbers):
        check_finite("h", h)
        check_finite("y", y)
    return out


def run(packed: Packed, matrix: Tensor, q: Tensor, x: Tensor) -> Tensor:
    """Return the same from float32 tensors as ``unfold`` takes."""
    # Named, because an address does not keep a copy alive.
    matrix, q, x = plain(matrix), plain(q), plain(x)
    out = torch.empty_like(q)
    given = 0, 0, matrix.data_ptr(), q.data_ptr(), x.data_ptr(), out.data_ptr()
    num, vectors = math.prod(q.shape[:-2]), q.shape[-2]
    _kernel()(*packed.addresses, *given, packed.residual, (num, vectors, 0, *packed.sizes))
    return out


@functools.cache
def _kernel() -> Callable[..., bool]:
    from mimolearn.kernels.networks import detnet  # as above

    return detnet.kernel()
