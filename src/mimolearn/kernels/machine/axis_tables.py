"""The numbers of a constellation's axis as kernels read them, made once."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch

from mimolearn.constellation import Constellation


class AxisTables(NamedTuple):
    """Numbers of one real axis with L levels and Ka bits. Nobody writes to them.

    Attributes:
        levels: (L) float32.
        to_index: (2, L) int64; what a level of the real and of the imaginary axis adds to an index.
        labels: (L Ka) float32; the bits of the levels.
        order: (Ka L) int64; for each bit the levels that have a 0, then those that have a 1.
    """

    levels: np.ndarray
    to_index: np.ndarray
    labels: np.ndarray
    order: np.ndarray


@functools.cache
def axis_tables(constellation: Constellation) -> AxisTables:
    """The tables of a constellation, the same arrays at every call."""
    axis = constellation.axis(torch.float32)
    bits = axis.bits.numpy()
    order = np.argsort(bits.T, axis=-1, kind="stable").reshape(-1).astype(np.int64)
    labels = bits.astype(np.float32).reshape(-1)
    return AxisTables(axis.levels.numpy(), axis.to_index.numpy(), labels, order)
