"""The door to the tree searches in single precision, which ``dispatch`` is for all else.

They serve what compiled kernels can serve at all (``dispatch.usable``): complex64 on a CPU, no
gradients. Channels that single precision cannot be trusted with come back marked, and the
detector takes its double-precision path for them alone; see ``triangle_float32``.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.kernels.dispatch import _fits, _flat, _in_threads, _padded, _space, usable


def k_best(
    y: Tensor, h: Tensor, noise_var: Tensor, constellation: Constellation, k: int, clip: float
) -> tuple[Tensor, Tensor] | None:
    """LLRs (*C, T, Nt, K) of a K-best search, and where they are valid, (*C).

    y: (*C, T, Nr), h: (*C, Nr, Nt), noise_var: (*C). None where only double precision will do.
    """
    if not (usable(y, h, noise_var) and _fits(h) and y.numel() > 0):
        return None
    from mimolearn.kernels import k_best_float32 as kernels

    kernel = kernels.kernel()
    num, (vectors, rx), tx = math.prod(h.shape[:-2]), y.shape[-2:], h.shape[-1]
    axes, levels = 1 if constellation.is_real else 2, constellation.num_levels
    k = min(k, levels ** (axes * tx))
    llr = torch.empty(*y.shape[:-1], tx, constellation.bits_per_symbol)
    ok = torch.empty(h.shape[:-2], dtype=torch.bool)
    settings, bits = _settings(constellation, clip)
    arrays = (_flat(h), _flat(y), _padded(noise_var, num), settings, bits, _flat(llr), _flat(ok))
    space = kernels.workspace(rx, tx, vectors, axes, k, levels)

    def work(first: int, last: int) -> None:
        kernel(*arrays, first, last, num, vectors, rx, tx, axes, k, _space(space))

    _in_threads(work, num, vectors * k * float(axes * tx) ** 2)
    return llr, ok


@functools.cache
def _settings(constellation: Constellation, last: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers that the kernels take, ``last`` at their end, and the bits of the levels."""
    from mimolearn.kernels.triangle_float32 import MOST_ENERGY

    axis = constellation.axis(torch.float64)
    spacing, lowest = constellation.min_distance(), float(axis.levels[0])
    # As in the double-precision triangle: where ||x|| is constant, that of the MMSE receiver.
    loading = 0.5 / lowest**2 if constellation.num_levels == 2 else 0.0
    numbers = [spacing, loading, lowest / spacing, MOST_ENERGY * spacing**2, MOST_ENERGY, last]
    return np.array(numbers, np.float32), axis.bits.to(torch.int8).contiguous().numpy()
