"""Weights of fully connected layers that treat all streams alike: a training's first stage.

Entries of a layer's inputs, units and outputs come in blocks of n, one entry for each unknown. If
the weights of a layer join entries of the same unknown only, with the same number for each unknown,
it is one small layer applied to every unknown, as in ``equi-net``. DetNet has 75 such numbers a
layer: hundreds of steps train them, a file of a few kilobytes holds them, and training of all
weights can start from them. Blocks may be cut: a network of less than full width has units for the
first unknowns of its last block.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mimolearn.detectors.networks.fully_connected.detnet_layers import Shape, Stack, new_stack


def shared_stack(shape: Shape, num_layers: int, seed: int) -> Stack:
    """Return a new stack of ``shape`` whose layers are Xavier's small ones, for every unknown."""
    n = shape.unknowns

    def blocks(size: int) -> int:
        return -(-size // n)

    small = new_stack(
        shape._replace(
            unknowns=1,
            outputs=blocks(shape.outputs),
            hidden=blocks(shape.hidden),
            state=blocks(shape.state),
            fed=blocks(shape.fed),
            inputs=blocks(shape.inputs),
        ),
        num_layers,
        seed,
    )
    full = new_stack(shape, num_layers, seed)
    return Stack(*(spread(one, whole.shape, n) for one, whole in zip(small, full, strict=True)))


def shared_part(gradient: Tensor, n: int) -> Tensor:
    """Return the gradient of the small layers at each of their entries in the whole ones.

    It is the sum over the unknowns, not the mean: Adam's epsilon is absolute.

    Args:
        gradient: (L, rows) or (L, rows, columns).
        n: number of unknowns.
    """
    rows = gradient.shape[1]
    if gradient.ndim == 2:
        padded = functional.pad(gradient, (0, -rows % n)).unflatten(1, (-1, n))
        return spread(padded.sum(2), gradient.shape, n)
    padded = functional.pad(gradient, (0, -gradient.shape[2] % n, 0, -rows % n))
    blocks = padded.unflatten(2, (-1, n)).unflatten(1, (-1, n)).diagonal(dim1=2, dim2=4)
    return spread(blocks.sum(-1), gradient.shape, n)


def small_part(whole: Tensor, n: int) -> Tensor:
    """Return the layers of the first unknown, of which ``spread`` makes ``whole`` if any do.

    Args:
        whole: (L, rows) or (L, rows, columns).
        n: number of unknowns.
    """
    return whole[:, ::n] if whole.ndim == 2 else whole[:, ::n, ::n]


def spread(small: Tensor, shape: torch.Size, n: int) -> Tensor:
    """Repeat each entry of (L, r) or (L, r, c) for n unknowns, and cut the result to ``shape``."""
    if small.shape == shape:
        return small
    if small.ndim == 2:
        return small.repeat_interleave(n, 1)[:, : shape[1]].contiguous()
    identity = torch.eye(n, dtype=small.dtype, device=small.device)
    whole = torch.kron(small, identity.unsqueeze(0))
    return whole[:, : shape[1], : shape[2]].contiguous()
