"""Few levels for many learned parameters: uniform, Lloyd-Max, and codes packed to the bit."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import check_positive_int, invalid

_MAX_ITER = 1000


def uniform_levels(values: Tensor, num_levels: int) -> Tensor:
    """Return an odd number of levels -l G, ..., 0, ..., l G over the full range, l G + G/2 = max
    |value|.

    Wei et al. 2020, eqs 19 to 21. If a few values are far from the bulk, the bulk falls on 0.
    """
    half = num_levels // 2
    step = float(values.abs().max()) / (half + 0.5)
    return torch.arange(-half, half + 1, dtype=torch.float64) * step


def lloyd_max_levels(values: Tensor, num_levels: int) -> Tensor:
    """Return the levels of least mean-square error for these values, ascending.

    Lloyd 1982, Max 1960. Means and midpoints are computed in turn until nothing moves, once from
    equal shares of the values and once from equal steps over their range. The better end counts,
    because each start alone misses it for values in clusters. Fewer distinct values than levels
    give equal levels.
    """
    ordered = values.double().flatten().sort().values
    middles = (torch.arange(num_levels, dtype=torch.float64) + 0.5) / num_levels
    low, high = ordered[0], ordered[-1]
    ends = [
        _settle(ordered, start)
        for start in (torch.quantile(ordered, middles), low + (high - low) * middles)
    ]
    return min(ends, key=lambda levels: _distortion(ordered, levels))


def _settle(ordered: Tensor, levels: Tensor) -> Tensor:
    total = torch.cat([torch.zeros(1, dtype=torch.float64), ordered.cumsum(0)])
    first, last = (
        torch.tensor([0], dtype=torch.int64),
        torch.tensor([len(ordered)], dtype=torch.int64),
    )
    for _ in range(_MAX_ITER):
        cuts = torch.searchsorted(ordered, (levels[1:] + levels[:-1]) / 2)
        cuts = torch.cat([first, cuts, last])
        counts = cuts[1:] - cuts[:-1]
        means = (total[cuts[1:]] - total[cuts[:-1]]) / counts.clamp(min=1)
        moved = torch.where(counts > 0, means, levels)
        if torch.equal(moved, levels):
            break
        levels = moved
    return levels


def _distortion(ordered: Tensor, levels: Tensor) -> float:
    return float((ordered - levels[nearest_codes(ordered, levels)]).square().mean())


def nearest_codes(values: Tensor, levels: Tensor) -> Tensor:
    """Return the index of the nearest of ascending levels, int64, in the shape of values."""
    midpoints = ((levels[1:] + levels[:-1]) / 2).to(values.dtype)
    return torch.searchsorted(midpoints, values.contiguous())


def pack(codes: Tensor, bits: int) -> Tensor:
    """Pack codes below 2^bits as uint8 without gaps: ceil(count bits / 8) bytes."""
    flat = codes.flatten().numpy().astype(np.uint8)
    planes = (flat[:, None] >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1
    return torch.from_numpy(np.packbits(planes.flatten()))


def unpack(packed: Tensor, bits: int, count: int) -> Tensor:
    """Return the codes that ``pack`` packed, (count) int64."""
    shifts = torch.arange(7, -1, -1, device=packed.device)
    planes = (packed.to(torch.int64).unsqueeze(-1) >> shifts) & 1
    planes = planes.flatten()[: count * bits].reshape(count, bits)
    return (planes << torch.arange(bits - 1, -1, -1, device=packed.device)).sum(-1)


def check_bits(bits: object) -> int:
    """Return a number of bits from 1 to 8, or raise InvalidInputError."""
    if check_positive_int("bits", bits) > 8:
        raise invalid("bits", bits, "at most 8")
    assert isinstance(bits, int)
    return bits
