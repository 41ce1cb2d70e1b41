"""The power of a file's channels, at any scale that numbers can have, and what is unusable."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from mimolearn.foundation.errors import invalid
from mimolearn.link.channels.files.axes import ComplexArray
from mimolearn.link.channels.files.channelfile import ChannelFile

# Weaker by this than the mean, a channel's products vanish in single precision.
_LARGEST_RANGE_DB = 300.0


class FilePower(NamedTuple):
    """What one pass over a file tells.

    peak: largest real or imaginary part. relative_rms: root mean square of |h_ij| over that.
    kept: (K,) the samples to draw from: those of the range, without an all-zero channel.
    """

    peak: float
    relative_rms: float
    kept: np.ndarray


@functools.lru_cache(maxsize=4)
def file_power(
    file: ChannelFile, drop_zero: bool, per_draw: bool, sample_range: tuple[int, int] | None
) -> FilePower:
    """Look at every channel of the range once.

    Raises InvalidInputError for a range that the file does not have. Also raises it for NaN and
    infinite entries, for all-zero channels unless they are to be dropped, and for channels that are
    too weak beside the others, unless each is to be scaled.
    """
    first, end = sample_range or (0, file.num_samples)
    if not first < end <= file.num_samples:
        expected = f"first and end of a part of 0 ... {file.num_samples} in {file.path}"
        raise invalid("sample_range", sample_range, f"{expected}: {file.described}")
    num_entries = math.prod(file.size)
    is_bad, is_zero = (np.zeros(file.num_samples, bool) for _ in range(2))
    # Sum of |h|^2 / peak^2 so far, the entries in it, and the weakest channel in dB.
    peak, total, count = 0.0, 0.0, 0
    weakest_db, weakest = math.inf, 0
    step = max(1, 2**20 // (num_entries * file.num_steps))
    for start in range(first, end, step):
        sample = np.arange(start, min(start + step, end))
        shape = (len(sample), file.num_steps)
        each = np.repeat(sample, file.num_steps), np.tile(np.arange(file.num_steps), len(sample))
        rows, peaks = unit_peak(file.rows(*each))
        finite = np.isfinite(peaks)
        is_bad[sample] = ~finite.reshape(shape).all(1)
        is_zero[sample] = (peaks == 0).reshape(shape).any(1)
        used = np.repeat(~is_bad[sample] & ~is_zero[sample], file.num_steps)
        if not used.any():
            continue
        power = np.square(np.abs(rows[used])).sum((1, 2))
        power_db = 20 * np.log10(peaks[used]) + 10 * np.log10(power / num_entries)
        lowest = int(power_db.argmin())
        if power_db[lowest] < weakest_db:
            weakest_db, weakest = float(power_db[lowest]), int(each[0][used][lowest])
        highest = max(peak, float(peaks[used].max()))
        total = total * (peak / highest) ** 2 + float((power * (peaks[used] / highest) ** 2).sum())
        peak, count = highest, count + len(power) * num_entries
    is_zero &= ~is_bad
    _refuse(file, is_bad, is_zero, end - first, drop_zero)
    relative_rms = math.sqrt(total / count)
    below_db = 20 * (math.log10(peak) + math.log10(relative_rms)) - weakest_db
    if below_db > _LARGEST_RANGE_DB and not per_draw:
        got = f"<'mean', channel {weakest} is {below_db:.0f} dB below it>"
        expected = f"'per_draw', or channels within {_LARGEST_RANGE_DB:.0f} dB in {file.path}"
        raise invalid("normalise", got, f"{expected}: {file.described}")
    return FilePower(peak, relative_rms, first + np.flatnonzero(~is_zero[first:end]))


def unit_peak(rows: ComplexArray) -> tuple[ComplexArray, np.ndarray]:
    """Channels (k, Nr, Nt) whose largest part is 1, and (k,) what they were divided by.

    An all-zero channel stays as it is; what is not finite has a peak that is not.
    """
    # NaN would be lost by a maximum that skips it; this one hands it on.
    peaks = np.maximum(np.abs(rows.real), np.abs(rows.imag)).max((1, 2))
    divisor = np.where((peaks > 0) & np.isfinite(peaks), peaks, 1.0)
    return divided(rows, divisor[:, None, None]), peaks


def divided(rows: ComplexArray, divisor: np.ndarray | float) -> ComplexArray:
    """Channels over real numbers, which may be so small that their reciprocals are infinite."""
    scaled = np.empty_like(rows)
    scaled.real, scaled.imag = rows.real / divisor, rows.imag / divisor
    return scaled


def _refuse(
    file: ChannelFile, is_bad: np.ndarray, is_zero: np.ndarray, num: int, drop_zero: bool
) -> None:
    what = f"{file.path}: {file.described}"
    if is_bad.any():
        got = f"<{is_bad.sum()} of {num} channels not finite, the first is {_first(is_bad)}>"
        raise invalid("path", got, f"finite channels in {what}")
    if is_zero.sum() == num:
        raise invalid("path", f"<{num} channels, all zero>", f"channels in {what}")
    if is_zero.any() and not drop_zero:
        got = f"<{is_zero.sum()} of {num} channels all zero, the first is {_first(is_zero)}>"
        raise invalid("path", got, f"none in {what}; drop_zero = true leaves them out")


def _first(where: np.ndarray) -> int:
    return int(np.flatnonzero(where)[0])
