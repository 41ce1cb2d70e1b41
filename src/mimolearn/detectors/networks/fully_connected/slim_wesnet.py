"""One network for all widths and depths: trained with random cuts, cut when it is used."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Generator

from mimolearn.constellation import Constellation
from mimolearn.detectors.networks.fully_connected.detnet_family import Form, FullyConnected
from mimolearn.detectors.networks.fully_connected.detnet_layers import Stack
from mimolearn.detectors.networks.fully_connected.wesnet_cut import Cut, cut_shape
from mimolearn.foundation.errors import check_real


@final
class SlimWeSNet(FullyConnected):
    """DetNet of which any leading share of units and of layers is a detector.

    Choose it if the budget per vector is known only in use: ``at(width=0.2, num_layers=12)``.
    ``equi-net`` is closer to ML and slims in depth alone.

    The hidden reading of ``wesnet`` with ones as profile. A training step adds up the losses of the
    full width, of ``least_width`` and of one width drawn between them (the sandwich rule of Yu and
    Huang 2019). Every layer is trained to detect, which makes any depth a detector.

    Cost: that of ``wesnet`` of the same width.

    The other arguments and the errors are those of ``wesnet``.

    Args:
        width: share of the units that there are; default 1.
        least_width: least share that is trained; default 0.2.

    >>> full = SlimWeSNet("bpsk", num_tx_ant=2, num_layers=4)
    >>> full.at(width=0.25, num_layers=2).stack().w1.shape
    torch.Size([2, 4, 10])
    """

    name = "slim-wesnet"

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 30,
        num_layers: int = 20,
        width: float = 1.0,
        least_width: float = 0.2,
        output: str = "soft-sign",
        residual: float = 0.9,
        activation: str = "relu",
        start: str = "zero",
        init_seed: int = 0,
    ) -> None:
        form = Form(output=output, residual=residual, activation=activation, start=start)
        super().__init__(constellation, num_tx_ant, num_layers, form, Cut(width), init_seed)
        self.least_width = check_real("least_width", least_width, above=0, at_most=width)

    def _options(self, cut: Cut, num_layers: int) -> dict[str, Any]:
        options = super()._options(cut, num_layers)
        return {**options, "least_width": min(self.least_width, cut.width)}

    def stack(self) -> Stack:
        shape, whole = self.shape, super().stack()
        if whole.w1.shape[1] == shape.hidden:
            return whole
        kept = shape.hidden
        return whole._replace(
            w1=whole.w1[:, :kept],
            b1=whole.b1[:, :kept],
            w2=whole.w2[..., :kept],
            w3=whole.w3[..., :kept],
        )

    def views(self, generator: Generator | None) -> Sequence[tuple[SlimWeSNet, int | None]]:
        """Return the full, the narrowest and one width between: the middle without a generator."""
        share = (
            0.5
            if generator is None
            else float(torch.rand((), generator=generator, dtype=torch.float32))
        )
        between = self.least_width + share * (self.cut.width - self.least_width)
        widths = (self.cut.width, between, self.least_width)
        return [(self._narrowed(width), None) for width in widths]

    def _narrowed(self, width: float) -> SlimWeSNet:
        """Return a view that shares the parameters."""
        view = copy.copy(self)
        view.shape = cut_shape(self.full_shape(), Cut(width))
        return view
