"""The tree of the MMSE receiver without its bias: its metric and its order; cheap to import.

(*) ||z - R x||^2 = ||y - H x||^2 / noise_var + sum_i x_i^2 / (2 E_i) + const, where R^T R is the
real form of H^H H / noise_var + diag(1 / (2 E_i)), and E_i is the mean energy of real axis i: half
of 1 for QAM, 1 for BPSK, whose only axis carries all of it. A term of the sum belongs to one row of
R alone, so a search can take each out where it chooses the level; what it then ranks is exact at
the leaves.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from mimolearn.constellation import Constellation

_MOST_BY_VARIANCE = 16


def ordered_by_variance(constellation: Constellation, num_tx_ant: int) -> bool:
    """Whether the stream of the smallest posterior variance comes first, or rows of sorted QR.

    Against sorted QR, at equal k: 10 to 25 % fewer errors with k of 8 or less up to 16 streams of
    QAM (4x4, 8x8, 16x16, 6 on 4 antennas); no difference at 32, iid or correlated, where it takes
    a sixth more time.
    """
    return not constellation.is_real and num_tx_ant <= _MOST_BY_VARIANCE


@functools.cache
def prior_precision(constellation: Constellation) -> float:
    """1 / (2 E) of (*): 1 for QAM, 1/2 for BPSK."""
    return 0.5 / float(constellation.axis(torch.float64).levels.square().mean())


def penalties(constellation: Constellation) -> Tensor:
    """What removes the bias: (max level^2 - level^2) / (2 E) of each level, (L) float64.

    The constant keeps metrics above 0. For BPSK and QPSK there is no difference, and all are 0.
    """
    energy = constellation.axis(torch.float64).levels.square()
    return prior_precision(constellation) * (energy[0] - energy)
