"""A link over a resource grid: frame, pilots, fading, interference, and the usual estimator."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import InvalidInputError, invalid, user_path
from mimolearn.foundation.plainmodel import Count, PlainModel
from mimolearn.foundation.tomlfile import read_toml, write_toml
from mimolearn.link.channels import AnyChannel, TDLProcess, with_paths_from
from mimolearn.link.codes.mcs import Mcs, mcs
from mimolearn.link.estimators import AnyEstimator, Wiener
from mimolearn.link.frames import AnyFrame, AnyPilots, CombPilots, DmrsPilots, NrPusch, build_grid
from mimolearn.link.frames.grid import Grid
from mimolearn.link.scenario import Coding, read_shipped
from mimolearn.snr import SnrDefinition, noise_variance

GRID_SCHEMA = 1


class GridScenario(PlainModel):
    """A link y = H x + n on every element of a resource grid, whose receiver estimates H.

    Streams are the layers of all users. SNR counts data symbols; pilots may have more energy.

    Attributes:
        name: a title for people, at most 80 characters; not part of the key.
        num_tx_ant: S, layers of all users.
        num_rx_ant: Nr, receive antennas.
        constellation: its name, such as "16-qam". With standard "nr-pusch" it follows from the MCS.
        channel: a channel model; default ``TDLProcess()``.
        snr_definition: one of ``mimolearn.snr.snr_definitions()``; default "per_stream".
        frame: the table [frame], of "nr-pusch" or of a plain "grid".
        pilots: the table [pilots]; default DMRS of type 1 for NR, and combs for a plain grid.
        interference: the table [interference]; default None, white noise.
        estimator: the estimator of receivers that name none; default ``Wiener()``.
        coding: a block code of a plain grid; default None, an uncoded link. NR has transport blocks.
        decoder_iterations: largest number of decoder iterations for a transport block; default 20.

    >>> s = GridScenario(num_tx_ant=4, num_rx_ant=4, frame=NrPusch(num_prb=8, num_ues=4))
    >>> s.points().num_points, s.grid.num_data
    (16, 1152)
    """

    name: Annotated[str, Field(max_length=80)] = ""
    num_tx_ant: Annotated[Count, Field(le=4096)]
    num_rx_ant: Annotated[Count, Field(le=4096)]
    constellation: Literal["bpsk", "qpsk", "16-qam", "64-qam", "256-qam", ""] = ""
    channel: AnyChannel = TDLProcess()
    snr_definition: SnrDefinition = "per_stream"
    frame: AnyFrame
    pilots: AnyPilots
    estimator: AnyEstimator = Wiener()
    coding: Coding | None = None
    decoder_iterations: Annotated[Count, Field(le=1000)] = 20

    @model_validator(mode="before")
    @classmethod
    def _usual_pilots(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or "pilots" in fields:
            return fields
        frame = fields.get("frame")
        standard = frame.get("standard") if isinstance(frame, dict) else getattr(frame, "standard", "")
        return {**fields, "pilots": CombPilots() if standard == "grid" else DmrsPilots()}
