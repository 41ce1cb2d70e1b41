"""Tables of a constellation: labels, points, and the levels of a real axis.

A key is a name of ``sets.GRIDS`` or ``sets.SETS``, or stands for points of a user.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation.sets import GRIDS, bits_of, points_of
from mimolearn.foundation.tensors.made_once import made_once


class Axis(NamedTuple):
    """One real axis of a square constellation, in one dtype on one device.

    Attributes:
        levels: (L,) real; PAM levels, ascending.
        bits: (L, Ka) uint8; Gray labels of the levels.
        to_index: (L,) int64; what a level on the real axis adds to the symbol index. A level on
            the imaginary axis adds half of it.
    """

    levels: Tensor
    bits: Tensor
    to_index: Tensor


@made_once(maxsize=16)
def labels_of(key: str) -> Tensor:
    """(M, K) uint8; row i is i in binary."""
    num_bits = bits_of(key)
    return binary(torch.arange(2**num_bits), num_bits)


def bit_llr(metric: Tensor, key: str, kind: str, method: str) -> Tensor:
    """Convert log-metrics (..., L) of "axis" levels or "symbol" points to LLRs (..., B)."""
    reduce = torch.logsumexp if method == "exact" else torch.amax
    columns = [
        reduce(metric[..., ones], -1) - reduce(metric[..., zeros], -1)
        for ones, zeros in bit_halves(key, kind, str(metric.device))
    ]
    return torch.stack(columns, -1)


@made_once(maxsize=64)
def bit_halves(key: str, kind: str, device: str) -> tuple[tuple[Tensor, Tensor], ...]:
    """For each bit, indices of the levels or points whose label has a one there, and a zero.

    Both are half of all, because all labels of a length are there.
    """
    axis = kind == "axis"
    bits = axis_of(key, torch.float64, device).bits if axis else labels_of(key).to(device)
    return tuple((torch.where(row == 1)[0], torch.where(row == 0)[0]) for row in bits.T)


def binary(indices: Tensor, num_bits: int) -> Tensor:
    """Indices (...) int64 as bits (..., num_bits) uint8, the first most significant."""
    shifts = torch.arange(num_bits - 1, -1, -1, device=indices.device)
    return ((indices.unsqueeze(-1) >> shifts) & 1).to(torch.uint8)


def axis_level(label: int, num_bits: int) -> int:
    """Odd-integer PAM level of an axis label, TS 38.211 section 5.1 (bit 0 is positive).

    (1-2b0)[2^(n-1) - (1-2b1)[2^(n-2) - ...]]: evaluated from the last bit outwards.
    """
    bits = [(label >> (num_bits - 1 - i)) & 1 for i in range(num_bits)]
    level = 1 - 2 * bits[-1]
    for depth, bit in enumerate(reversed(bits[:-1]), start=1):
        level = (1 - 2 * bit) * (2**depth - level)
    return level


@made_once(maxsize=64)
def axis_of(key: str, dtype: torch.dtype, device: str) -> Axis:
    """The real axis of a grid."""
    is_real = key == "bpsk"
    num_bits = 1 if is_real else bits_of(key) // 2
    pairs = sorted((axis_level(label, num_bits), label) for label in range(2**num_bits))
    energy = sum(level**2 for level, _ in pairs) / len(pairs) * (1 if is_real else 2)
    levels = torch.tensor([level / math.sqrt(energy) for level, _ in pairs], dtype=torch.float64)
    labels = torch.tensor([label for _, label in pairs], dtype=torch.int64)
    bits = binary(labels, num_bits)
    # The real axis holds the even label bits: spread Ka bits over 2 Ka positions.
    stride = 1 if is_real else 2
    powers = 2 ** (stride * torch.arange(num_bits - 1, -1, -1) + stride - 1)
    to_index = (bits.to(torch.int64) * powers).sum(-1)
    return Axis(levels.to(device, dtype), bits.to(device), to_index.to(device))


# Python numbers: a traced program must not depend on the content of a tensor.
@made_once(maxsize=64)
def level_values(key: str, dtype: torch.dtype) -> tuple[float, ...]:
    """Levels of the axis of a grid, ascending."""
    return tuple(axis_of(key, dtype, "cpu").levels.tolist())


@made_once(maxsize=64)
def points_as(key: str, dtype: torch.dtype, device: str) -> Tensor:
    """(M,) complex points in the order of their labels, rounded from double precision."""
    if key not in GRIDS:
        return torch.tensor(points_of(key), dtype=torch.complex128).to(device, dtype)
    axis = axis_of(key, torch.float64, "cpu")
    num_points = 2 ** bits_of(key)
    points = torch.zeros(num_points, dtype=torch.complex128)
    if key == "bpsk":
        points[axis.to_index] = axis.levels.to(torch.complex128)
    else:
        index = axis.to_index[:, None] + (axis.to_index >> 1)[None, :]
        points[index] = torch.complex(
            axis.levels[:, None].expand(index.shape), axis.levels[None, :].expand(index.shape)
        )
    return points.to(device, dtype)
