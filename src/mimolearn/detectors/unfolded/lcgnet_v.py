"""LcgNetV: unfolded conjugate gradient with a learned step size for every entry and layer."""

from __future__ import annotations

from typing import final

import torch
from torch import nn

from mimolearn.constellation import Constellation
from mimolearn.detectors.unfolded.lcgnet import Parameters, StreamwiseCG, start_steps
from mimolearn.foundation.errors import check_one_of, check_real


@final
class LcgNetV(StreamwiseCG):
    """Unfolded conjugate gradient with vector steps; at BPSK it learns the widely linear LMMSE.

    Choose it to reproduce the paper. It is linear in y, so its mean-square error is at best that of
    ``wl-lmmse`` at BPSK and of ``lmmse`` at QAM. ``wl-cg`` reaches the first without training.
    Exact LMMSE is also faster, at any number of vectors a channel (docs/learned-detectors.md).

    x += alpha_l o d, r -= alpha_l o A d, d = r + beta_l o d from r = d = b, on the 2Nt real
    unknowns of A = H^H H + sigma^2 I, b = H^H y (Wei et al. 2020, eq. 17). The paper calls this
    non-linear; but a product with a fixed vector is a diagonal matrix. It gains over LMMSE at BPSK
    because training nulls the imaginary entries. Unlike the paper, A and b are divided by the mean
    diagonal of A, so that the scale of h does not matter, and decisions are unbiased (see ``cg``
    for how well), which matters from 16-QAM on.

    Cost: the Gram matrix per channel; 4 Nr Nt + (num_layers - 1) (4 Nt^2 + 6 Nt) + 2 Nt per vector.
    More than 2Nt vectors a channel share one matrix made of all layers: then 4 Nr Nt + 4 Nt^2.

    Args:
        constellation: of the symbols, or its name.
        num_tx_ant: number of streams Nt that the parameters are for; default 32.
        num_layers: number of layers L; default 15.
        load: Nt/Nr, for which the parameters before training are made; default 0.5.
        start: the parameters before training, "zeros" (the paper's, which detects nothing),
            "chebyshev" (default; steps on the Marchenko-Pastur spectrum, near ``lmmse``) or
            "half-imaginary" (the same with half of alpha on imaginary entries, from which BPSK
            training leaves LMMSE).
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed, and for a channel of other than Nt
            streams.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> LcgNetV("bpsk", num_tx_ant=2)(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "lcgnet-v"

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 32,
        num_layers: int = 15,
        load: float = 0.5,
        start: str = "chebyshev",
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_tx_ant, num_layers, demapping)
        check_real("load", load, above=0)
        check_one_of("start", start, ("zeros", "chebyshev", "half-imaginary"))
        alpha, beta = start_steps(load, num_layers)
        mask = torch.ones(2 * num_tx_ant, dtype=torch.float32)
        if start == "zeros":
            mask = torch.zeros(2 * num_tx_ant, dtype=torch.float32)
        alpha_mask = mask.clone()
        if start == "half-imaginary":
            alpha_mask[num_tx_ant:] = 0.5
        self.alpha = nn.Parameter(alpha.float()[:, None] * alpha_mask)
        self.beta = nn.Parameter(beta.float()[:, None] * mask)

    def steps(self) -> Parameters:
        return Parameters(self.alpha, self.beta)
