"""How many bits soft bits need at least: the rate-distortion function of their posteriors.

The distortion of storing P(b=1) = p as q is the divergence p log2(p/q) + (1-p) log2((1-p)/(1-q)),
summed over the soft bits that are stored together: what their GMI loses. That is the information
bottleneck (Tishby, Pereira and Bialek 1999), and Blahut's and Arimoto's algorithm solves it. Each
slope beta of the curve is one problem: q(y|x) ~ q(y) e^(-beta d(x, y)), with the marginal q(y) and
the stored posteriors y as means of what is stored as them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import check_positive_int, check_real, check_shape, invalid
from mimolearn.foundation.tensors.modes import check_has_values, in_standard_mode

_CELLS = 200
_POINTS = 50
_ITERATIONS = 80
_HALVINGS = 14
# What is stored of a stream to begin with: log precisions, and estimates of either axis at each.
_PRECISIONS, _VALUES = 16, 48
_LOG_PRECISION = (-1.0, 5.0)
_REACH = 1.5
_ROWS = 512
# Fresh streams on which the slope is set.
_TRIED = 2048
_LEAST = 1e-12


class StoredRate(NamedTuple):
    """A point of a rate-distortion curve.

    Attributes:
        bits: stored a soft bit, by an ideal code of long blocks.
        lost: of the GMI, bits a soft bit.
    """

    bits: float
    lost: float


@in_standard_mode
@torch.no_grad()
def limit_one_by_one(llr: Tensor, lost: float) -> StoredRate:
    """Compute the least rate at which soft bits that are stored one by one lose so much.

    Positions of bits have codes of their own; all have the same slope, which is the best split.

    Args:
        llr: (n, K) real; calibrated LLRs of K positions, at least 200 of each.
        lost: allowed loss of GMI, bits a soft bit.

    Raises:
        InvalidInputError: for NaN, too few LLRs, or a loss that is not between 0 and 1.
    """
    llr = _checked(llr, _CELLS)
    check_real("lost", lost, above=0, at_most=1)
    cells = torch.sigmoid(llr.sort(0).values)
    edges = torch.linspace(0, len(cells), _CELLS + 1, dtype=torch.float64).round().to(torch.int64)
    sums = torch.cat([torch.zeros_like(cells[:1]), cells.cumsum(0)])
    means = sums[edges].diff(dim=0) / edges.diff().unsqueeze(-1)
    # Within a cell posteriors are taken for one, which loses next to nothing.
    sources = [torch.stack([1 - column, column], -1) for column in means.T]

    def at(slope: float) -> StoredRate:
        points = [_curve_point(source, slope) for source in sources]
        rate, loss = (sum(column) / len(points) for column in zip(*points, strict=True))
        return StoredRate(float(rate), float(loss))

    low, high = 0.0, 20.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if at(math.exp(middle)).lost > lost else (low, middle)
    return at(math.exp(high))


@in_standard_mode
@torch.no_grad()
def bound_together(
    llr: Tensor,
    fresh: Tensor,
    lost: float,
    constellation: Constellation | str,
    *,
    rounds: int = 12,
) -> StoredRate:
    """Compute a rate that is enough where the soft bits of a stream are stored together.

    What is stored is a precision and, at each precision, posteriors of either axis. All of these
    and their frequencies are found on some samples; rate and loss are measured on others, so that
    the point can be had. It is an upper bound of the limit.

    Args:
        llr: (n, K) real; calibrated LLRs of streams, on which the posteriors are found.
        fresh: (m, K) real; others, on which rate and loss are measured.
        lost: loss of GMI that is aimed at, bits a soft bit; the point comes within a few per cent.
        constellation: of the streams; complex, with separable axes.
        rounds: of the algorithm; default 12, after which the rate falls by less than 1 %.

    Raises:
        InvalidInputError: for NaN, other shapes, or a loss that is not between 0 and 1.
    """
    check_positive_int("rounds", rounds)
    llr, fresh = _checked(llr, 1), _checked(fresh, 1)
    constellation = as_constellation(constellation)
    if constellation.is_real or not constellation.is_separable:
        names = ", ".join(Constellation.names(separable=True)[1:])
        raise invalid("constellation", constellation.name, f"two separable axes ({names})")
    for field, value in (("llr", llr), ("fresh", fresh)):
        bits = constellation.bits_per_symbol
        check_shape(field, value, f"(n, {bits})", value.shape[1] == bits)
    check_real("lost", lost, above=0, at_most=1)
    store = _StreamStore.first(constellation)
    total = lost * constellation.bits_per_symbol
    # In three dimensions the loss is 3/2 over the slope, beyond what no rate removes.
    slope, source, other = 1.5 / total, _axes_of(llr), _axes_of(fresh)
    for _ in range(rounds):
        store = store.better(source, slope)
        few = other[:_TRIED]
        found = store.measured(few, slope)[1] / len(few)
        slope *= min(max(found / total, 0.5), 2.0)
    nats, loss = store.measured(other, slope)
    num = fresh.numel()
    return StoredRate(nats / math.log(2) / num, loss / num)


class _StreamStore(NamedTuple):
    """What is stored of a stream, and how often.

    Attributes:
        points: (P n, K) float32; posteriors P(b=0) and P(b=1) of an axis, precision by precision.
        shares: (P, n); of the points at a precision.
        precisions: (P,); shares of the precisions.
    """

    points: Tensor
    shares: Tensor
    precisions: Tensor

    @classmethod
    def first(cls, constellation: Constellation) -> _StreamStore:
        """Posteriors of equidistant estimates and log precisions, all as frequent."""
        axis = constellation.axis(torch.float32, torch.device("cpu"))
        values = torch.linspace(-_REACH, _REACH, _VALUES, dtype=torch.float32)
        scales = torch.linspace(*_LOG_PRECISION, _PRECISIONS, dtype=torch.float32).exp()
        gaps = (values.unsqueeze(-1) - axis.levels).square()
        levels = torch.softmax(-gaps * scales[:, None, None], -1)
        one = (levels @ axis.bits.to(torch.float32)).flatten(0, 1)
        even = torch.full((_PRECISIONS, _VALUES), 1 / _VALUES, dtype=torch.float32)
        return cls(torch.cat([1 - one, one], -1), even, even[:, 0] * _VALUES / _PRECISIONS)

    def better(self, source: Tensor, slope: float) -> _StreamStore:
        """One round of the algorithm on streams (N, 2, K)."""
        weights, sums = torch.zeros_like(self.shares), torch.zeros_like(self.points)
        for rows in source.split(_ROWS):
            *_, choice = self._choose(rows, slope)
            weights += choice.sum((0, 1))
            sums += choice.flatten(2).flatten(0, 1).T @ rows.flatten(0, 1)
        # Points that nobody takes stay as they are, and next to never count.
        flat = weights.flatten().unsqueeze(-1)
        points = torch.where(flat > _LEAST, sums / flat.clamp(min=_LEAST), self.points)
        taken = weights.sum(-1).clamp(min=_LEAST)
        shares = (weights / taken.unsqueeze(-1)).clamp(min=_LEAST)
        return _StreamStore(points, shares, (taken / taken.sum()).clamp(min=_LEAST))

    def measured(self, source: Tensor, slope: float) -> tuple[float, float]:
        """Nats of rate and bits of loss, summed over streams (N, 2, K)."""
        nats = lost = 0.0
        for rows in source.split(_ROWS):
            rate, loss, _ = self._choose(rows, slope)
            nats, lost = nats + float(rate.sum()), lost + float(loss.sum())
        return nats, lost

    def _choose(self, rows: Tensor, slope: float) -> tuple[Tensor, Tensor, Tensor]:
        """Nats and loss of each stream, (N,), and the probability of each point, (N, 2, P, n)."""
        distances = _divergence(rows.flatten(0, 1), self.points)
        distances = distances.unflatten(0, (-1, 2)).unflatten(-1, self.shares.shape)
        exponents = self.shares.log() - slope * distances
        axes = exponents.logsumexp(-1)  # (N, 2, P)
        precisions = self.precisions.log() + axes.sum(1)
        total = precisions.logsumexp(-1)
        precision = torch.exp(precisions - total.unsqueeze(-1))
        choice = torch.exp(exponents - axes.unsqueeze(-1)) * precision[:, None, :, None]
        lost = (choice * distances).sum((1, 2, 3))
        # ln q(y|x)/q(y) = -beta d - ln sum, in the mean over y.
        return -slope * lost - total, lost, choice


def _axes_of(llr: Tensor) -> Tensor:
    """Posteriors (N, 2, K) of either axis of streams: P(b=0) of its bits, then P(b=1)."""
    by_axis = llr.unflatten(-1, (-1, 2)).transpose(1, 2)
    return torch.cat([torch.sigmoid(-by_axis), torch.sigmoid(by_axis)], -1)


def _curve_point(source: Tensor, slope: float) -> StoredRate:
    """The point of a source of equally likely posteriors (n, 2) at a slope."""
    points = source[:: len(source) // _POINTS].clone()
    shares = torch.full_like(points[:, 0], 1 / len(points))
    for _ in range(_ITERATIONS):
        choice = torch.softmax(shares.log() - slope * _divergence(source, points), -1)
        weights = choice.sum(0).clamp(min=_LEAST)
        points = (choice.T @ source + _LEAST * points) / (weights + _LEAST).unsqueeze(-1)
        shares = weights / len(source)
    nats, bits = _measured(source, points, shares, slope)
    return StoredRate(nats / math.log(2) / len(source), bits / len(source))


def _measured(source: Tensor, points: Tensor, shares: Tensor, slope: float) -> tuple[float, float]:
    """Nats of rate and bits of loss, summed over the rows of a source."""
    distances = _divergence(source, points)
    exponents = shares.log() - slope * distances
    total = exponents.logsumexp(-1)
    choice = torch.exp(exponents - total.unsqueeze(-1))
    lost = (choice * distances).sum(-1)
    # ln q(y|x)/q(y) = -beta d - ln sum, in the mean over y.
    return float((-slope * lost - total).sum()), float(lost.sum())


def _divergence(source: Tensor, points: Tensor) -> Tensor:
    """Bits of divergence (n, m) of posteriors (n, 2K) from stored ones (m, 2K)."""
    own = torch.special.xlogy(source, source).sum(-1, keepdim=True)
    return ((own - source @ points.clamp(min=_LEAST).log().T) / math.log(2)).clamp(min=0)


def _checked(llr: Tensor, least: int) -> Tensor:
    fitting = isinstance(llr, Tensor) and llr.ndim == 2 and llr.is_floating_point()
    check_shape("llr", llr, "(n, K)", fitting)
    check_has_values(llr=llr)
    bad = int(torch.isnan(llr).sum())
    if bad:
        raise invalid("llr", f"<{bad} of {llr.numel()} entries NaN>", "LLRs")
    if len(llr) < least or not llr.shape[1]:
        raise invalid("llr", f"<shape {tuple(llr.shape)}>", f"at least {least} of each position")
    return llr.detach().to(torch.float64 if least > 1 else torch.float32)
