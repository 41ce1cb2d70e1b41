"""The power of a file's channels, at any scale that numbers can have, and what is unusable."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from mimolearn.channels.channelfile import ChannelFile
from mimolearn.channels.files.axes import ComplexArray
from mimolearn.errors import invalid

# Weaker by this than the mean, a channel's products vanish in single precision.
_LARGEST_RANGE_DB = 300.0


class FilePower(NamedTuple):
    """What one pass over a file tells.

    peak: largest real or imaginary part. relative_rms: root mean square of |h_ij| over that.
    kept: (K,) the samples without an all-zero channel, or None where these are all.
    """

    peak: float
    relative_rms: float
    kept: np.ndarray | None


@functools.lru_cache(maxsize=4)
def file_power(file: ChannelFile, drop_zero: bool, per_draw: bool) -> FilePower:
    """Look at every channel once.

    Raises InvalidInputError for NaN and infinite entries, for all-zero channels unless they are to
    be dropped, and for channels that are too weak beside the others, unless each is to be scaled.
    """
    num_entries = math.prod(file.size)
    is_bad, is_zero = (np.zeros(file.num_samples, bool) for _ in range(2))
    # Sum of |h|^2 / peak^2 so far, the entries in it, and the weakest channel in dB.
    peak, total, count = 0.0, 0.0, 0
    weakest_db, weakest = math.inf, 0
    step = max(1, 2**20 // (num_entries * file.num_steps))
    for start in range(0, file.num_samples, step):
        sample = np.arange(start, min(start + step, file.num_samples))
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
    _refuse(file, is_bad, is_zero & ~is_bad, drop_zero)
    relative_rms = math.sqrt(total / count)
    below_db = 20 * (math.log10(peak) + math.log10(relative_rms)) - weakest_db
    if below_db > _LARGEST_RANGE_DB and not per_draw:
        got = f"<'mean', channel {weakest} is {below_db:.0f} dB below it>"
        expected = f"'per_draw', or channels within {_LARGEST_RANGE_DB:.0f} dB in {file.path}"
        raise invalid("normalise", got, f"{expected}: {file.described}")
    return FilePower(peak, relative_rms, np.flatnonzero(~is_zero) if is_zero.any() else None)


def unit_peak(rows: ComplexArray) -> tuple[ComplexArray, np.ndarray]:
    """Channels (k, Nr, Nt) whose largest part is 1, and (k,) what they were divided by.

    An all-zero channel stays as it is; what is not finite has a peak that is not.
    """
    # NaN would be lost by a maximum that skips it; this one hands it on.
    peaks = np.maximum(np.abs(rows.real), np.abs(rows.imag)).max((1, 2))
    divisor = np.where((peaks > 0) & np.isfinite(peaks), peaks, 1.0)
    # The reciprocal of a subnormal number is infinite: divide the parts.
    scaled = np.empty_like(rows)
    scaled.real = rows.real / divisor[:, None, None]
    scaled.imag = rows.imag / divisor[:, None, None]
    return scaled, peaks


def _refuse(file: ChannelFile, is_bad: np.ndarray, is_zero: np.ndarray, drop_zero: bool) -> None:
    num = file.num_samples
    if is_bad.any():
        got = (
            f"<{file.described}: {is_bad.sum()} of {num} not finite, first number {_first(is_bad)}>"
        )
        raise invalid("path", got, f"finite channels in {file.path}")
    if is_zero.all():
        expected = f"channels in {file.path}: {file.described}"
        raise invalid("path", f"<all {num} channels all zero>", expected)
    if is_zero.any() and not drop_zero:
        got = (
            f"<{file.described}: {is_zero.sum()} of {num} all zero, first number {_first(is_zero)}>"
        )
        expected = f"channels that are not all zero in {file.path}; drop_zero leaves these out"
        raise invalid("path", got, expected)


def _first(where: np.ndarray) -> int:
    return int(np.flatnonzero(where)[0])
