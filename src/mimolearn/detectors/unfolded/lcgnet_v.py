"""LcgNetV: unfolded conjugate gradient with a learned step size for every entry and layer."""

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
class LcgNetV(UnfoldedDetector):
    """Unfolded conjugate gradient with vector steps; at BPSK it learns the widely linear LMMSE.

    Choose it to reproduce the paper. It is linear in y, so in mean square it cannot beat
    ``wl-lmmse`` at BPSK nor ``lmmse`` at QAM, and ``wl-cg`` gets there without training. Exact
    LMMSE is also faster, at any number of vectors a channel (docs/learned-detectors.md).

    x += alpha_l o d, r -= alpha_l o A d, d = r + beta_l o d from r = d = b, on the 2Nt real
    unknowns of A = H^H H + sigma^2 I, b = H^H y (Wei et al. 2020, eq. 17). The paper calls this
    non-linear; a product with a fixed vector is a diagonal matrix, and its gain over LMMSE at BPSK
    is that training nulls the imaginary entries. Unlike the paper, A and b are divided by the mean
    diagonal of A, so that the scale of h does not matter, and decisions are unbiased (see ``cg``
    for how well), which matters from 16-QAM on.

    Options: num_tx_ant, to which the parameters belong; num_layers; load, Nt/Nr, and start, for
    the parameters before training: "zeros" (the paper's, which detects nothing), "chebyshev"
    (steps on the Marchenko-Pastur spectrum, near ``lmmse``) or "half-imaginary" (the same with
    half of alpha on imaginary entries, from where BPSK training gets away from LMMSE); demapping
    "exact" or "max-log".
    Cost: the Gram matrix per channel; 4 Nr Nt + (num_layers - 1) (4 Nt^2 + 6 Nt) + 2 Nt per vector.
    More than 2Nt vectors a channel share one matrix made of all layers: then 4 Nr Nt + 4 Nt^2.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> LcgNetV("bpsk", num_tx_ant=2)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "lcgnet-v"
    rotation_invariant = True

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 32,
        num_layers: int = 15,
        load: float = 0.5,
        start: str = "chebyshev",
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_layers)
        self.num_tx_ant = check_streams(num_tx_ant)
        check_real("load", load, above=0)
        check_one_of("start", start, ("zeros", "chebyshev", "half-imaginary"))
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
        alpha, beta = chebyshev_steps(
            marchenko_pastur_edges(load, num_layers, lcgnet.WIDEN), num_layers
        )
        mask = torch.ones(2 * num_tx_ant, dtype=torch.float32)
        if start == "zeros":
            mask = torch.zeros(2 * num_tx_ant, dtype=torch.float32)
        alpha_mask = mask.clone()
        if start == "half-imaginary":
            alpha_mask[num_tx_ant:] = 0.5
        self.alpha = nn.Parameter(alpha.float()[:, None] * alpha_mask)
        self.beta = nn.Parameter(beta.float()[:, None] * mask)

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
        return lcgnet.lcgnet_cost(num_rx_ant, num_tx_ant, self.num_layers)

    def _steps(self) -> Parameters:
        return Parameters(self.alpha, self.beta)
