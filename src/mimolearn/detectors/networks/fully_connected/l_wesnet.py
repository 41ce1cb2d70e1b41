"""L-WeSNet: WeSNet that learns its profile, falling by construction."""

from __future__ import annotations

from typing import Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from mimolearn.constellation import Constellation
from mimolearn.detectors.networks.fully_connected.detnet_family import Form, FullyConnected
from mimolearn.detectors.networks.fully_connected.wesnet_cut import Cut, profile

# Steps of the profile before training: none is so small that it gets no gradient.
_LEAST_STEP = 1e-3


@final
class LWeSNet(FullyConnected):
    """WeSNet with a learned profile in every layer.

    Choose it to reproduce the paper: beta can be multiplied into W2 and W3, so that it adds nothing
    that ``wesnet`` could not learn.

    beta_j = sum_{i >= j} softplus(c_i), c learned, so that it falls from unit to unit whatever c
    is. (Mohammad et al. 2020, section IV-C, say that the shape of the starting function keeps it
    monotone; training does not respect that.) It starts from the profile, each step at least 1e-3.

    Cost: that of ``wesnet``.

    The arguments and errors are those of ``wesnet``, with reading "hidden" alone.

    >>> beta = LWeSNet("bpsk", num_tx_ant=2, num_layers=1).beta()
    >>> bool((beta.diff() < 0).all())
    True
    """

    name = "l-wesnet"

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 30,
        num_layers: int = 20,
        width: float = 0.5,
        profile: str = "half-exponential",
        output: str = "soft-sign",
        residual: float = 0.9,
        activation: str = "relu",
        start: str = "zero",
        init_seed: int = 0,
    ) -> None:
        form = Form(output=output, residual=residual, activation=activation, start=start)
        super().__init__(
            constellation, num_tx_ant, num_layers, form, Cut(width, profile), init_seed
        )
        self.falls = nn.Parameter(self._start().expand(self.num_layers, -1).clone())

    def beta(self) -> Tensor:
        """Return the factors (L, hidden), falling along the units."""
        steps = functional.softplus(self.falls)
        return steps.flip(-1).cumsum(-1).flip(-1)

    def at(self, *, width: float | None = None, num_layers: int | None = None) -> Self:
        """Do as other networks do; beta of the last kept unit holds what was cut off.

        Args:
            width: share of the hidden units that stays, above 0 and up to 1; default all.
            num_layers: layers that stay; default all.
        """
        smaller = super().at(width=width, num_layers=num_layers)
        with torch.no_grad():
            last = smaller.falls.shape[1] - 1
            smaller.falls[:, -1] = _inverse_softplus(self.beta()[: smaller.num_layers, last])
        return smaller

    def _start(self) -> Tensor:
        full = self.full_shape().hidden
        beta = profile(self.cut.profile, full, self.shape.hidden)
        below = torch.cat([beta[1:], beta.new_zeros(1)])
        return _inverse_softplus((beta - below).clamp(min=_LEAST_STEP))


def _inverse_softplus(value: Tensor) -> Tensor:
    return value + torch.log(-torch.expm1(-value))
