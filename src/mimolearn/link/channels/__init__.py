"""Channel models, from which the matrices of a link are drawn."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from mimolearn.link.channels.base import ChannelModel
from mimolearn.link.channels.cdl import CDL
from mimolearn.link.channels.clustered import Clustered
from mimolearn.link.channels.correlation import exponential_correlation
from mimolearn.link.channels.fading.process import TDLProcess
from mimolearn.link.channels.fading.rays import CDLFading
from mimolearn.link.channels.kronecker import Kronecker
from mimolearn.link.channels.rayleigh import Rayleigh, RealGaussian
from mimolearn.link.channels.recorded import Recorded, with_paths_from
from mimolearn.link.channels.tdl import TDL


def _named(value: object) -> object:
    """A channel by the name of its model alone, with its default values."""
    return {"model": value.strip().lower()} if isinstance(value, str) else value


AnyChannel = Annotated[
    Rayleigh | RealGaussian | Kronecker | TDL | TDLProcess | CDL | CDLFading | Clustered | Recorded,
    Field(discriminator="model"),
    BeforeValidator(_named),
]

__all__ = [
    "CDL",
    "TDL",
    "AnyChannel",
    "CDLFading",
    "ChannelModel",
    "Clustered",
    "Kronecker",
    "Rayleigh",
    "RealGaussian",
    "Recorded",
    "TDLProcess",
    "exponential_correlation",
    "with_paths_from",
]
