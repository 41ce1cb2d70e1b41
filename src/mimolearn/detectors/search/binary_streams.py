"""A QAM stream as several streams of QPSK, whose energy is constant.

Level u of L = 2^m on a real axis is sum_j 2^j d_j with binary digits d_j, so that a symbol is the
sum of m QPSK symbols, each of twice the amplitude of the one before. ||x||^2 is then the same for
all hypotheses, which makes searches exact that need this (Cui and Tellambura 2005).
"""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors.search.real_triangular import levels_to_indices

QPSK = Constellation("qpsk")


def split_channel(h: Tensor, constellation: Constellation) -> Tensor:
    """Columns of the binary streams, weakest digit of all streams first.

    h: (*C, Nr, Nt) -> (*C, Nr, Ka Nt).
    """
    ratio = constellation.min_distance() / QPSK.min_distance()
    return torch.cat([h * (ratio * 2**j) for j in range(constellation.bits_per_axis)], -1)


def joined_indices(indices: Tensor, constellation: Constellation) -> Tensor:
    """Symbols of the binary streams (*C, T, Ka Nt) -> symbols of the streams (*C, T, Nt).

    -1 where one of a stream's is -1.
    """
    digits = QPSK.axis(torch.float64).bits[1, 0] == QPSK.indices_to_bits(indices)
    digits = digits.unflatten(-2, (constellation.bits_per_axis, -1)).to(torch.int64)
    weights = 2 ** torch.arange(constellation.bits_per_axis, device=indices.device)
    levels = (digits * weights[:, None, None]).sum(-3)
    missing = (indices.unflatten(-1, (constellation.bits_per_axis, -1)) < 0).any(-2)
    return levels_to_indices(levels, constellation).masked_fill(missing, -1)
