"""Channel models: how the matrices of a link are drawn."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mimolearn.channels.base import ChannelModel
from mimolearn.channels.cdl import CDL
from mimolearn.channels.clustered import Clustered
from mimolearn.channels.correlation import exponential_correlation
from mimolearn.channels.kronecker import Kronecker
from mimolearn.channels.rayleigh import Rayleigh, RealGaussian
from mimolearn.channels.recorded import Recorded, with_paths_from
from mimolearn.channels.tdl import TDL

AnyChannel = Annotated[
    Rayleigh | RealGaussian | Kronecker | TDL | CDL | Clustered | Recorded,
    Field(discriminator="model"),
]

__all__ = [
    "CDL",
    "TDL",
    "AnyChannel",
    "ChannelModel",
    "Clustered",
    "Kronecker",
    "Rayleigh",
    "RealGaussian",
    "Recorded",
    "exponential_correlation",
    "with_paths_from",
]
