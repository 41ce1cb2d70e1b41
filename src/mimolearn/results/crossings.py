"""The SNR at which an error rate is reached, and the gap in dB between two contenders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mimolearn.foundation.errors import check_real
from mimolearn.results.statistics import ENOUGH_CLUSTERS, effective_clusters, rate_covariance

_STEP = 1e-4
# Two ways to interpolate that differ by more than this share of the interval's half: a bias of
# 0.4 standard deviations, with which 93 % of 95 % intervals hold the value.
_MOST_BIAS = 0.2
# From here on the logarithm of the Gaussian distance bends too much to be a coordinate.
_ALMOST_HALF = 0.4
_LN10 = math.log(10)


class Sample(NamedTuple):
    """One point of a curve.

    Attributes:
        snr_db: in dB.
        errors: (channels,) int64 errors per channel.
        trials_per_channel: units of the metric in a channel.
        cluster: what notes call channels, see ``cluster_word``.
    """

    snr_db: float
    errors: np.ndarray
    trials_per_channel: int
    cluster: str = "channels"

    @property
    def rate(self) -> float:
        """Errors over trials."""
        return float(self.errors.sum()) / (len(self.errors) * self.trials_per_channel)


class SnrEstimate(NamedTuple):
    """SNR in dB at which a rate is reached.

    Attributes:
        value_db: in dB; None when it is not known.
        low_db: lower end of the 95 % interval of the Monte Carlo error, or of the bracket when
            only that is known, or None.
        high_db: upper end of the same.
        note: why it is not known, or what it rests on; else "".
    """

    value_db: float | None
    low_db: float | None
    high_db: float | None
    note: str = ""

    @property
    def is_below(self) -> bool:
        """True when the rate is already reached below all SNRs that were simulated."""
        return self.value_db is None and self.low_db is None and self.high_db is not None

    @property
    def is_bracketed(self) -> bool:
        """True when only the two SNRs are known that the crossing lies between."""
        return self.value_db is None and self.low_db is not None and self.high_db is not None


class SnrGap(NamedTuple):
    """How many dB more the second contender needs than the first.

    Attributes:
        value_db: in dB; None when it is not known.
        low_db: lower end of the 95 % interval; None when it is not known.
        high_db: upper end of the same.
        note: why it is not known, or what it rests on; else "".
    """

    value_db: float | None
    low_db: float | None
    high_db: float | None
    note: str = ""


class _Crossing(NamedTuple):
    """Estimate, the samples it rests on, and d(SNR)/d(log10 rate) at each."""

    estimate: SnrEstimate
    samples: list[Sample]
    gradient: np.ndarray


def required_snr(samples: list[Sample], target: float, confidence: float = 0.95) -> SnrEstimate:
    """SNR at which the target rate is crossed, first from above; never extrapolated.

    Shape-preserving cubic interpolation (Fritsch and Carlson 1980) of log10 rate over the four
    points about the crossing; the interval is the delta method's, from the clustered variances.
    It is of the Monte Carlo error alone: where the points lie too far apart for the interpolation,
    the note says so.

    Args:
        samples: the curve, ascending in SNR.
        target: an error rate.
        confidence: of the interval.
    """
    return _crossing(samples, target, confidence).estimate


def snr_gap(
    first: list[Sample],
    second: list[Sample],
    target: float,
    confidence: float = 0.95,
    *,
    common_draws: bool = True,
) -> SnrGap:
    """SNR that the second needs minus SNR that the first needs, at the target rate.

    At SNRs where both were run they saw the same channels, so that their errors go together and
    the gap is known better than either SNR; the covariance over common channels accounts for it.

    Args:
        first: a curve, ascending in SNR.
        second: another curve.
        target: an error rate.
        confidence: of the interval.
        common_draws: whether both saw the same draws.
    """
    a, b = _crossing(first, target, confidence), _crossing(second, target, confidence)
    notes = [
        f"{which}: {crossing.estimate.note}"
        for which, crossing in (("first", a), ("second", b))
        if crossing.estimate.note
    ]
    note = "; ".join(notes)
    if a.estimate.value_db is None or b.estimate.value_db is None:
        return SnrGap(None, None, None, note)
    value = b.estimate.value_db - a.estimate.value_db
    variance = _variance(a, a) + _variance(b, b)
    if common_draws:
        variance -= 2 * _variance(a, b)
    half = _quantile(confidence) * math.sqrt(max(variance, 0.0))
    return SnrGap(value, value - half, value + half, note)


def snr_at_rates(
    curve: Sequence[tuple[float, float]], rates: Sequence[float]
) -> list[float | None]:
    """SNRs in dB at which a curve crosses error rates, interpolated as ``required_snr`` does.

    Args:
        curve: (SNR in dB, error rate) of its points, ascending in SNR, rates above 0.
        rates: error rates.

    Returns:
        the lowest SNR for each rate; None where the curve does not come to it.

    >>> snr_at_rates([(0.0, 0.1), (10.0, 0.01)], [0.1, 0.03, 0.001])
    [0.0, 5.228787452803376, None]
    """
    from scipy.interpolate import PchipInterpolator  # here, because it is slow to import

    if len(curve) < 2:
        return [None] * len(rates)
    snr_db, values = zip(*curve, strict=True)
    line = PchipInterpolator(snr_db, [math.log10(value) for value in values])
    crossed: list[float | None] = []
    for rate in rates:
        roots = line.solve(math.log10(rate), extrapolate=False)
        roots = roots[np.isfinite(roots)]
        crossed.append(float(roots.min()) if roots.size else None)
    return crossed


def _crossing(samples: list[Sample], target: float, confidence: float) -> _Crossing:
    check_real("target", target, above=0, at_most=1)
    rates = [sample.rate for sample in samples]
    unknown = _not_bracketed(samples, rates, target)
    if unknown is not None:
        return _Crossing(unknown, [], np.zeros(0))
    falls = [i for i in range(len(rates) - 1) if rates[i] >= target > rates[i + 1]]
    left = falls[0]
    low, high = samples[left].snr_db, samples[left + 1].snr_db
    if rates[left + 1] == 0:
        note = f"between {low:g} and {high:g} dB: no errors at {high:g} dB, simulate points between"
        return _Crossing(SnrEstimate(None, low, high, note), [], np.zeros(0))
    first = left if rates[max(left - 1, 0)] == rates[left] == target else max(left - 1, 0)
    window = [s for s in samples[first : left + 3] if s.rate > 0]
    value, gradient = _solve(window, low, high, math.log10(target))
    notes = []
    if first == left > 0:
        # A flat piece at the target has no one crossing.
        notes.append(f"several points lie exactly at {target:g}, this is the last")
    if len(falls) > 1:
        notes.append("the curve crosses the target more than once, this is the first")
    for sample in samples[left : left + 2]:
        clusters = effective_clusters(sample.errors)
        if clusters < ENOUGH_CLUSTERS:
            notes.append(
                f"errors of only {clusters:.0f} effective {sample.cluster} "
                f"at {sample.snr_db:g} dB, the interval may be too narrow"
            )
    crossing = _Crossing(SnrEstimate(value, None, None), window, gradient)
    half = _quantile(confidence) * math.sqrt(_variance(crossing, crossing))
    doubt = abs(_second_opinion(window, low, high, target) - value)
    if doubt > _MOST_BIAS * half:
        notes.append(
            f"points {high - low:g} dB apart are too far for the interpolation, which may be off "
            f"by {doubt:.2g} dB: simulate points between {low:g} and {high:g} dB"
        )
    estimate = SnrEstimate(value, value - half, value + half, "; ".join(notes))
    return crossing._replace(estimate=estimate)


def _not_bracketed(samples: list[Sample], rates: list[float], target: float) -> SnrEstimate | None:
    if not samples:
        return SnrEstimate(None, None, None, "not simulated")
    if rates[0] < target:
        note = f"already below {target:g} at the lowest SNR, {samples[0].snr_db:g} dB"
        return SnrEstimate(None, None, samples[0].snr_db, note)
    if min(rates) >= target:
        note = f"not reached: {rates[-1]:.2g} at the highest SNR, {samples[-1].snr_db:g} dB"
        return SnrEstimate(None, samples[-1].snr_db, None, note)
    return None


def _solve(
    window: list[Sample], low: float, high: float, log_target: float
) -> tuple[float, np.ndarray]:
    snr = np.array([sample.snr_db for sample in window])
    log_rate = np.array([math.log10(sample.rate) for sample in window])
    value = _invert(snr, log_rate, low, high, log_target)
    gradient = np.zeros(len(window))
    for i in range(len(window)):
        moved = log_rate.copy()
        moved[i] += _STEP
        up = _invert(snr, moved, low, high, log_target)
        moved[i] -= 2 * _STEP
        gradient[i] = (up - _invert(snr, moved, low, high, log_target)) / (2 * _STEP)
    return value, gradient


def _invert(
    snr: np.ndarray, log_rate: np.ndarray, low: float, high: float, log_target: float
) -> float:
    from scipy.interpolate import PchipInterpolator  # here, because it is slow to import

    roots = PchipInterpolator(snr, log_rate).solve(log_target, extrapolate=True)
    # A piece that lies at the target as a whole is said to have its root at NaN.
    roots = roots[np.isfinite(roots)]
    if not roots.size:
        # A step of the derivative took the crossing off the curve: its end is nearest.
        ends = [low, high]
        return ends[int(np.argmin(np.abs(np.interp(ends, snr, log_rate) - log_target)))]
    # A derivative step may push the crossing a hair over the bracket's edge: take the nearest root.
    distance = np.maximum(np.maximum(low - roots, roots - high), 0)
    return float(roots[np.argmin(distance)])


def _second_opinion(window: list[Sample], low: float, high: float, target: float) -> float:
    """The crossing, interpolated in another coordinate.

    log10 of the rate is a straight line for fading channels; for Gaussian noise the logarithm of
    the distance d, rate = Q(d), is one. Between points that are close the two agree.
    """
    from scipy.special import ndtri  # here, because it would slow down `import mimolearn`

    rates = np.array([sample.rate for sample in window] + [target])
    below = rates < _ALMOST_HALF
    if not below[-1] or below.sum() < 3:
        return _invert_between(window, low, high, target)
    distance = -np.log(-ndtri(rates[below]))
    snr = np.array([sample.snr_db for sample in window])[below[:-1]]
    if snr[0] > low:
        return _invert_between(window, low, high, target)
    return _invert(snr, distance[:-1], low, high, float(distance[-1]))


def _invert_between(window: list[Sample], low: float, high: float, target: float) -> float:
    """The crossing where the probit of the rate is a straight line between the two points."""
    from scipy.special import ndtri  # here, because it would slow down `import mimolearn`

    ends = [next(s.rate for s in window if s.snr_db == snr_db) for snr_db in (low, high)]
    above, below = (float(ndtri(min(rate, 1 - 1e-12))) for rate in ends)
    share = (above - float(ndtri(min(target, 1 - 1e-12)))) / (above - below)
    return low + share * (high - low)


def _variance(a: _Crossing, b: _Crossing) -> float:
    total = 0.0
    for first, slope_a in zip(a.samples, a.gradient, strict=True):
        for second, slope_b in zip(b.samples, b.gradient, strict=True):
            if first.snr_db == second.snr_db:
                covariance = rate_covariance(
                    first.errors, first.trials_per_channel, second.errors, second.trials_per_channel
                )
                scale = first.rate * second.rate * _LN10**2
                total += float(slope_a) * float(slope_b) * covariance / scale
    return total


def _quantile(confidence: float) -> float:
    from scipy.special import ndtri  # here, because it would slow down `import mimolearn`

    return float(ndtri((1 + confidence) / 2))
