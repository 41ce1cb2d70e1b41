"""The EQ-Net estimator's compiled path for few vectors: its network packed once."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_finite
from mimolearn.foundation.tensors.layers import ResidualLayers
from mimolearn.kernels.machine.launch import plain, workspace

MOST_VECTORS = 64
"""Of one call: beyond, PyTorch's products of all vectors at once are better."""


class Packed(NamedTuple):
    """The network as the kernel reads it.

    Attributes:
        weights: of all layers, in the order in which they are read.
        widths: of all layers.
        levels: of a real axis.
        bits: of these levels.
        state: of the parameters, see ``state_of``.
    """

    weights: np.ndarray
    widths: np.ndarray
    levels: np.ndarray
    bits: np.ndarray
    state: tuple[int, ...]


def parameters_of(network: ResidualLayers) -> list[Tensor]:
    """Return the parameters; ``parameters`` would take longer than the network does."""
    lists = network.weights, network.biases
    return [tensor for each in lists for tensor in each._parameters.values() if tensor is not None]


def state_of(parameters: Iterable[Tensor]) -> tuple[int, ...]:
    """Return what changes when a tensor is replaced, or changed in place as by optimisers."""
    return tuple([n for t in parameters for n in (t.data_ptr(), t._version)])


def pack(network: ResidualLayers, constellation: Constellation, state: tuple[int, ...]) -> Packed:
    """Pack the weights of all layers in the order in which they are read."""
    from mimolearn.kernels.dense import packed_layers  # brings a compiler, which not everyone needs

    parts = [
        packed_layers.pack(weight.detach().numpy().T[None], bias.detach().numpy()[None]).reshape(-1)
        for weight, bias in zip(network.weights, network.biases, strict=True)
    ]
    # Aligned: else every vector of weights would lie in two cache lines.
    weights = workspace(sum(part.size for part in parts))
    np.concatenate(parts, out=weights)
    widths = [network.weights[0].shape[0], *(weight.shape[1] for weight in network.weights)]
    axis = constellation.axis(torch.float64)
    levels, bits = axis.levels.numpy(), axis.bits.to(torch.int8).contiguous().numpy()
    return Packed(weights, np.array(widths, np.int64), levels, bits, state)


def run(
    packed: Packed,
    constellation: Constellation,
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    cavity: tuple[Tensor, Tensor] | None,
) -> Tensor | None:
    """Run the kernel.

    Args:
        packed: the network.
        constellation: of the symbols.
        y: (*C, T, Nr) complex64.
        h: (*C, Nr, Nt) complex64.
        noise_var: (*C) float32.
        cavity: values and variances, (*C, T, Nt, 2) each, of expectation propagation; or None.

    Returns:
        LLRs (*C, T, Nt, K); None if they are non-finite though h and y are finite.

    Raises:
        InvalidInputError: for an h or y that is not finite.
    """
    (vectors, rx), n = y.shape[-2:], h.shape[-1]
    shape = (*y.shape[:-1], n, constellation.bits_per_symbol)
    llr = torch.empty(shape, dtype=torch.float32, device="cpu")
    # Named, because an address does not keep a copy alive.
    inputs = [plain(tensor) for tensor in (h, y, noise_var, *(cavity or ()))]
    addresses = [tensor.data_ptr() for tensor in inputs]
    if cavity is None:
        addresses += [0, 0]
    tables = packed.weights, packed.widths, packed.levels, packed.bits
    num = math.prod(h.shape[:-2])
    if _kernel()(*addresses, llr.data_ptr(), *tables, (num, vectors, rx, n)):
        return llr
    check_finite("h", h)
    check_finite("y", y)
    return None


@functools.cache
def _kernel() -> Callable[..., bool]:
    from mimolearn.kernels.networks import eq_net  # as above

    return eq_net.kernel()
