"""R-WeSNet: WeSNet whose later layers are pulled towards zero, so that they may be dropped."""

from __future__ import annotations

from typing import Any, Self, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors.networks.fully_connected.detnet_family import Form, FullyConnected
from mimolearn.detectors.networks.fully_connected.wesnet_cut import Cut
from mimolearn.foundation.errors import check_positive_int, invalid


@final
class RWeSNet(FullyConnected):
    """WeSNet trained with a penalty on its weights; layers are dropped after training.

    Choose it to reproduce the paper, always beside its control: an unregularised network loses as
    little when its last layers are dropped, since every layer was trained to detect.

    The loss gets lambda sum_r ln(1 + (r - 1) S_r), r from ``penalised_from``, S_r the sum of the
    absolute weights of layer r times beta (Mohammad et al. 2020, eqs 28 to 30); lambda is
    ``penalty`` of a recipe's loss. S_r is some thousands, so that the pull on a weight, 1 / S_r, is
    far too weak to empty a layer. ``at`` drops layers from the end, or by ``first`` from the start.

    Cost: that of ``wesnet``.

    The other arguments and the errors are those of ``wesnet``; width is 1 by default.

    Args:
        penalised_from: a layer, counted from 1; default 1.

    >>> RWeSNet("bpsk", num_tx_ant=2, num_layers=4).at(num_layers=3).num_layers
    3
    """

    name = "r-wesnet"

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 30,
        num_layers: int = 20,
        width: float = 1.0,
        profile: str = "half-exponential",
        reading: str = "hidden",
        penalised_from: int = 1,
        output: str = "soft-sign",
        residual: float = 0.9,
        activation: str = "relu",
        start: str = "zero",
        init_seed: int = 0,
    ) -> None:
        first_penalised = check_positive_int("penalised_from", penalised_from)
        form = Form(output=output, residual=residual, activation=activation, start=start)
        cut = Cut(width, profile, reading)
        super().__init__(constellation, num_tx_ant, num_layers, form, cut, init_seed)
        if first_penalised > self.num_layers:
            raise invalid("penalised_from", penalised_from, f"at most {self.num_layers} layers")
        self.penalised_from = first_penalised

    def penalty(self) -> Tensor:
        """Return sum_r ln(1 + (r - 1) sum |beta W_r|), ()."""
        stack, beta = self.stack(), self.beta()
        w2, w3 = stack.w2.abs(), stack.w3.abs()
        if beta is not None:
            w2, w3 = w2 * beta.unsqueeze(-2), w3 * beta.unsqueeze(-2)
        sums = stack.w1.abs().sum((1, 2)) + w2.sum((1, 2)) + w3.sum((1, 2))
        before = torch.arange(self.num_layers, dtype=sums.dtype, device=sums.device)
        return torch.log1p(before * sums)[self.penalised_from - 1 :].sum()

    def at(
        self, *, width: float | None = None, num_layers: int | None = None, first: bool = False
    ) -> Self:
        """Do as other networks do; first drops the first layers, not the last.

        Args:
            width: share of the hidden units that stays, above 0 and up to 1; default all.
            num_layers: layers that stay; default all.
            first: whether the first layers are cut off, not the last; default False.
        """
        return self._part(width, num_layers, from_the_end=first)

    def _options(self, cut: Cut, num_layers: int) -> dict[str, Any]:
        options = super()._options(cut, num_layers)
        return {**options, "penalised_from": min(self.penalised_from, num_layers)}
