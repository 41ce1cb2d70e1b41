"""Scalar quantisation of the largest mutual information between a bit and its quantised LLR."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_one_of, invalid
from mimolearn.quantizers.base import Quantizer

_CLAMP = 30.0
_MOST_LEVELS = 64
_BINS = 400
# Winkelbauer and Matz stop at 1e-6, where the third decimals of the levels still move.
_RELATIVE_GAIN = 1e-10
METHODS = ("lloyd", "dynamic-programme")


class ScalarCodebook(NamedTuple):
    """thresholds: (n - 1) ascending; values: (n) LLRs of the cells; information: I(X;Z), bits."""

    thresholds: np.ndarray
    values: np.ndarray
    information: float


@final
class MaxMI(Quantizer):
    """Scalar codebooks, one a bit position, that keep most mutual information.

    Choose it as the best that can be done bit by bit; ``eq-net`` does better with the bits of a
    channel use together.

    Cells are intervals of L; the value of cell i is what it says of the bit,
    l_i = ln[sum 1/(1 + e^-L)] - ln[sum 1/(1 + e^L)] over its samples (Winkelbauer and Matz 2015).
    Samples must be calibrated LLRs. Bit positions 2i and 2i + 1, the two axes of a symbol, share a
    codebook. A designer may pool SNRs for one shared codebook, or design one for each.

    Options: levels, of each axis bit, as "5,6,6"; a K-bit word then holds two of each.
    Cost: a search among the thresholds an LLR.

    >>> quantizer = fit_max_mi(torch.randn(999, 1, 2) * 3, Constellation("qpsk"), 2.0)
    >>> quantizer.bits_per_llr, quantizer.through(torch.zeros(1, 2)).abs().max() < 1
    (2.0, tensor(True))
    """

    name = "max-mi"

    def __init__(self, constellation: Constellation | str, levels: str | Sequence[int]) -> None:
        super().__init__(constellation)
        self.levels = _read_levels(levels, self.constellation.bits_per_axis)
        bits, most = self.constellation.bits_per_symbol, max(self.levels)
        # Not a number until fitted.
        self.register_buffer("thresholds", torch.full((bits, most), torch.nan, dtype=torch.float32))
        self.register_buffer("values", torch.full((bits, most), torch.nan, dtype=torch.float32))

    thresholds: Tensor
    values: Tensor

    def word_levels(self) -> tuple[int, ...]:
        return tuple(self.levels[self._axis_bit(b)] for b in range(len(self.values)))

    def plain_options(self) -> dict[str, str | int | float | bool]:
        return {"levels": ",".join(map(str, self.levels))}

    def streams_per_group(self) -> int:
        return 1

    def set_codebooks(self, codebooks: Sequence[ScalarCodebook]) -> None:
        """Codebooks of the axis bits, first bit first."""
        for bit in range(len(self.values)):
            book = codebooks[self._axis_bit(bit)]
            n = len(book.values)
            # Thresholds and values beyond the last are never met.
            self.thresholds[bit] = torch.finfo(torch.float32).max
            self.values[bit] = float(book.values[-1])
            self.thresholds[bit, : n - 1] = torch.from_numpy(book.thresholds)
            self.values[bit, :n] = torch.from_numpy(book.values)

    def _axis_bit(self, bit: int) -> int:
        return bit if self.constellation.is_real else bit // 2

    def _quantize(self, llr: Tensor) -> Tensor:
        columns = llr[:, 0].T.contiguous()
        each = [self.levels[self._axis_bit(bit)] for bit in range(len(columns))]
        most = torch.tensor(each, dtype=torch.int64, device=columns.device)
        found = torch.searchsorted(self.thresholds, columns, right=True)
        return torch.minimum(found, most.unsqueeze(-1) - 1).T.unsqueeze(1)

    def _dequantize(self, indices: Tensor) -> Tensor:
        return self.values.gather(1, indices[:, 0].T).T.unsqueeze(1)


def fit_max_mi(
    llr: Tensor,
    constellation: Constellation,
    bits: float,
    method: str = "dynamic-programme",
) -> MaxMI:
    """Codebooks for calibrated LLRs (n, Nt, K), ``bits`` a soft bit.

    The bits of a symbol share a word of K bits: levels need not be powers of two, and go where
    they keep most. method: "dynamic-programme", the optimum over 400 cells of equal probability
    (Kurkoski and Yagi 2014), or "lloyd", the alternation of Winkelbauer and Matz on the samples.
    """
    check_one_of("method", method, METHODS)
    axes = 1 if constellation.is_real else 2
    samples = [
        llr[..., axes * a : axes * (a + 1)].double().reshape(-1).numpy()
        for a in range(constellation.bits_per_axis)
    ]
    budget = bits * constellation.bits_per_symbol
    if abs(budget - round(budget)) > 1e-9 or budget < constellation.bits_per_symbol:
        expected = f"at least 1, and a whole number of bits a symbol of {len(samples) * axes} LLRs"
        raise invalid("bits", bits, expected)
    _check_informative(samples, llr.shape[-1])
    most = min(_MOST_LEVELS, 2 ** math.ceil(bits + 1))
    designs = [dynamic_programme(sample, most) for sample in samples]
    levels = _allocate(designs, 2 ** (budget / axes), most)
    books = [design[n - 1] for design, n in zip(designs, levels, strict=True)]
    if method == "lloyd":
        books = [lloyd(sample, n) for sample, n in zip(samples, levels, strict=True)]
    quantizer = MaxMI(constellation, levels)
    quantizer.set_codebooks(books)
    return quantizer


def _check_informative(samples: list[np.ndarray], num_bits: int) -> None:
    """Refuse samples of which a codebook of two cells cannot be made."""
    for bit, sample in enumerate(samples):
        if len(sample) < 2:
            raise invalid("llr", f"<{len(sample)} samples of a bit>", "at least two")
        clipped = np.clip(sample, -_CLAMP, _CLAMP)
        if clipped.min() == clipped.max():
            which = f"<all {len(sample)} samples of bit {bit * num_bits // len(samples)} equal>"
            raise invalid("llr", which, "at least two different values of each bit")


def lloyd(llr: np.ndarray, num_levels: int, max_iter: int = 1000) -> ScalarCodebook:
    """The alternation of Winkelbauer and Matz (2015), from cells of equal probability.

    llr: (n) calibrated samples. Values from cells, then thresholds between values
    g_i = ln{[sp(l_{i+1}) - sp(l_i)] / [sp(-l_i) - sp(-l_{i+1})]}, sp = softplus, until the mutual
    information grows by less than 1e-10 of itself. It never falls.
    """
    samples = _Samples.of(llr)
    cuts = np.linspace(0, len(samples.llr), num_levels + 1).round().astype(int)[1:-1]
    before = -1.0
    for _ in range(max_iter):
        values, information = samples.cells(cuts)
        if information - before <= _RELATIVE_GAIN * information:
            break
        before = information
        cuts = _no_empty_cell(np.searchsorted(samples.llr, _thresholds(values)), len(samples.llr))
    values, information = samples.cells(cuts)
    return ScalarCodebook(_thresholds(values), values, information)


def dynamic_programme(llr: np.ndarray, most_levels: int) -> list[ScalarCodebook]:
    """The best codebooks of 1 ... most_levels cells, of calibrated samples (n).

    Exact over 400 fine cells of equal probability: an optimal quantiser of a binary input has
    intervals for cells (Kurkoski and Yagi 2014), so that the best last cut settles the rest.
    """
    samples = _Samples.of(llr)
    edges = np.unique(np.linspace(0, len(samples.llr), _BINS + 1).round().astype(int))
    one, zero = samples.one[edges], samples.zero[edges]
    ones, zeros = one[None, :] - one[:, None], zero[None, :] - zero[:, None]
    # gain[i, j]: mutual information that fine cells i ... j - 1 keep when merged.
    gain = np.where(np.triu(np.ones_like(ones), 1) > 0, _information(ones, zeros), -np.inf)
    total = samples.one[-1] + samples.zero[-1]
    best, cuts = gain[0], []
    books = [_book(samples, np.array([], int))]
    for _ in range(1, min(most_levels, len(edges) - 1)):
        candidates = best[:, None] + gain
        last = candidates.argmax(0)
        best = candidates[last, np.arange(len(edges))]
        cuts.append(last)
        places = [len(edges) - 1]
        for step in reversed(cuts):
            places.append(int(step[places[-1]]))
        books.append(_book(samples, edges[np.array(places[:0:-1])]))
    assert total > 0
    return books


class _Samples(NamedTuple):
    """llr: (n) ascending; one, zero: (n + 1) sums of P(1), P(0) over the samples before."""

    llr: np.ndarray
    one: np.ndarray
    zero: np.ndarray

    @classmethod
    def of(cls, llr: np.ndarray) -> _Samples:
        llr = np.sort(np.clip(np.asarray(llr, np.float64), -_CLAMP, _CLAMP))
        if len(llr) < 2 or np.isnan(llr).any():
            raise invalid("llr", f"<{len(llr)} samples>", "at least two samples, none NaN")
        one, zero = 1 / (1 + np.exp(-llr)), 1 / (1 + np.exp(llr))
        return cls(llr, *(np.concatenate([[0.0], np.cumsum(p)]) for p in (one, zero)))

    def cells(self, cuts: np.ndarray) -> tuple[np.ndarray, float]:
        """Values of the cells between cuts (positions in llr), and I(X;Z)."""
        edges = np.concatenate([[0], cuts, [len(self.llr)]])
        one, zero = np.diff(self.one[edges]), np.diff(self.zero[edges])
        information = float(_information(one, zero).sum()) / len(self.llr)
        return np.log(one) - np.log(zero), information


def _book(samples: _Samples, cuts: np.ndarray) -> ScalarCodebook:
    values, information = samples.cells(cuts)
    return ScalarCodebook(_thresholds(values), values, information)


def _information(one: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """Samples times bits of information about an equiprobable bit, of cells with these sums."""
    total = one + zero
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.clip(one / total, 1e-300, 1)
        q = np.clip(zero / total, 1e-300, 1)
        found = total * (1 + p * np.log2(p) + q * np.log2(q))
    return np.where(total > 0, found, 0.0)


def _thresholds(values: np.ndarray) -> np.ndarray:
    low, high = values[:-1], values[1:]
    up = np.logaddexp(0, high) - np.logaddexp(0, low)
    down = np.logaddexp(0, -low) - np.logaddexp(0, -high)
    apart = (up > 0) & (down > 0)
    # Cells of one value, where samples repeat: any threshold serves.
    return np.where(apart, np.log(np.where(apart, up, 1)) - np.log(np.where(apart, down, 1)), low)


def _no_empty_cell(cuts: np.ndarray, num: int) -> np.ndarray:
    """Cuts moved apart, so that each cell keeps a sample."""
    cuts = np.maximum.accumulate(cuts - np.arange(len(cuts))) + np.arange(len(cuts))
    cuts = np.maximum(cuts, np.arange(1, len(cuts) + 1))
    most = num - np.arange(len(cuts), 0, -1)
    return np.minimum(cuts, most)


def _allocate(
    designs: list[list[ScalarCodebook]], most_product: float, most: int
) -> tuple[int, ...]:
    """Levels of each axis bit whose product fits, of the largest sum of mutual information."""
    choices = [range(2, min(most, len(design)) + 1) for design in designs]
    fitting = [c for c in itertools.product(*choices) if math.prod(c) <= most_product * (1 + 1e-9)]
    return max(
        fitting,
        key=lambda c: sum(d[n - 1].information for d, n in zip(designs, c, strict=True)),
    )


def _read_levels(levels: str | Sequence[int], num: int) -> tuple[int, ...]:
    expected = f"{num} integers from 2 to {_MOST_LEVELS}, as {','.join(['8'] * num)!r}"
    try:
        parts = levels.split(",") if isinstance(levels, str) else list(levels)
        found = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        raise invalid("levels", levels, expected) from None
    if len(found) != num or not all(2 <= n <= _MOST_LEVELS for n in found):
        raise invalid("levels", levels, expected)
    return found
