"""What channels over a resource grid have in common: a channel without a grid is one element."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from mimolearn.link.channels.base import ChannelModel
from mimolearn.link.channels.fading.raster import Raster
from mimolearn.link.randomness import RandomSource


class FadingModel(ChannelModel):
    """A channel that fades over a resource grid; a member has ``draw_grid``."""

    one_element: ClassVar[Raster]
    """The grid of a link without one."""

    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        h = self.draw_grid(num_channels, self.one_element, num_rx_ant, 1, num_tx_ant, generator)
        return h[:, 0, 0].to(dtype)
