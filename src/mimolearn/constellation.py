"""Constellations: points, Gray labels, and the levels on each real axis (PAM).

The labels are those of 3GPP TS 38.211 section 5.1. Bits alternate between the real and the
imaginary axis. The index of a point is its label read as a binary number, first bit most
significant. BPSK is real, {+1, -1}, so that real-valued detectors see a real symbol.

Shapes: M points, K bits a symbol, A axes (2, or 1 for BPSK), L levels an axis, Ka bits an axis.
LLRs are ln P(b=1)/P(b=0).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.foundation.errors import check_one_of, invalid
from mimolearn.foundation.spelling import constellation_name
from mimolearn.foundation.tensors.made_once import copied, made_once

_BITS_PER_SYMBOL = {"bpsk": 1, "qpsk": 2, "16-qam": 4, "64-qam": 6, "256-qam": 8}


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


class Constellation:
    """A unit-energy Gray constellation: BPSK, QPSK, 16-, 64- or 256-QAM.

    Args:
        name: one of ``Constellation.names()``; other ways to write it, such as "16QAM", are
            understood (``constellation_name``).

    Attributes:
        points: (M,) complex64; mean |points|^2 = 1. A copy: editing it changes no result.
        labels: (M, K) uint8; row i is i in binary. A copy as well.
        num_points: M.
        bits_per_symbol: K.
        num_levels: L.
        bits_per_axis: Ka.
        is_real: True for BPSK alone.

    Raises:
        InvalidInputError: for an unknown name.

    >>> c = Constellation("qpsk")
    >>> c.points[0], c.labels[1].tolist()
    (tensor(0.7071+0.7071j), [0, 1])
    """

    def __init__(self, name: str) -> None:
        name = constellation_name(name)
        self.name = check_one_of("constellation", name, _BITS_PER_SYMBOL)
        self.bits_per_symbol = _BITS_PER_SYMBOL[name]
        self.num_points = 2**self.bits_per_symbol
        self.is_real = name == "bpsk"
        self.bits_per_axis = 1 if self.is_real else self.bits_per_symbol // 2
        self.num_levels = 2**self.bits_per_axis
        self.labels = copied(_labels(name))
        self.points = self.points_as(torch.complex64)

    @staticmethod
    def names() -> tuple[str, ...]:
        """Names of all constellations, in order of size."""
        return tuple(_BITS_PER_SYMBOL)

    def __repr__(self) -> str:
        return f"Constellation({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constellation) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def points_as(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Tensor:
        """Return a copy of the points in another dtype or on another device.

        Args:
            dtype: complex64 or complex128.
            device: where the copy is made; default "cpu".

        Returns:
            (M,) complex; rounded from double precision.
        """
        return copied(_points(self.name, dtype, str(device)))

    def axis(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Axis:
        """Return a copy of one real axis, its levels in float32 or float64."""
        return copied(_axis(self.name, dtype, str(device)))

    def min_distance(self) -> float:
        """Return the smallest distance between two points: 2, sqrt(2), 2/sqrt(10), ..."""
        levels = _level_values(self.name, torch.float64)
        return levels[1] - levels[0]

    def bits_to_indices(self, bits: Tensor) -> Tensor:
        """Convert bits (..., K), of any integer or bool dtype, to indices (...) int64.

        Raises:
            InvalidInputError: for a last axis of another length.
        """
        if bits.shape[-1:] != (self.bits_per_symbol,):
            raise invalid("bits", f"<shape {tuple(bits.shape)}>", f"(..., {self.bits_per_symbol})")
        shifts = torch.arange(self.bits_per_symbol - 1, -1, -1, device=bits.device)
        return (bits.to(torch.int64) << shifts).sum(-1)

    def indices_to_bits(self, indices: Tensor) -> Tensor:
        """Convert indices (...) int64 to bits (..., K) uint8."""
        return _binary(indices, self.bits_per_symbol)

    def map(self, indices: Tensor, dtype: torch.dtype = torch.complex64) -> Tensor:
        """Convert indices (...) int64 to points (...) of a complex dtype."""
        return self.points_as(dtype, indices.device)[indices]

    def nearest(self, x_hat: Tensor) -> Tensor:
        """Find the nearest points, one real axis at a time.

        Args:
            x_hat: (...) complex; estimates. NaN gives an index without meaning.

        Returns:
            (...) int64 indices.
        """
        axis = self.axis(x_hat.real.dtype, x_hat.device)
        index = axis.to_index[self._nearest_level(x_hat.real, axis)]
        if self.is_real:
            return index
        return index + (axis.to_index[self._nearest_level(x_hat.imag, axis)] >> 1)

    def _nearest_level(self, values: Tensor, axis: Axis) -> Tensor:
        if self.num_levels == 2:
            return (values > 0).to(torch.int64)
        step = self.min_distance()
        low = _level_values(self.name, values.dtype)[0]
        nearest = ((values - low) / step).round_().clamp_(0, self.num_levels - 1)
        return torch.nan_to_num_(nearest).to(torch.int64)

    def llr(self, x_hat: Tensor, error_var: Tensor, method: str = "exact") -> Tensor:
        """Compute LLRs of x_hat = x + CN(0, error_var), one real axis at a time.

        Args:
            x_hat: (...) complex; estimates.
            error_var: broadcastable to (...), real; variance, total over both axes.
            method: "exact" (log-sum-exp, the default) or "max-log".

        Returns:
            (..., K) real.

        Raises:
            InvalidInputError: for an unknown method.
        """
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
            return values * (-2 * _level_values(self.name, values.dtype)[1]) / error_var
        metric = -((values.unsqueeze(-1) - axis.levels) ** 2) / (2 * error_var.unsqueeze(-1))
        llr = _bit_llr(metric, self.name, "axis", method)
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
            level = _level_values(self.name, axis.levels.dtype)[1]
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
        return _bit_llr(logits, self.name, "symbol", method)

    def axis_logits_to_llr(self, logits: Tensor, method: str = "exact") -> Tensor:
        """Convert log-probabilities of levels to LLRs.

        Args:
            logits: (..., A, L) real, with any common offset on each axis.
            method: "exact" (log-sum-exp, the default) or "max-log".

        Returns:
            (..., K) real.
        """
        check_one_of("method", method, ("exact", "max-log"))
        return _bit_llr(logits, self.name, "axis", method).transpose(-1, -2).flatten(-2)

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
            llr.unsqueeze(-2) * (2 * _labels(self.name).to(llr) - 1)
        ).sum(-1)


def as_constellation(value: Constellation | str) -> Constellation:
    """Return a constellation that is given itself or by name."""
    return value if isinstance(value, Constellation) else Constellation(value)


@made_once(maxsize=16)
def _labels(name: str) -> Tensor:
    """(M, K) uint8; row i is i in binary."""
    num_bits = _BITS_PER_SYMBOL[name]
    return _binary(torch.arange(2**num_bits), num_bits)


def _bit_llr(metric: Tensor, name: str, kind: str, method: str) -> Tensor:
    """Convert log-metrics (..., L) of "axis" levels or "symbol" points to LLRs (..., B)."""
    reduce = torch.logsumexp if method == "exact" else torch.amax
    columns = [
        reduce(metric[..., ones], -1) - reduce(metric[..., zeros], -1)
        for ones, zeros in _bit_halves(name, kind, str(metric.device))
    ]
    return torch.stack(columns, -1)


@made_once(maxsize=64)
def _bit_halves(name: str, kind: str, device: str) -> tuple[tuple[Tensor, Tensor], ...]:
    """For each bit, indices of the levels or points whose label has a one there, and a zero.

    Both are half of all, because the labels are a Gray code.
    """
    axis = kind == "axis"
    bits = _axis(name, torch.float64, device).bits if axis else _labels(name).to(device)
    return tuple((torch.where(row == 1)[0], torch.where(row == 0)[0]) for row in bits.T)


def _binary(indices: Tensor, num_bits: int) -> Tensor:
    shifts = torch.arange(num_bits - 1, -1, -1, device=indices.device)
    return ((indices.unsqueeze(-1) >> shifts) & 1).to(torch.uint8)


def _axis_level(label: int, num_bits: int) -> int:
    """Odd-integer PAM level of an axis label, TS 38.211 section 5.1 (bit 0 is positive).

    (1-2b0)[2^(n-1) - (1-2b1)[2^(n-2) - ...]]: evaluated from the last bit outwards.
    """
    bits = [(label >> (num_bits - 1 - i)) & 1 for i in range(num_bits)]
    level = 1 - 2 * bits[-1]
    for depth, bit in enumerate(reversed(bits[:-1]), start=1):
        level = (1 - 2 * bit) * (2**depth - level)
    return level


@made_once(maxsize=64)
def _axis(name: str, dtype: torch.dtype, device: str) -> Axis:
    is_real = name == "bpsk"
    num_bits = 1 if is_real else _BITS_PER_SYMBOL[name] // 2
    pairs = sorted((_axis_level(label, num_bits), label) for label in range(2**num_bits))
    energy = sum(level**2 for level, _ in pairs) / len(pairs) * (1 if is_real else 2)
    levels = torch.tensor([level / math.sqrt(energy) for level, _ in pairs], dtype=torch.float64)
    labels = torch.tensor([label for _, label in pairs], dtype=torch.int64)
    bits = _binary(labels, num_bits)
    # The real axis holds the even label bits: spread Ka bits over 2 Ka positions.
    stride = 1 if is_real else 2
    powers = 2 ** (stride * torch.arange(num_bits - 1, -1, -1) + stride - 1)
    to_index = (bits.to(torch.int64) * powers).sum(-1)
    return Axis(levels.to(device, dtype), bits.to(device), to_index.to(device))


# Python numbers: a traced program must not depend on the content of a tensor.
@made_once(maxsize=64)
def _level_values(name: str, dtype: torch.dtype) -> tuple[float, ...]:
    return tuple(_axis(name, dtype, "cpu").levels.tolist())


@made_once(maxsize=64)
def _points(name: str, dtype: torch.dtype, device: str) -> Tensor:
    axis = _axis(name, torch.float64, "cpu")
    num_points = 2 ** _BITS_PER_SYMBOL[name]
    points = torch.zeros(num_points, dtype=torch.complex128)
    if name == "bpsk":
        points[axis.to_index] = axis.levels.to(torch.complex128)
    else:
        index = axis.to_index[:, None] + (axis.to_index >> 1)[None, :]
        points[index] = torch.complex(
            axis.levels[:, None].expand(index.shape), axis.levels[None, :].expand(index.shape)
        )
    return points.to(device, dtype)
