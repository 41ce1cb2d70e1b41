"""Constellations: points and their labels, nearest points, and log-likelihood ratios.

Named ones have unit mean energy. Square QAM has the labels of 3GPP TS 38.211 section 5.1: bits
alternate between the real and the imaginary axis. The index of a point is its label read as a
binary number, first bit most significant. BPSK is real, {+1, -1}, so that real-valued detectors see
a real symbol.

Shapes: M points, K bits a symbol, A axes (2, or 1 for BPSK), L levels an axis, Ka bits an axis.
LLRs are ln P(b=1)/P(b=0).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from mimolearn.constellation.given import PointTable
from mimolearn.constellation.sets import GRIDS, SETS, bits_of
from mimolearn.constellation.tables import (
    Axis,
    axis_of,
    binary,
    bit_llr,
    labels_of,
    level_values,
    points_as,
)
from mimolearn.foundation.errors import check_one_of, invalid
from mimolearn.foundation.spelling import constellation_name
from mimolearn.foundation.tensors.made_once import copied

# Distances to all points are computed for this many at a time.
_DISTANCES = 2**22


class Constellation:
    """Points of unit mean energy with labels: a named constellation, or those of ``from_points``.

    BPSK, QPSK and square QAM are *separable*: each real axis carries bits of its own, which many
    detectors rest on (``Detector.any_points``). Others are 8-PSK, 16- and 32-APSK with the labels
    and radii of DVB-S2 for rate 3/4, 32- and 128-QAM crosses, and square QAM with the labels of
    IEEE 802.11 ("16-qam-gray").

    Args:
        name: one of ``Constellation.names()``; other ways to write it, such as "16QAM", are
            understood (``constellation_name``).

    Attributes:
        points: (M,) complex64; mean |points|^2 = 1. A copy: editing it changes no result.
        labels: (M, K) uint8; row i is i in binary. A copy as well.
        num_points: M.
        bits_per_symbol: K.
        is_separable: whether each real axis carries bits of its own.
        num_levels: L; 0 where it is not separable.
        bits_per_axis: Ka; 0 where it is not separable.
        is_real: True for BPSK alone.

    Raises:
        InvalidInputError: for an unknown name.

    >>> c = Constellation("qpsk")
    >>> c.points[0], c.labels[1].tolist()
    (tensor(0.7071+0.7071j), [0, 1])
    """

    def __init__(self, name: str) -> None:
        known = check_one_of("constellation", constellation_name(name), self.names())
        self._set_up(known, known)

    @classmethod
    def from_points(
        cls, points: Sequence[complex] | Tensor, labels: Sequence[Any] | None = None, name: str = ""
    ) -> Self:
        """Make a constellation of any points; they are scaled to unit mean energy.

        Points that are those of a named constellation, labels included, give that one.

        Args:
            points: M complex numbers of mean 0, a power of two from 2 to 4096, all different.
            labels: of each point, as text of bits ("0110"), as numbers, or as lists of bits;
                default None: point i has the label i.
            name: for people; default "M-point".

        Raises:
            InvalidInputError: for points or labels that are none.

        >>> c = Constellation.from_points([1, 1j, -1j, -1], name="diamond")
        >>> c.bits_per_symbol, c.is_separable
        (2, False)
        """
        return cls.from_table(PointTable.of(points, labels, name))

    @classmethod
    def from_table(cls, table: PointTable) -> Self:
        """Make the constellation of a table of points."""
        key = table.key()
        if key in cls.names():
            return cls(key)
        made = cls.__new__(cls)
        made._set_up(table.title, key)
        made._table = table
        return made

    def _set_up(self, name: str, key: str) -> None:
        self.name, self._key = name, key
        self._table: PointTable | None = None
        self.bits_per_symbol = bits_of(key)
        self.num_points = 2**self.bits_per_symbol
        self.is_separable = key in GRIDS
        self.is_real = key == "bpsk"
        self.bits_per_axis = self.bits_per_symbol // (1 if self.is_real else 2)
        if not self.is_separable:
            self.bits_per_axis = 0
        self.num_levels = 2**self.bits_per_axis if self.is_separable else 0
        self.labels = copied(labels_of(key))
        self.points = self.points_as(torch.complex64)

    @staticmethod
    def names(*, separable: bool = False) -> tuple[str, ...]:
        """Names of all constellations; those with separable axes come first, in order of size.

        Args:
            separable: only these.
        """
        return tuple(GRIDS) if separable else (*GRIDS, *SETS)

    def plain(self) -> str | PointTable:
        """Return what a scenario file says of it: the name, or a table of points."""
        return self.name if self._table is None else self._table

    def __repr__(self) -> str:
        return f"Constellation({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constellation) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)

    def points_as(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Tensor:
        """Return a copy of the points in another dtype or on another device.

        Args:
            dtype: complex64 or complex128.
            device: where the copy is made; default "cpu".

        Returns:
            (M,) complex; rounded from double precision.
        """
        return copied(points_as(self._key, dtype, str(device)))

    def axis(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Axis:
        """Return a copy of one real axis, its levels in float32 or float64.

        Raises:
            InvalidInputError: for points whose axes are not separable.
        """
        self._check_separable()
        return copied(axis_of(self._key, dtype, str(device)))

    def min_distance(self) -> float:
        """Return the smallest distance between two points: 2, sqrt(2), 2/sqrt(10), ..."""
        if not self.is_separable:
            points = torch.view_as_real(points_as(self._key, torch.complex128, "cpu"))
            return float(torch.pdist(points).min())
        levels = level_values(self._key, torch.float64)
        return levels[1] - levels[0]

    def bits_to_indices(self, bits: Tensor) -> Tensor:
        """Convert bits (..., K), of any integer or bool dtype, to indices (...) int64.

        Args:
            bits: (..., K) of any integer or bool dtype.

        Raises:
            InvalidInputError: for a last axis of another length.
        """
        if bits.shape[-1:] != (self.bits_per_symbol,):
            raise invalid("bits", f"<shape {tuple(bits.shape)}>", f"(..., {self.bits_per_symbol})")
        shifts = torch.arange(self.bits_per_symbol - 1, -1, -1, device=bits.device)
        return (bits.to(torch.int64) << shifts).sum(-1)

    def indices_to_bits(self, indices: Tensor) -> Tensor:
        """Convert indices (...) int64 to bits (..., K) uint8."""
        return binary(indices, self.bits_per_symbol)

    def map(self, indices: Tensor, dtype: torch.dtype = torch.complex64) -> Tensor:
        """Convert indices (...) int64 to points (...) of a complex dtype."""
        return self.points_as(dtype, indices.device)[indices]

    def nearest(self, x_hat: Tensor) -> Tensor:
        """Find the nearest points, on separable axes one axis at a time.

        Args:
            x_hat: (...) complex; estimates. NaN gives an index without meaning.

        Returns:
            (...) int64 indices.
        """
        if not self.is_separable:
            size = max(1, _DISTANCES // self.num_points)
            parts = [self._metric(part).argmax(-1) for part in x_hat.reshape(-1).split(size)]
            return torch.cat(parts).reshape(x_hat.shape)
        axis = self.axis(x_hat.real.dtype, x_hat.device)
        index = axis.to_index[self._nearest_level(x_hat.real, axis)]
        if self.is_real:
            return index
        return index + (axis.to_index[self._nearest_level(x_hat.imag, axis)] >> 1)

    def _metric(self, x: Tensor) -> Tensor:
        """-|x - p|^2 of all points, (..., M) real."""
        points = points_as(self._key, x.dtype, str(x.device))
        gap = torch.view_as_real(x.resolve_conj().unsqueeze(-1) - points)
        return -gap.square().sum(-1)

    def _check_separable(self) -> None:
        if not self.is_separable:
            raise invalid("constellation", self.name, f"separable axes: {', '.join(GRIDS)}")

    def _nearest_level(self, values: Tensor, axis: Axis) -> Tensor:
        if self.num_levels == 2:
            return (values > 0).to(torch.int64)
        step = self.min_distance()
        low = level_values(self._key, values.dtype)[0]
        nearest = ((values - low) / step).round_().clamp_(0, self.num_levels - 1)
        return torch.nan_to_num_(nearest).to(torch.int64)

    def llr(self, x_hat: Tensor, error_var: Tensor, method: str = "exact") -> Tensor:
        """Compute LLRs of x_hat = x + CN(0, error_var), on separable axes one axis at a time.

        Args:
            x_hat: (...) complex; estimates.
            error_var: broadcastable to (...), real; variance, total over both axes.
            method: "exact" (log-sum-exp, the default) or "max-log".

        Returns:
            (..., K) real.

        Raises:
            InvalidInputError: for an unknown method.
        """
        if not self.is_separable:
            return self.logits_to_llr(self._metric(x_hat) / error_var.unsqueeze(-1), method)
        return self.axes_llr(self.axes(x_hat), error_var.unsqueeze(-1) / 2, method)

    @staticmethod
    def within_range(x_hat: Tensor, error_var: Tensor) -> tuple[Tensor, Tensor]:
        """Limit |x_hat| and 1 / error_var, so that squared distances stay finite.

        Near-singular channels and vanishing noise would give infinite metrics, whose differences
        are NaN. A traced program keeps its inputs.

        Args:
            x_hat: (...) complex or real; NaN stays NaN.
            error_var: real, of any shape.

        Returns:
            Both, of the same shapes.
        """
        if torch.compiler.is_compiling():
            return x_hat, error_var
        most, least = (1e4, 1e-30) if error_var.dtype == torch.float32 else (1e30, 1e-240)
        if x_hat.is_complex():
            parts = torch.view_as_real(x_hat.resolve_conj()).clamp(-most, most)
            return torch.view_as_complex(parts), error_var.clamp(min=least)
        return x_hat.clamp(-most, most), error_var.clamp(min=least)

    def axes(self, x: Tensor) -> Tensor:
        """Split complex numbers into real coordinates: (...) complex to (..., A) real."""
        return x.real.unsqueeze(-1) if self.is_real else torch.view_as_real(x.resolve_conj())

    def axes_llr(self, values: Tensor, error_var: Tensor, method: str = "exact") -> Tensor:
        """Compute LLRs of values = axes(x) + N(0, error_var).

        Args:
            values: (..., A) real; estimates of each axis.
            error_var: broadcastable to values; the variance of each real axis.
            method: "exact" (log-sum-exp, the default) or "max-log".

        Returns:
            (..., K) real.
        """
        check_one_of("method", method, ("exact", "max-log"))
        axis = self.axis(values.dtype, values.device)
        if self.num_levels == 2:
            # Both methods agree for two levels: ((x+a)^2 - (x-a)^2) / 2v, sign of bit 1.
            return values * (-2 * level_values(self._key, values.dtype)[1]) / error_var
        metric = -((values.unsqueeze(-1) - axis.levels) ** 2) / (2 * error_var.unsqueeze(-1))
        llr = bit_llr(metric, self._key, "axis", method)
        # (..., A, Ka) -> alternating bits b0 b1 b2 ... = real, imag, real, ...
        return llr.transpose(-1, -2).flatten(-2)

    def posterior(self, r: Tensor, error_var: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the posterior mean and variance of x given r = x + CN(0, error_var).

        Args:
            r: (...) complex.
            error_var: broadcastable to r, real; variance, total over both axes.

        Returns:
            Mean (...) complex and variance (...) real, total over both axes.
        """
        if not self.is_separable:
            weights = torch.softmax(self._metric(r) / error_var.unsqueeze(-1), -1)
            points = points_as(self._key, r.dtype, str(r.device))
            mean = weights.to(points.dtype) @ points
            gap = torch.view_as_real(points - mean.unsqueeze(-1)).square().sum(-1)
            return mean, (weights * gap).sum(-1)
        axis = self.axis(r.real.dtype, r.device)
        if self.is_real:
            mean, var = self.axis_posterior(r.real, error_var / 2, axis)
            return torch.complex(mean, torch.zeros_like(mean)), var
        parts = torch.view_as_real(r.resolve_conj())
        mean, var = self.axis_posterior(parts, (error_var / 2).unsqueeze(-1), axis)
        return torch.view_as_complex(mean.contiguous()), var.sum(-1)

    def axis_posterior(
        self, r: Tensor, error_var: Tensor, axis: Axis | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the posterior mean and variance of one real axis given r = a + N(0, error_var).

        Args:
            r: (...) real.
            error_var: broadcastable to r; variance of the real axis.
            axis: ``self.axis(r.dtype, r.device)``, for callers that already have it.

        Returns:
            Mean and variance, (...) real each.
        """
        axis = axis or self.axis(r.dtype, r.device)
        if self.num_levels == 2:
            level = level_values(self._key, axis.levels.dtype)[1]
            z = r * (level / error_var)
            e = torch.exp(-2 * z.abs())
            # Not a^2 - mean^2, which cancels at high SNR.
            return level * torch.tanh(z), 4 * level**2 * e / (1 + e) ** 2
        # One division per axis instead of one per level. The limit keeps 0 * scale equal to 0.
        scale = (-0.5 / error_var).clamp(min=torch.finfo(r.dtype).min).expand_as(r)
        weights = torch.softmax((r.unsqueeze(-1) - axis.levels).square() * scale.unsqueeze(-1), -1)
        mean = weights @ axis.levels
        var = (weights * (axis.levels - mean.unsqueeze(-1)) ** 2).sum(-1)
        return mean, var

    def logits_to_llr(self, logits: Tensor, method: str = "exact") -> Tensor:
        """Convert log-probabilities of symbols to LLRs.

        Args:
            logits: (..., M) real, with any common offset.
            method: "exact" (log-sum-exp, the default) or "max-log".

        Returns:
            (..., K) real.
        """
        check_one_of("method", method, ("exact", "max-log"))
        return bit_llr(logits, self._key, "symbol", method)

    def axis_logits_to_llr(self, logits: Tensor, method: str = "exact") -> Tensor:
        """Convert log-probabilities of levels to LLRs.

        Args:
            logits: (..., A, L) real, with any common offset on each axis.
            method: "exact" (log-sum-exp, the default) or "max-log".

        Returns:
            (..., K) real.
        """
        check_one_of("method", method, ("exact", "max-log"))
        self._check_separable()
        return bit_llr(logits, self._key, "axis", method).transpose(-1, -2).flatten(-2)

    def logits_to_axis_logits(self, logits: Tensor, method: str = "exact") -> Tensor:
        """Convert log-probabilities of symbols to those of the levels on each axis.

        Args:
            logits: (..., M) real, with any common offset.
            method: "exact" (log-sum-exp, the default) or "max-log".

        Returns:
            (..., A, L) real.
        """
        check_one_of("method", method, ("exact", "max-log"))
        reduce = torch.logsumexp if method == "exact" else torch.amax
        to_index = self.axis(torch.float64, logits.device).to_index
        if self.is_real:
            return logits[..., to_index].unsqueeze(-2)
        # Rows of the grid are levels of the real axis, columns of the imaginary one.
        grid = logits[..., to_index.unsqueeze(-1) + (to_index >> 1)]
        return torch.stack([reduce(grid, -1), reduce(grid, -2)], -2)

    def llr_to_logits(self, llr: Tensor) -> Tensor:
        """Convert LLRs (..., K) to log-probabilities (..., M), as if bits were independent."""
        return torch.nn.functional.logsigmoid(
            llr.unsqueeze(-2) * (2 * labels_of(self._key).to(llr) - 1)
        ).sum(-1)
