"""Channels from a file: measured, or simulated by another program."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from mimolearn.foundation.errors import invalid, user_path
from mimolearn.foundation.plainmodel import Real
from mimolearn.link.channels.base import ChannelModel, PowerNormalisation
from mimolearn.link.channels.fading.raster import Moments, Raster
from mimolearn.link.channels.files.channelfile import (
    ChannelFile,
    Reading,
    file_stamp,
    open_channel_file,
    sha256_of,
)
from mimolearn.link.channels.files.gridsamples import MOST_SAMPLES, Window, measured_moments
from mimolearn.link.channels.files.power import FilePower, divided, file_power, unit_peak
from mimolearn.link.randomness import RandomSource, distinct_integers, integers

_ROWS = re.compile(r"(\d+(?:\.\d+)?%|\d*):(\d+(?:\.\d+)?%|\d*)")
_Index = Annotated[int, Field(strict=True, ge=0, le=10**9)]


class Recorded(ChannelModel):
    """Channels of a file, drawn at random with replacement.

    Choose it for measured channels, or those of a ray tracer or of another simulator. The users of
    one drop get different samples.

    An .npy file is mapped into memory; other files are read whole. Nothing is unpickled, and links
    to other files are not followed. The HDF5 library can crash on a file made to harm: read only
    files from sources that you trust.

    Attributes:
        model: "recorded".
        entry_variance: mean E|h_ij|^2: "1" (default), "1/Nr" or "1/Nt".
        path: .npy, .npz, HDF5 or MATLAB file (any version) with a complex array (N, Nr, Nt). Real
            and imaginary part may also be fields of a record, a last axis of length 2, or two
            arrays such as H_r and H_i. "~" is the home folder.
        variable: name of the array in the file, or a list of names whose arrays are one set of
            samples. "*" stands for any text. Not needed when only one array fits.
        axes: one letter for each axis, in the order of the file: n samples, r receive antennas, t
            transmit antennas, f frequencies, s time steps, c real and imaginary part. Two axes of
            the same letter are joined; a letter that is missing has length 1. Not needed for
            (N, Nr, Nt) and (Nr, Nt), unless the sizes fit another order as well.
        frequency_index: the element of axis f to use, from 0. Default: each element is another
            channel.
        time_index: the element of axis s to use, from 0. Default: each element is another channel.
        sample_range: first sample to use, and the one after the last, from 0; for instance to
            train on some samples and compare on others. Default: all.
        rows: the same range as text, "0:80%" or "800:", whose ends are numbers of samples or
            percentages of them; it is kept as ``sample_range``.
        normalise: "mean" (default) scales the file to a mean |h_ij|^2 of entry_variance;
            "per_draw" scales every channel to it.
        drop_zero: leave out samples with an all-zero channel; default false, which refuses them.
        sha256: digest of the file; filled in when left out, compared when given. It stands for the
            content in a scenario's key, and the path does not count.
        max_gb: most memory that the file may take, GB; default 64 times its size, at most half of
            the machine's memory.

    Raises:
        InvalidInputError: for a file that is missing, unreadable, changed, of another shape or not
            finite.
    """

    not_in_key: ClassVar[frozenset[str]] = frozenset({"path", "max_gb"})

    model: Literal["recorded"] = "recorded"
    path: str
    variable: str | tuple[str, ...] = ""
    axes: str = ""
    frequency_index: _Index | None = None
    time_index: _Index | None = None
    sample_range: tuple[_Index, _Index] | None = None
    rows: Annotated[str, Field(exclude_if=lambda rows: not rows)] = ""
    normalise: PowerNormalisation = "mean"
    drop_zero: Annotated[bool, Field(strict=True)] = False
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    max_gb: Annotated[Real, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand_home(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or not isinstance(fields.get("path"), str | Path):
            return fields
        if not str(fields["path"]):
            return fields  # which ``Path`` would take for the current folder
        return {**fields, "path": str(user_path(fields["path"]))}

    @model_validator(mode="after")
    def _identify(self) -> Recorded:
        """Fill in the digest of the file, its only variable, and its axes."""
        stamp = file_stamp(self.path)
        digest = sha256_of(self.path, stamp)
        if (self.sha256 or digest) != digest:
            raise invalid("sha256", self.sha256, f"{digest}, which is that of {self.path}")
        file = open_channel_file(self.path, self._reading(), stamp)
        variable = file.variable[0] if len(file.variable) == 1 else file.variable
        filled = {"variable": variable or "", "axes": file.axes, "sha256": digest, "rows": ""}
        if self.rows and self.sample_range:
            raise invalid("rows", self.rows, "rows or sample_range, not both")
        if self.rows:
            filled["sample_range"] = _range_of(self.rows, file.num_samples)
        for field, value in filled.items():
            # The model is frozen, but no other code has a reference to it yet.
            object.__setattr__(self, field, value)
        return self

    def check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        """Raise InvalidInputError if the file holds channels of other antenna numbers."""
        file = self._file()
        size = num_rx_ant, num_tx_ant
        if file.size != size:
            other = file.other_axes.get(size)
            hint = f"; axes = {other!r} would give {size}" if other else ""
            expected = f"{file.size}, as the channels of {self.path} have"
            description = f"{file.described} with axes {file.axes!r}"
            raise invalid("num_rx_ant, num_tx_ant", size, f"{expected}: {description}{hint}")
        self._power(file)

    def check_users(self, num_users: int) -> None:
        """Raise InvalidInputError if the file has fewer samples than a drop has users."""
        num_samples = self.num_samples
        if num_samples < num_users:
            expected = f"at least {num_users}, one for each user of a drop, in {self.path}"
            raise invalid("samples", f"<{num_samples}: {self._file().described}>", expected)

    @property
    def num_samples(self) -> int:
        """How many samples are drawn from."""
        return len(self._power(self._file()).kept)

    @property
    def num_file_samples(self) -> int:
        """How many samples the file has, within ``sample_range`` or not."""
        return self._file().num_samples

    @property
    def num_dropped(self) -> int:
        """How many samples ``drop_zero`` leaves out."""
        first, end = self.sample_range or (0, self._file().num_samples)
        return end - first - self.num_samples

    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        self.check_size(num_rx_ant, num_tx_ant)
        num_steps = self._file().num_steps
        index = integers((num_channels,), self.num_samples * num_steps, generator)
        h = self._rows(index // num_steps, index % num_steps)
        return torch.from_numpy(h).to(generator.device, dtype)

    def draw_users(
        self,
        num_drops: int,
        num_users: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        """Draw a different sample for each user of a drop, all at one frequency and time step."""
        self.check_size(num_rx_ant, num_tx_ant)
        self.check_users(num_users)
        num_steps = self._file().num_steps
        sample = distinct_integers(num_drops, num_users, self.num_samples, generator)
        step = torch.zeros_like(sample)
        if num_steps > 1:
            step = integers((num_drops, 1), num_steps, generator).expand_as(sample)
        h = self._rows(sample.flatten(), step.flatten())
        return torch.from_numpy(h).to(generator.device, dtype).unflatten(0, sample.shape)

    def check_grid(
        self, raster: Raster, num_rx_ant: int, num_users: int, layers_per_user: int
    ) -> None:
        """Raise InvalidInputError if samples hold neither one user nor all, or too small a grid."""
        together = self._file().size == (num_rx_ant, num_users * layers_per_user)
        self.check_size(num_rx_ant, layers_per_user * (num_users if together else 1))
        self.check_users(1 if together else num_users)
        self._window(raster)

    def draw_grid(
        self,
        num_slots: int,
        raster: Raster,
        num_rx_ant: int,
        num_users: int,
        layers_per_user: int,
        generator: RandomSource,
    ) -> Tensor:
        """Draw windows of the file's frequencies (axis f) and time steps (axis s).

        A frequency of the file is a subcarrier, a time step a symbol. Without axis f or s the
        channel is constant over it. A sample may hold the layers of one user, and then each has a
        sample of its own, or those of all.
        """
        self.check_grid(raster, num_rx_ant, num_users, layers_per_user)
        file, window = self._file(), self._window(raster)
        power = self._power(file)
        num_each = num_users * layers_per_user // file.size[1]
        sample = distinct_integers(num_slots, num_each, self.num_samples, generator)
        times, frequencies = (
            integers((num_slots,), starts, generator) if starts > 1 else sample.new_zeros(num_slots)
            for starts in window.starts
        )
        grid = raster.num_symbols, raster.num_subcarriers
        h = np.empty((num_slots, *grid, num_rx_ant, num_each, file.size[1]), np.complex64)
        for slot, (t, f) in enumerate(zip(times.tolist(), frequencies.tolist(), strict=True)):
            for user, row in enumerate(power.kept[sample[slot].cpu().numpy()]):
                rows = window.rows(file, int(row), t, f)
                h[slot, :, :, :, user] = self._scaled(rows, power)
        return torch.from_numpy(h).flatten(-2).to(generator.device)

    def moments(self, raster: Raster) -> Moments:
        """Average the second moments of up to 256 samples, over time and over frequency apart."""
        file = self._file()
        power = self._power(file)
        kept = power.kept
        samples = tuple(kept[:: -(-len(kept) // MOST_SAMPLES)].tolist())
        peak = 0.0 if self.normalise == "per_draw" else power.peak
        return measured_moments(file, samples, peak, self._window(raster), raster)

    def _window(self, raster: Raster) -> Window:
        fixed = {"f": self.frequency_index, "s": self.time_index}
        one = frozenset(letter for letter, index in fixed.items() if index is not None)
        return Window.of(self._file(), raster, one)

    def _scaled(self, rows: np.ndarray, power: FilePower) -> np.ndarray:
        """One sample's window with the power of ``normalise``, each window alone for "per_draw"."""
        if self.normalise == "per_draw":
            rows = rows / abs(rows).max()
            rms = math.sqrt(np.square(np.abs(rows)).mean())
        else:
            rows, rms = divided(rows, power.peak), power.relative_rms
        return rows * (math.sqrt(self.entry_var(*self._file().size)) / rms)

    def _rows(self, sample: Tensor, step: Tensor) -> np.ndarray:
        """Return normalised channels (k, Nr, Nt) complex128, by index among the kept samples."""
        file = self._file()
        power = self._power(file)
        rows = file.rows(power.kept[sample.cpu().numpy()], step.cpu().numpy())
        if self.normalise == "per_draw":
            rows = unit_peak(rows)[0]
            rms = np.sqrt(np.square(np.abs(rows)).mean((1, 2), keepdims=True))
        else:
            # Two divisions: one by the product of both could overflow.
            rows = divided(rows, power.peak)
            rms = power.relative_rms
        return rows * (math.sqrt(self.entry_var(*file.size)) / rms)

    def _reading(self) -> Reading:
        names = (self.variable,) if isinstance(self.variable, str) else self.variable
        return Reading(
            tuple(name for name in names if name),
            self.axes,
            self.frequency_index,
            self.time_index,
            self.max_gb,
        )

    def _file(self) -> ChannelFile:
        stamp = file_stamp(self.path)
        digest = sha256_of(self.path, stamp)
        if digest != self.sha256:
            raise invalid("path", self.path, f"the file with SHA-256 {self.sha256}; it has changed")
        return open_channel_file(self.path, self._reading(), stamp)

    def _power(self, file: ChannelFile) -> FilePower:
        per_draw = self.normalise == "per_draw"
        return file_power(file, self.drop_zero, per_draw, self.sample_range)


def _range_of(rows: str, num_samples: int) -> tuple[int, int]:
    """First sample and the one after the last, of a text such as "0:80%"."""
    match = _ROWS.fullmatch(rows.replace(" ", ""))
    if match is None:
        raise invalid("rows", rows, "first:end, as '0:80%', '80%:' or '0:800'")
    ends = []
    for text, missing in ((match[1], 0), (match[2], num_samples)):
        number = float(text.rstrip("%")) if text else missing
        if text.endswith("%") and number > 100:
            raise invalid("rows", rows, "percentages up to 100")
        # Ends of neighbouring parts are rounded alike, so that no sample is in both.
        ends.append(round(number * num_samples / 100) if text.endswith("%") else int(number))
    if not 0 <= ends[0] < ends[1] <= num_samples:
        raise invalid("rows", rows, f"a part of the {num_samples} samples, not an empty one")
    return ends[0], ends[1]


def with_paths_from(scenario: Any, folder: Path) -> Any:
    """Make a relative path of recorded channels, in a parsed scenario, start at a folder."""
    channel = scenario.get("channel") if isinstance(scenario, Mapping) else None
    if not isinstance(channel, Mapping) or not isinstance(channel.get("path"), str):
        return scenario
    path = str(folder / user_path(channel["path"]))
    return {**scenario, "channel": {**channel, "path": path}}
