"""Channel models: how the matrices of a link are drawn."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mimolearn.channels.base import ChannelModel, complex_normal
from mimolearn.channels.rayleigh import Rayleigh, RealGaussian

AnyChannel = Annotated[Rayleigh | RealGaussian, Field(discriminator="model")]

__all__ = ["AnyChannel", "ChannelModel", "Rayleigh", "RealGaussian", "complex_normal"]
