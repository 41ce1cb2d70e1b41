"""Symbol vectors that the smoothed error rate is averaged over: all of them, or a fixed sample."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mimolearn.beamformers.objective.error_bound import Samples, as_samples
from mimolearn.constellation import Constellation
from mimolearn.foundation.tensors.made_once import made_once

_SEED = 20220105


def interferers(points: Constellation, num_streams: int, most: int) -> Tensor:
    """(J, 2S) float64 symbol axes as one stream sees them, first column its own margin.

    By symmetry the error rates of both axes are one, and that of QPSK does not depend on the own
    symbol. For QAM the margin d replaces the own level: what is decided wrongly is whether the
    interference exceeds c d. All L^(2S-1) vectors if there are at most ``most``; else ``most``
    drawn ones, in whose every column each level comes equally often.
    """
    levels = points.axis(torch.float64).levels
    columns = 2 * num_streams - 1
    margin = points.min_distance() / 2
    if len(levels) ** columns <= most:
        digits = torch.arange(len(levels) ** columns)[:, None] // len(levels) ** torch.arange(
            columns
        )
        chosen = digits % len(levels)
    else:
        generator = Generator().manual_seed(_SEED)
        even = torch.arange(most) % len(levels)
        drawn = [even[torch.randperm(most, generator=generator)] for _ in range(columns)]
        chosen = torch.stack(drawn, -1)
    own = torch.full((len(chosen), 1), margin, dtype=torch.float64)
    return torch.cat([own, levels[chosen]], -1)


def error_factor(points: Constellation) -> float:
    """2 (1 - 1/L): thresholds a level has on average, over both sides of one axis."""
    return 2 * (1 - 1 / points.num_levels)


@made_once(maxsize=32)
def samples_for(points: Constellation, num_streams: int, most: int, dtype: torch.dtype) -> Samples:
    """``interferers`` in a real dtype, made once."""
    levels = interferers(points, num_streams, most).to(dtype)
    all_signs = points.num_levels == 2 and len(levels) == 2 ** (2 * num_streams - 1)
    return as_samples(levels, error_factor(points), all_signs)
