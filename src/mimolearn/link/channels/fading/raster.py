"""The elements of a resource grid in time and frequency, and the second moments of fading there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

ComplexArray = np.ndarray[Any, Any]
IntArray = np.ndarray[Any, Any]


class Raster(NamedTuple):
    """Times and frequencies of the elements of a resource grid.

    Attributes:
        num_symbols: T, OFDM symbols of a slot.
        num_subcarriers: F.
        symbol_duration_s: time from one symbol to the next, cyclic prefix included, s.
        subcarrier_spacing_hz: Hz.
        cyclic_prefix_s: duration of the shortest cyclic prefix, s.
    """

    num_symbols: int
    num_subcarriers: int
    symbol_duration_s: float
    subcarrier_spacing_hz: float
    cyclic_prefix_s: float


class Moments(NamedTuple):
    """Second moments of stationary fading, a sum of K products of time and frequency.

    E h(t, f) h*(t', f') = sum over k of time[k, t - t'] frequency[k, f - f'] for every pair of
    antennas, relative to the mean power of an entry. A negative lag has the conjugate.

    Attributes:
        time: (K, T) complex128; lags 0 ... T - 1, in symbols.
        frequency: (K, F) complex128; lags 0 ... F - 1, in subcarriers.
    """

    time: ComplexArray
    frequency: ComplexArray

    def separated(self) -> Moments:
        """Return the one product (K = 1) with the same moments over time and over frequency."""
        power = (self.time[:, 0] * self.frequency[:, 0]).sum()
        time = (self.time * self.frequency[:, :1]).sum(0) / power
        frequency = (self.frequency * self.time[:, :1]).sum(0) / power
        return Moments(time[None], frequency[None])


def at_lags(lags: ComplexArray, rows: IntArray, columns: IntArray) -> ComplexArray:
    """Compute the matrix (n, m) of r(rows_i - columns_j) from r(0), r(1), ...

    >>> at_lags(np.array([1, 0.5j]), np.arange(2), np.arange(2))[0]
    array([1.+0.j , 0.-0.5j])
    """
    lag = rows[:, None] - columns[None, :]
    values = lags[np.abs(lag)]
    return np.where(lag < 0, values.conj(), values)


def low_rank_factor(lags: ComplexArray, leftover: float = 1e-7) -> ComplexArray:
    """Compute a factor L of a Toeplitz covariance, R = L L^H, with as few columns as possible.

    A Cholesky decomposition with pivots, which stops when ``leftover`` of the trace is left.

    Args:
        lags: (n) complex; r(0), r(1), ..., the first column of R.
        leftover: largest share of the trace that L may lack.

    Returns:
        (n, rank) complex128.
    """
    size = len(lags)
    index = np.arange(size)
    left = np.full(size, lags[0].real)
    columns: list[ComplexArray] = []
    while left.sum() > leftover * size * lags[0].real and len(columns) < size:
        pivot = int(left.argmax())
        column = at_lags(lags, index, index[pivot : pivot + 1])[:, 0]
        for earlier in columns:
            column = column - earlier * earlier[pivot].conj()
        column = column / np.sqrt(left[pivot])
        columns.append(column)
        left = np.maximum(left - abs(column) ** 2, 0.0)
    return np.stack(columns, 1)


def mean_products(rows: ComplexArray) -> ComplexArray:
    """Compute the mean of x(i + m) x*(i) over i, summed over columns, for each lag m.

    Args:
        rows: (n, k) complex.

    Returns:
        (n) complex128.
    """
    length = len(rows)
    spectrum = np.fft.fft(rows, 2 * length, axis=0)
    sums = np.fft.ifft((np.abs(spectrum) ** 2).sum(1))[:length]
    return sums / (length - np.arange(length))
