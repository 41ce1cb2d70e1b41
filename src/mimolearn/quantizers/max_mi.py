"""Scalar quantisation that maximises the mutual information of a bit and its quantised LLR."""

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
    """A scalar quantiser of n cells.

    Attributes:
        thresholds: (n - 1) float64, ascending.
        values: (n) float64; LLRs of the cells.
        information: I(X;Z), bits.
    """

    thresholds: np.ndarray
    values: np.ndarray
    information: float


@final
class MaxMI(Quantizer):
    """Scalar codebooks, one per bit position, that keep most mutual information.

    Choose it as the best scheme for single LLRs; ``eq-net`` is better, with the LLRs of a channel
    use together.

    Cells are intervals of L. The value of cell i is the LLR of the bit given the cell,
    l_i = ln[sum 1/(1 + e^-L)] - ln[sum 1/(1 + e^L)] over its samples (Winkelbauer and Matz 2015).
    Samples must be calibrated LLRs. Bit positions 2i and 2i + 1, the two axes of a symbol, share a
    codebook. Samples of several SNRs give one codebook for all. The cost is a search among the
    thresholds per LLR.

    Args:
        constellation: a Constellation or its name.
        levels: of each axis bit, as "5,6,6" or a sequence; a word holds two codes of each.

    Raises:
        InvalidInputError: for levels that are not allowed.

    >>> quantizer = fit_max_mi(torch.randn(999, 1, 2) * 3, Constellation("qpsk"), 2.0)
    >>> quantizer.bits_per_llr, quantizer.through(torch.zeros(1, 2)).abs().max() < 1
    (2.0, tensor(True))
    """

    name = "max-mi"

    def __init__(self, constellation: Constellation | str, levels: str | Sequence[int]) -> None:
        super().__init__(constellation)
        self.levels = _read_levels(levels, self.constellation.bits_per_axis)
        bits, most = self.constellation.bits_per_symbol, max(self.levels)
        # NaN until fitted.
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
        """Set the codebooks of the axis bits, first bit first."""
        for bit in range(len(self.values)):
            book = codebooks[self._axis_bit(bit)]
            n = len(book.values)
            # No LLR reaches thresholds and values beyond the last.
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
        cells = torch.searchsorted(self.thresholds, columns, right=True)
        return torch.minimum(cells, most.unsqueeze(-1) - 1).T.unsqueeze(1)

    def _dequantize(self, indices: Tensor) -> Tensor:
        return self.values.gather(1, indices[:, 0].T).T.unsqueeze(1)


def fit_max_mi(
    llr: Tensor,
    constellation: Constellation,
    bits: float,
    method: str = "dynamic-programme",
    aim: Tensor | None = None,
) -> MaxMI:
    """Design codebooks.

    The bits of a symbol share a word, so the numbers of levels need not be powers of two. They are
    allocated to the bit positions so that most mutual information is kept.

    Args:
        llr: (n, Nt, K) real; calibrated LLRs.
        constellation: of the LLRs.
        bits: stored bits per LLR; K bits must be a whole number.
        method: "dynamic-programme" (default), the optimum over 400 cells of equal probability
            (Kurkoski and Yagi 2014), or "lloyd", the alternation of Winkelbauer and Matz.
        aim: (n, Nt, K) real; LLRs that say how likely the bits are, where llr is not calibrated:
            large ones with the signs of the sent bits. With "dynamic-programme" alone; default
            None, llr.

    Raises:
        InvalidInputError: for bits that are not allowed, or samples that are all equal.
    """
    check_one_of("method", method, METHODS)
    axes = 1 if constellation.is_real else 2
    if aim is not None and method == "lloyd":
        raise invalid("method", method, "'dynamic-programme' with an aim")

    def by_bit(values: Tensor) -> list[np.ndarray]:
        parts = (values[..., axes * a : axes * (a + 1)] for a in range(constellation.bits_per_axis))
        return [part.double().reshape(-1).numpy() for part in parts]

    samples = by_bit(llr)
    aims = [None] * len(samples) if aim is None else by_bit(aim)
    budget = bits * constellation.bits_per_symbol
    if abs(budget - round(budget)) > 1e-9 or budget < constellation.bits_per_symbol:
        expected = f"at least 1, and a whole number of bits a symbol of {len(samples) * axes} LLRs"
        raise invalid("bits", bits, expected)
    _check_informative(samples, llr.shape[-1])
    most = min(_MOST_LEVELS, 2 ** math.ceil(bits + 1))
    pairs = zip(samples, aims, strict=True)
    designs = [dynamic_programme(sample, most, known) for sample, known in pairs]
    levels = _allocate(designs, 2 ** (budget / axes), most)
    books = [design[n - 1] for design, n in zip(designs, levels, strict=True)]
    if method == "lloyd":
        books = [lloyd(sample, n) for sample, n in zip(samples, levels, strict=True)]
    quantizer = MaxMI(constellation, levels)
    quantizer.set_codebooks(books)
    return quantizer


def _check_informative(samples: list[np.ndarray], num_bits: int) -> None:
    """Refuse samples that do not have two different values for each bit."""
    for bit, sample in enumerate(samples):
        if len(sample) < 2:
            raise invalid("llr", f"<{len(sample)} samples of a bit>", "at least two")
        clipped = np.clip(sample, -_CLAMP, _CLAMP)
        if clipped.min() == clipped.max():
            description = (
                f"<all {len(sample)} samples of bit {bit * num_bits // len(samples)} equal>"
            )
            raise invalid("llr", description, "at least two different values of each bit")


def lloyd(llr: np.ndarray, num_levels: int, max_iter: int = 1000) -> ScalarCodebook:
    """Design a codebook by the alternation of Winkelbauer and Matz (2015).

    It starts from cells of equal probability. Values follow from cells, then thresholds between
    values, g_i = ln{[sp(l_{i+1}) - sp(l_i)] / [sp(-l_i) - sp(-l_{i+1})]}, sp = softplus. It stops
    when the mutual information, which never falls, grows by less than the factor 1e-10.

    Args:
        llr: (n) calibrated samples.
        num_levels: cells.
        max_iter: largest number of alternations; default 1000.
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


def dynamic_programme(
    llr: np.ndarray, most_levels: int, aim: np.ndarray | None = None
) -> list[ScalarCodebook]:
    """Find the best codebooks of 1 ... most_levels cells.

    The result is exact over 400 fine cells of equal probability. The cells of an optimal quantiser
    of a binary input are intervals (Kurkoski and Yagi 2014), so dynamic programming applies.

    Args:
        llr: (n) samples, calibrated unless there is an aim.
        most_levels: largest number of cells.
        aim: (n) LLRs that say how likely the bits are; default None, llr.
    """
    samples = _Samples.of(llr, aim)
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
        positions = [len(edges) - 1]
        for step in reversed(cuts):
            positions.append(int(step[positions[-1]]))
        books.append(_book(samples, edges[np.array(positions[:0:-1])]))
    assert total > 0
    return books


class _Samples(NamedTuple):
    """llr: (n) ascending; one, zero: (n + 1) sums of P(1), P(0) over the samples before.

    is_aimed: whether these come from elsewhere than from llr.
    """

    llr: np.ndarray
    one: np.ndarray
    zero: np.ndarray
    is_aimed: bool = False

    @classmethod
    def of(cls, llr: np.ndarray, aim: np.ndarray | None = None) -> _Samples:
        llr = np.clip(np.asarray(llr, np.float64), -_CLAMP, _CLAMP)
        if len(llr) < 2 or np.isnan(llr).any():
            raise invalid("llr", f"<{len(llr)} samples>", "at least two samples, none NaN")
        if aim is None:
            told = llr = np.sort(llr)
        else:
            order = np.argsort(llr, kind="stable")
            told = np.clip(np.asarray(aim, np.float64), -_CLAMP, _CLAMP)[order]
            llr = llr[order]
        one, zero = 1 / (1 + np.exp(-told)), 1 / (1 + np.exp(told))
        sums = (np.concatenate([[0.0], np.cumsum(p)]) for p in (one, zero))
        return cls(llr, *sums, is_aimed=aim is not None)

    def between(self, cuts: np.ndarray) -> np.ndarray:
        """Thresholds of LLRs that are not calibrated: halfway between neighbouring samples."""
        return (self.llr[cuts - 1] + self.llr[cuts]) / 2

    def cells(self, cuts: np.ndarray) -> tuple[np.ndarray, float]:
        """Values of the cells between cuts (positions in llr), and I(X;Z)."""
        edges = np.concatenate([[0], cuts, [len(self.llr)]])
        one, zero = np.diff(self.one[edges]), np.diff(self.zero[edges])
        information = float(_information(one, zero).sum()) / len(self.llr)
        if self.is_aimed:
            # Half a bit of either value: bits that were counted may all be equal.
            one, zero = one + 0.5, zero + 0.5
        return np.log(one) - np.log(zero), information


def _book(samples: _Samples, cuts: np.ndarray) -> ScalarCodebook:
    values, information = samples.cells(cuts)
    thresholds = samples.between(cuts) if samples.is_aimed else _thresholds(values)
    return ScalarCodebook(thresholds, values, information)


def _information(one: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """Return, per cell, its weight times its bits of information on an equiprobable bit.

    one, zero: sums of P(1) and P(0) over the samples of each cell.
    """
    total = one + zero
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.clip(one / total, 1e-300, 1)
        q = np.clip(zero / total, 1e-300, 1)
        information = total * (1 + p * np.log2(p) + q * np.log2(q))
    return np.where(total > 0, information, 0.0)


def _thresholds(values: np.ndarray) -> np.ndarray:
    low, high = values[:-1], values[1:]
    up = np.logaddexp(0, high) - np.logaddexp(0, low)
    down = np.logaddexp(0, -low) - np.logaddexp(0, -high)
    apart = (up > 0) & (down > 0)
    # Where neighbouring cells have the same value, any threshold is as good.
    return np.where(apart, np.log(np.where(apart, up, 1)) - np.log(np.where(apart, down, 1)), low)


def _no_empty_cell(cuts: np.ndarray, num: int) -> np.ndarray:
    """Move cuts apart, so that each cell keeps a sample."""
    cuts = np.maximum.accumulate(cuts - np.arange(len(cuts))) + np.arange(len(cuts))
    cuts = np.maximum(cuts, np.arange(1, len(cuts) + 1))
    most = num - np.arange(len(cuts), 0, -1)
    return np.minimum(cuts, most)


def _allocate(
    designs: list[list[ScalarCodebook]], most_product: float, most: int
) -> tuple[int, ...]:
    """Choose levels of each axis bit, of the largest mutual information, whose product fits."""
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
        counts = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        raise invalid("levels", levels, expected) from None
    if len(counts) != num or not all(2 <= n <= _MOST_LEVELS for n in counts):
        raise invalid("levels", levels, expected)
    return counts
