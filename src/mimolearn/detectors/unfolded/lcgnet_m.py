"""LcgNetM: LcgNetV with a mask on its input, which contains the widely linear methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import torch
from torch import Tensor, nn

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors.base import Cost
from mimolearn.detectors.learned import UnfoldedDetector, check_streams
from mimolearn.detectors.linear.chebyshev import chebyshev_steps, marchenko_pastur_edges
from mimolearn.detectors.unfolded import lcgnet
from mimolearn.detectors.unfolded.lcgnet import Parameters, Prepared
from mimolearn.foundation.errors import check_one_of, check_real


@final
class LcgNetM(UnfoldedDetector):
    """LcgNetV with a learned mask on the input, good at BPSK before any training.

    Choose it over ``lcgnet-v`` for few layers: 6 reach the widely linear LMMSE to 0.1 dB. It is
    linear too, so ``wl-lmmse`` bounds it and ``wl-cg`` needs no training.

    ``lcgnet-v`` started from r = d = gamma o b. For BPSK gamma starts at 1 on real and 0 on
    imaginary entries, alpha at 0 on imaginary ones, and the steps are Chebyshev's on the spectrum
    of Re(H^H H), which is a fixed-step solver of the widely linear system; with gamma = 1 it is
    ``lcgnet-v``. For QAM gamma starts at 1. Not published elsewhere.

    Options: num_tx_ant, num_layers, load, demapping as in ``lcgnet-v``.
    Cost: as ``lcgnet-v`` and 2 Nt per vector for the mask.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> LcgNetM("bpsk", num_tx_ant=2)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "lcgnet-m"
    rotation_invariant = True

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 32,
        num_layers: int = 7,
        load: float = 0.5,
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_layers)
        self.num_tx_ant = check_streams(num_tx_ant)
        check_real("load", load, above=0)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
        # Twice the rows for as many columns: [Re H; Im H].
        load = load / 2 if self.constellation.is_real else load
        edges = marchenko_pastur_edges(load, num_layers, lcgnet.WIDEN)
        alpha, beta = chebyshev_steps(edges, num_layers)
        mask = torch.ones(2 * num_tx_ant, dtype=torch.float32)
        if self.constellation.is_real:
            mask[num_tx_ant:] = 0
        self.alpha = nn.Parameter(alpha.float()[:, None] * mask)
        self.beta = nn.Parameter(beta.float()[:, None].expand(-1, 2 * num_tx_ant).clone())
        self.gamma = nn.Parameter(mask)

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        lcgnet.check_num_tx_ant(self.num_tx_ant, num_rx_ant, num_tx_ant)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection | None:
        return lcgnet.one_shot(
            self.constellation,
            y,
            h,
            noise_var,
            self._steps(),
            self.demapping,
            widely_linear=self.constellation.is_real,
        )

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return lcgnet.prepare_system(
            h, noise_var, self.num_layers, self.alpha, widely_linear=self.constellation.is_real
        )

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        return lcgnet.detect(self.constellation, prepared, y, self._steps(), self.demapping)

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        return lcgnet.unfold_complex(prepared, y, self._steps())

    def layer_parameters(self) -> Sequence[tuple[Tensor, int]]:
        return lcgnet.rows_of_layers(self.alpha, self.beta)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return lcgnet.lcgnet_cost(num_rx_ant, num_tx_ant, self.num_layers, masked=True)

    def _steps(self) -> Parameters:
        return Parameters(self.alpha, self.beta, self.gamma)
