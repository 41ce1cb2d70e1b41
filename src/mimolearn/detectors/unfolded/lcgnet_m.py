"""LcgNetM: LcgNetV with a mask on its input, which contains the widely linear methods."""

from __future__ import annotations

from typing import final

import torch
from torch import nn

from mimolearn.constellation import Constellation
from mimolearn.detectors.unfolded.lcgnet import Parameters, StreamwiseCG, start_steps
from mimolearn.foundation.errors import check_real


@final
class LcgNetM(StreamwiseCG):
    """LcgNetV with a learned mask on the input, good at BPSK before any training.

    Choose it over ``lcgnet-v`` for few layers: 6 reach the widely linear LMMSE to 0.1 dB. It is
    linear too, so ``wl-lmmse`` bounds it and ``wl-cg`` needs no training.

    ``lcgnet-v`` started from r = d = gamma o b. For BPSK gamma starts at 1 on real and 0 on
    imaginary entries, alpha at 0 on imaginary ones, and the steps are Chebyshev's on the spectrum
    of Re(H^H H): a fixed-step solver of the widely linear system. With gamma = 1 it is
    ``lcgnet-v``. For QAM gamma starts at 1. Not published elsewhere.

    Cost: as ``lcgnet-v`` and 2 Nt per vector for the mask.

    Args:
        constellation: of the symbols, or its name.
        num_tx_ant: number of streams Nt that the parameters are for; default 32.
        num_layers: number of layers L; default 7.
        load: Nt/Nr, for which the parameters before training are made; default 0.5.
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed, and for a channel of other than Nt
            streams.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> LcgNetM("bpsk", num_tx_ant=2)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "lcgnet-m"

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 32,
        num_layers: int = 7,
        load: float = 0.5,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_tx_ant, num_layers, demapping)
        check_real("load", load, above=0)
        # Twice the rows for as many columns: [Re H; Im H].
        load = load / 2 if self.constellation.is_real else load
        alpha, beta = start_steps(load, num_layers)
        mask = torch.ones(2 * num_tx_ant, dtype=torch.float32)
        if self.constellation.is_real:
            mask[num_tx_ant:] = 0
        self.alpha = nn.Parameter(alpha.float()[:, None] * mask)
        self.beta = nn.Parameter(beta.float()[:, None].expand(-1, 2 * num_tx_ant).clone())
        self.gamma = nn.Parameter(mask)

    def steps(self) -> Parameters:
        return Parameters(self.alpha, self.beta, self.gamma)
