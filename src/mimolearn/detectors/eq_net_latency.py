"""The EQ-Net estimator's compiled way for few vectors: its network packed once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.errors import check_finite
from mimolearn.kernels.door import flat, workspace
from mimolearn.networks import ResidualLayers

MOST_VECTORS = 64
"""Of one call: beyond, PyTorch's products of all vectors at once are better."""


class Packed(NamedTuple):
    """weights, widths: as the kernel reads them; state: of the parameters behind them."""

    weights: np.ndarray
    widths: np.ndarray
    state: tuple[int, ...]


def state_of(network: ResidualLayers) -> tuple[int, ...]:
    """Changes when a tensor is replaced, or changed in place as optimisers and loading do."""
    return tuple(n for t in network.parameters() for n in (t.data_ptr(), t._version))


def pack(network: ResidualLayers, state: tuple[int, ...]) -> Packed:
    """Weights of all layers in the order in which they are read."""
    from mimolearn.kernels import detnet  # brings a compiler, which not everyone needs

    parts = [
        detnet.pack(weight.detach().numpy().T[None], bias.detach().numpy()[None]).reshape(-1)
        for weight, bias in zip(network.weights, network.biases, strict=True)
    ]
    widths = [network.weights[0].shape[0], *(weight.shape[1] for weight in network.weights)]
    return Packed(np.concatenate(parts), np.array(widths, np.int64), state)


def run(
    packed: Packed,
    constellation: Constellation,
    y: Tensor,
    h: Tensor,
    noise_var: Tensor,
    cavity: tuple[Tensor, Tensor] | None,
) -> Tensor | None:
    """LLRs (*C, T, Nt, K); None where they come out non-finite though h and y are finite.

    cavity: values and variances (*C, T, Nt, 2) of expectation propagation.
    Raises InvalidInputError for an h or y that is not finite.
    """
    from mimolearn.kernels import eq_net as kernels  # as above

    (vectors, rx), n = y.shape[-2:], h.shape[-1]
    llr = torch.empty(*y.shape[:-1], n, constellation.bits_per_symbol)
    axis = constellation.axis(torch.float64)
    nothing = np.empty(0, np.float32)
    values, spread = (nothing, nothing) if cavity is None else map(flat, cavity)
    finite = kernels.kernel()(
        flat(h), flat(y), flat(noise_var), values, spread, packed.weights, packed.widths,
        axis.levels.numpy(), axis.bits.to(torch.int8).contiguous().numpy(), flat(llr),
        h.shape[:-2].numel(), vectors, rx, n, workspace(kernels.workspace(packed.widths.tolist())),
    )  # fmt: skip
    if finite:
        return llr
    check_finite("h", h)
    check_finite("y", y)
    return None
