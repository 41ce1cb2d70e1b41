"""DetNet's layers in the compiled kernel: weights packed once, normal equations made there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.detectors.detnet_layers import Shape, Stack
from mimolearn.errors import check_finite
from mimolearn.kernels.door import flat, workspace


class Packed(NamedTuple):
    """weights, slope, residual: as the kernel reads them; state: of the parameters behind them."""

    weights: np.ndarray
    slope: np.ndarray
    residual: np.ndarray
    state: tuple[int, ...]


def state_of(tensors: Iterable[Tensor | None]) -> tuple[int, ...]:
    """Changes when a tensor is replaced, or changed in place as optimisers and loading do."""
    return tuple([n for t in tensors if t is not None for n in (t.data_ptr(), t._version)])


def pack(stack: Stack, beta: Tensor | None, residual: float, state: tuple[int, ...]) -> Packed:
    """Weights of all layers in the order in which they are read; beta is multiplied in."""
    from mimolearn.kernels import detnet  # brings a compiler, which not everyone needs

    with torch.no_grad():
        w2 = torch.cat([stack.w2, stack.w3], 1)
        b2 = torch.cat([stack.b2, stack.b3], 1)
        if beta is not None:
            w2 = w2 * beta.unsqueeze(-2)
        first = detnet.pack(stack.w1.detach().numpy(), stack.b1.detach().numpy())
        second = detnet.pack(w2.numpy(), b2.numpy())
    weights = np.concatenate([first, second], 1).reshape(-1)
    return Packed(weights, flat(stack.slope), np.array([residual], np.float32), state)


def equations(h: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """G (*C, n, n) and q (*C, T, n) of complex64 h (*C, Nr, Nt), y (*C, T, Nr) and real symbols.

    Raises InvalidInputError for an h or y that is not finite.
    """
    from mimolearn.kernels import detnet  # brings a compiler, which not everyone needs

    *batch, rx, n = h.shape
    vectors = y.shape[-2]
    matrix = torch.empty((*batch, n, n), dtype=torch.float32)
    q = torch.empty((*batch, vectors, n), dtype=torch.float32)
    sizes = h.shape[:-2].numel(), vectors, rx, n
    space = workspace(detnet.equations_workspace(rx, n))
    if not detnet.equations_kernel()(flat(h), flat(y), flat(matrix), flat(q), *sizes, space):
        check_finite("h", h)
        check_finite("y", y)
    return matrix, q


def run(
    packed: Packed,
    shape: Shape,
    matrix: Tensor,
    q: Tensor,
    x: Tensor,
    *,
    num_layers: int,
    gelu: bool,
) -> Tensor:
    """x of the last layer, or its logits, (*C, T, n), of float32 tensors as ``unfold`` takes."""
    from mimolearn.kernels import detnet  # brings a compiler, which not everyone needs

    out = torch.empty_like(q, memory_format=torch.contiguous_format)
    vectors = q.shape[-2]
    detnet.layers_kernel()(
        packed.weights,
        packed.slope,
        flat(matrix),
        flat(q),
        flat(x),
        packed.residual,
        flat(out),
        q.shape[:-2].numel(),
        vectors,
        num_layers,
        shape.unknowns,
        shape.hidden,
        shape.state,
        int(gelu),
        workspace(detnet.workspace(shape.unknowns, shape.hidden, shape.state)),
    )
    return out
