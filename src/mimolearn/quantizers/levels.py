"""Levels of latent numbers: rounding to integer codes, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.foundation.errors import invalid
from mimolearn.quantizers.codes import word_bits

MOST_LEVELS = 2**16
_LLOYD_STEPS = 100
# Between the lowest and the highest precision, levels of an axis grow by exp(2 * 0.5). Shares of
# 0.4 to 0.65 lose the same within 1 % at 24, 30 and 36 bits for 2x2 64-QAM.
_GROWTH = 0.5
_HALVINGS = 60


def read_levels(levels: str | Sequence[int], num: int) -> tuple[int, ...]:
    """Read the numbers of levels of ``num`` latents, as "20,20,10" or a sequence."""
    example = ",".join(["64"] * num)
    expected = f"{num} integers from 2 to {MOST_LEVELS}, as {example!r}"
    try:
        parts = levels.split(",") if isinstance(levels, str) else list(levels)
        counts = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        raise invalid("levels", levels, expected) from None
    if len(counts) != num or not all(2 <= n <= MOST_LEVELS for n in counts):
        raise invalid("levels", levels, expected)
    return counts


def levels_for(word_bits: float, num: int) -> tuple[int, ...]:
    """Return the largest equal numbers of levels of num latents that fit in a word.

    >>> levels_for(18, 3), levels_for(16, 3)
    ((64, 64, 64), (40, 40, 40))
    """
    n = int(2 ** (word_bits / num) * (1 + 1e-12))
    if not 2 <= n <= MOST_LEVELS:
        raise invalid("bits", word_bits, f"2 to {MOST_LEVELS} levels for each of {num} numbers")
    return (n,) * num


def to_uniform(z: Tensor, levels: Tensor, reach: float = 1.0) -> Tensor:
    """Round latents in [-reach, reach] to the nearest of equidistant levels, ends included."""
    scaled = (z / reach).clamp(-1, 1)
    return ((scaled + 1) / 2 * (levels - 1)).round()


def from_uniform(codes: Tensor, levels: Tensor, reach: float = 1.0) -> Tensor:
    """Return the levels of codes that ``to_uniform`` gave."""
    # A quotient of integer tensors would have the default dtype.
    return ((2 * codes).to(torch.float32) / (levels - 1) - 1) * reach


def k_means(values: Tensor, num_levels: int) -> Tensor:
    """Compute ascending levels (num_levels) of least mean square error for samples (n).

    Lloyd's algorithm on sorted samples starts from cells of equal probability and from equal
    distances; the better result counts.
    """
    values = values.double().sort().values
    probabilities = (torch.arange(num_levels, dtype=torch.float64) + 0.5) / num_levels
    spread = values[0] + (values[-1] - values[0]) * probabilities
    middles = (probabilities * (len(values) - 1)).round().to(torch.int64)
    sums = torch.cat([torch.zeros(1, dtype=torch.float64), values.cumsum(0)])
    results = [_lloyd(values, sums, start) for start in (values[middles], spread)]
    errors = [_distortion(values, levels) for levels in results]
    return results[0 if errors[0] <= errors[1] else 1].to(torch.float32)


def _lloyd(values: Tensor, sums: Tensor, levels: Tensor) -> Tensor:
    for _ in range(_LLOYD_STEPS):
        edges = torch.searchsorted(values, (levels[1:] + levels[:-1]) / 2)
        edges = torch.cat([edges.new_zeros(1), edges, edges.new_tensor([len(values)])])
        counts = edges.diff()
        means = sums[edges].diff() / counts.clamp(min=1)
        # An empty cell keeps its level.
        moved = torch.where(counts > 0, means, levels)
        if torch.equal(moved, levels):
            break
        levels = moved
    return levels.sort().values


def _distortion(values: Tensor, levels: Tensor) -> float:
    cells = torch.searchsorted((levels[1:] + levels[:-1]) / 2, values)
    return float((values - levels[cells]).square().mean())


def nearest_level(z: Tensor, codebooks: Tensor) -> Tensor:
    """Round latents (N, d) to the nearest of ascending levels (d, n): codes (N, d)."""
    middles = ((codebooks[:, 1:] + codebooks[:, :-1]) / 2).contiguous()
    return torch.searchsorted(middles, z.T.contiguous()).T


def word_bits_of(bits: float, num_llr: int) -> float:
    """Return the bits of a word for num_llr LLRs, which must be a whole number."""
    budget = bits * num_llr
    if abs(budget - round(budget)) > 1e-9:
        raise invalid("bits", bits, f"a whole number of bits for {num_llr} soft bits together")
    return float(round(budget))


class StreamWords(NamedTuple):
    """How the codes of both axes and the precision of a stream share one number, the word.

    Words of a precision follow each other: starts[p] + first * axes[p, 1] + second.

    Attributes:
        axes: (P, 2) int64; levels of both axes at each precision code.
        starts: (P,) int64; the first word of each precision code.
        num_words: of all precisions.
    """

    axes: Tensor
    starts: Tensor
    num_words: int

    @classmethod
    def of(cls, levels: tuple[int, ...], *, alike: bool) -> StreamWords:
        """Share the words of a stream among precisions.

        Args:
            levels: of both axes and of the precision.
            alike: give every precision as many levels of the axes. Otherwise sure estimates have
                more, and words that ``levels`` leave over are used.

        >>> StreamWords.of((20, 20, 10), alike=False).axes[:, 0].tolist()
        [11, 12, 14, 15, 17, 19, 22, 24, 27, 31]
        """
        first, second, precisions = levels
        growth = np.zeros(precisions)
        if not alike:
            growth = np.exp(_GROWTH * np.linspace(-1, 1, precisions))
        base = np.array([[first, second]], np.float64)

        def at(scale: float) -> np.ndarray:
            counts = base if alike else np.maximum(2, np.floor(scale * growth[:, None] * base))
            return np.broadcast_to(counts, (precisions, 2)).astype(np.int64)

        most = 2 ** word_bits(levels)
        low, high = 0.0, 2.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            fits = int(at(middle).prod(1).sum()) <= most
            low, high = (middle, high) if fits else (low, middle)
        axes = at(low)
        ends = axes.prod(1).cumsum()
        starts = np.concatenate([[0], ends[:-1]])
        return cls(torch.from_numpy(axes), torch.from_numpy(starts), int(ends[-1]))


def join_words(codes: Tensor, axes: Tensor, starts: Tensor) -> Tensor:
    """Words (..., 1) of codes (..., 3) of both axes and the precision."""
    first, second, precision = codes.unbind(-1)
    return (starts[precision] + first * axes[precision, 1] + second).unsqueeze(-1)


def split_words(words: Tensor, axes: Tensor, starts: Tensor) -> Tensor:
    """Codes (..., 3) of words (..., 1)."""
    word = words[..., 0]
    precision = torch.searchsorted(starts, word.contiguous(), right=True) - 1
    rest, second = word - starts[precision], axes[precision, 1]
    first = torch.div(rest, second, rounding_mode="floor")
    return torch.stack([first, rest - first * second, precision], -1)
