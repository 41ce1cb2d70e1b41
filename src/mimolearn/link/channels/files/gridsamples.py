"""Samples of a file over a resource grid: windows of its frequencies and time steps."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from mimolearn.foundation.errors import invalid
from mimolearn.link.channels.fading.raster import (
    ComplexArray,
    Moments,
    Raster,
    mean_products,
)
from mimolearn.link.channels.files.channelfile import ChannelFile
from mimolearn.link.channels.files.power import divided

# Samples that are looked at for second moments.
MOST_SAMPLES = 256


class Window(NamedTuple):
    """Steps of a file that a slot may begin at, and which it then takes.

    Attributes:
        num_times: time steps of the file; 1 where it has no such axis.
        num_frequencies: frequencies of the file; 1 where it has no such axis.
        time_first: whether the time steps of the file come before its frequencies.
        symbols: T, or 1 for a channel that is constant over the slot.
        subcarriers: F, or 1 for a channel that is constant over frequency.
    """

    num_times: int
    num_frequencies: int
    time_first: bool
    symbols: int
    subcarriers: int

    @classmethod
    def of(cls, file: ChannelFile, raster: Raster, fixed: frozenset[str] = frozenset()) -> Window:
        """Fit a grid into the axes of a file; fixed: letters of axes at one index.

        Raises InvalidInputError for a file with fewer time steps or frequencies than the grid has.
        """
        letters = [letter for letter in file.axes if letter in "fs" and letter not in fixed]
        lengths = dict(zip(letters, file.parts[0].step_shape, strict=True))
        needed = {"s": raster.num_symbols, "f": raster.num_subcarriers}
        for letter, words in (("s", "time steps"), ("f", "frequencies")):
            if lengths.get(letter, needed[letter]) < needed[letter]:
                expected = (
                    f"at least {needed[letter]} {words}, one for each of the grid, in {file.path}"
                )
                got = f"<{lengths[letter]}: {file.described} with axes {file.axes!r}>"
                raise invalid("channel.axes", got, expected)
        return cls(
            lengths.get("s", 1),
            lengths.get("f", 1),
            letters[:1] == ["s"],
            needed["s"] if "s" in lengths else 1,
            needed["f"] if "f" in lengths else 1,
        )

    @property
    def starts(self) -> tuple[int, int]:
        """How many first time steps and first frequencies there are."""
        return self.num_times - self.symbols + 1, self.num_frequencies - self.subcarriers + 1

    def rows(self, file: ChannelFile, sample: int, time: int, frequency: int) -> ComplexArray:
        """Channels (T or 1, F or 1, Nr, Nt) of a sample from this step on."""
        times = time + np.arange(self.symbols)[:, None]
        frequencies = frequency + np.arange(self.subcarriers)[None, :]
        if self.time_first:
            steps = times * self.num_frequencies + frequencies
        else:
            steps = frequencies * self.num_times + times
        each = np.full(steps.size, sample), steps.ravel()
        return file.rows(*each).reshape(*steps.shape, *file.size)


@functools.lru_cache(maxsize=8)
def measured_moments(
    file: ChannelFile, samples: tuple[int, ...], peak: float, window: Window, raster: Raster
) -> Moments:
    """Average the second moments of a file's samples over time and over frequency, apart.

    Antennas, samples, and all elements with a lag count alike. The mean power is taken for 1.

    Args:
        file: the channels.
        samples: the samples to look at.
        peak: largest real or imaginary part of the file; 0 to scale each sample to unit power.
        window: the part of a sample that a slot takes.
        raster: times and frequencies of the grid.
    """
    in_time = np.zeros(window.symbols, complex)
    in_frequency = np.zeros(window.subcarriers, complex)
    for sample in samples:
        h = window.rows(file, sample, 0, 0)
        h = divided(h, peak or abs(h).max())
        if not peak:
            h = h / np.sqrt(np.mean(abs(h) ** 2))
        in_time += mean_products(h.reshape(window.symbols, -1))
        in_frequency += mean_products(h.swapaxes(0, 1).reshape(window.subcarriers, -1))
    shapes = raster.num_symbols, raster.num_subcarriers
    both = (
        np.broadcast_to(lags / lags[0].real, (1, size))
        for lags, size in zip((in_time, in_frequency), shapes, strict=True)
    )
    return Moments(*both)
