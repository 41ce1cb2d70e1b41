"""LcgNetS: unfolded conjugate gradient with a learned step size for every layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

from torch import Tensor, nn

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors.base import Cost
from mimolearn.detectors.learned import UnfoldedDetector
from mimolearn.detectors.linear.chebyshev import chebyshev_steps, marchenko_pastur_edges
from mimolearn.detectors.unfolded import lcgnet
from mimolearn.detectors.unfolded.lcgnet import Parameters, Prepared
from mimolearn.foundation.errors import check_one_of, check_real


@final
class LcgNetS(UnfoldedDetector):
    """Unfolded conjugate gradient with two learned numbers a layer; it ends at LMMSE.

    Choose it in place of ``cg`` where inner products are dear: the steps are fixed. Two numbers a
    layer serve any number of antennas of a similar load Nt/Nr.

    x += alpha_l d, r -= alpha_l A d, d = r + beta_l d (Wei et al. 2020, eq. 16); see ``lcgnet-v``
    for A, b and what differs from the paper.

    Options: num_layers; load, Nt/Nr, and start, for the numbers before training: "zeros" (the
    paper's, which detects nothing) or "chebyshev" (steps on the Marchenko-Pastur spectrum);
    demapping "exact" or "max-log".
    Cost: as ``lcgnet-v``.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> LcgNetS("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "lcgnet-s"
    rotation_invariant = True

    def __init__(
        self,
        constellation: Constellation | str,
        num_layers: int = 15,
        load: float = 0.5,
        start: str = "chebyshev",
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_layers)
        check_real("load", load, above=0)
        check_one_of("start", start, ("zeros", "chebyshev"))
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
        alpha, beta = chebyshev_steps(
            marchenko_pastur_edges(load, num_layers, lcgnet.WIDEN), num_layers
        )
        scale = 0 if start == "zeros" else 1
        self.alpha = nn.Parameter(alpha.float()[:, None] * scale)
        self.beta = nn.Parameter(beta.float()[:, None] * scale)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection | None:
        return lcgnet.one_shot(
            self.constellation,
            y,
            h,
            noise_var,
            self._steps(),
            self.demapping,
            widely_linear=False,
        )

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        return lcgnet.prepare_system(h, noise_var, self.num_layers, self.alpha, widely_linear=False)

    def _detect(self, prepared: Prepared, y: Tensor) -> GaussianDetection:
        return lcgnet.detect(self.constellation, prepared, y, self._steps(), self.demapping)

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        return lcgnet.unfold_complex(prepared, y, self._steps())

    def layer_parameters(self) -> Sequence[tuple[Tensor, int]]:
        return lcgnet.rows_of_layers(self.alpha, self.beta)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return lcgnet.lcgnet_cost(num_rx_ant, num_tx_ant, self.num_layers)

    def _steps(self) -> Parameters:
        return Parameters(self.alpha, self.beta)
