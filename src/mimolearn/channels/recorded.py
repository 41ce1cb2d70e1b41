"""Channels that somebody measured or simulated elsewhere, from a file."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from mimolearn.channels.base import ChannelModel, PowerNormalisation, unit_power_per_draw
from mimolearn.channels.channelfile import ChannelFile, file_stamp, open_channel_file, sha256_of
from mimolearn.errors import invalid, user_path
from mimolearn.randomness import RandomSource, integers


class Recorded(ChannelModel):
    """Channels of a file, drawn at random with replacement.

    Choose it for measured channels, or those of a ray tracer or of another simulator.
    path: .npy, .npz, HDF5 or MATLAB file (any version) with a complex array (N, Nr, Nt); pairs of
    real and imaginary part may also be fields of a record or a last axis of length 2.
    variable: its name in the file; may be left out when only one array fits.
    normalise: "mean", the file's mean |h_ij|^2 becomes entry_variance; "per_draw", that of every
    channel does.
    sha256: of the file, filled in when left out and compared when given. It stands for the
    content in a scenario's key; the path does not count.
    Memory: an .npy file is mapped, not read; all others are read whole.
    Nothing is unpickled, but the compiled readers of HDF5 and MATLAB files can crash on one that
    was tampered with: take those from sources you trust.
    Raises InvalidInputError for a file that is missing, unreadable, changed, not of that shape or
    not finite.
    """

    not_in_key: ClassVar[frozenset[str]] = frozenset({"path"})

    model: Literal["recorded"] = "recorded"
    path: str
    variable: str = ""
    normalise: PowerNormalisation = "mean"
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""

    @model_validator(mode="before")
    @classmethod
    def _identify(cls, fields: Any) -> Any:
        """Fill in what the file says: its digest, and the only variable there is."""
        if not isinstance(fields, dict) or not isinstance(fields.get("path"), str | Path):
            return fields
        path, variable = str(user_path(fields["path"])), fields.get("variable", "")
        if not isinstance(variable, str):
            return fields
        stamp = file_stamp(path)
        digest = sha256_of(path, stamp)
        expected = fields.get("sha256") or digest
        if expected != digest:
            raise invalid("sha256", expected, f"{digest}, which is that of {path}")
        found = open_channel_file(path, variable, stamp)
        return {**fields, "path": path, "variable": found.variable, "sha256": digest}

    def check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        """Raise InvalidInputError where the file holds channels of other antenna numbers."""
        _, nr, nt = self._file().shape
        if (nr, nt) != (num_rx_ant, num_tx_ant):
            raise invalid(
                "num_rx_ant, num_tx_ant",
                (num_rx_ant, num_tx_ant),
                f"{(nr, nt)}, as the channels of {self.path} have",
            )

    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        self.check_size(num_rx_ant, num_tx_ant)
        file, device = self._file(), generator.device
        index = integers((num_channels,), file.shape[0], generator)
        h = torch.from_numpy(file.rows(index.cpu().numpy())).to(device, dtype)
        mean_power = _mean_power(file)
        h = unit_power_per_draw(h) if self.normalise == "per_draw" else h / math.sqrt(mean_power)
        return h.mul_(math.sqrt(self.entry_var(num_rx_ant, num_tx_ant)))

    def _file(self) -> ChannelFile:
        stamp = file_stamp(self.path)
        digest = sha256_of(self.path, stamp)
        if digest != self.sha256:
            raise invalid("path", self.path, f"the file with SHA-256 {self.sha256}; it has changed")
        return open_channel_file(self.path, self.variable, stamp)


@functools.lru_cache(maxsize=8)
def _mean_power(file: ChannelFile) -> float:
    """Mean |h_ij|^2 of a file; the one pass over all of it also finds entries that are unusable."""
    total, step = 0.0, max(1, 2**22 // (file.shape[1] * file.shape[2]))
    for start in range(0, file.shape[0], step):
        rows = file.rows(slice(start, start + step))
        with np.errstate(over="ignore", invalid="ignore"):
            power = np.square(np.abs(rows.astype(np.complex128))).sum((1, 2))
        bad = np.flatnonzero(~np.isfinite(power) | (power == 0))
        if bad.size:
            raise invalid(
                "path", file.path, f"finite channels that are not all zero; {start + bad[0]} is"
            )
        total += float(power.sum())
    return total / math.prod(file.shape)
