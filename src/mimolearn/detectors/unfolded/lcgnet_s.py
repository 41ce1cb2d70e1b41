"""LcgNetS: unfolded conjugate gradient with a learned step size for every layer."""

from __future__ import annotations

from typing import final

from torch import nn

from mimolearn.constellation import Constellation
from mimolearn.detectors.unfolded.lcgnet import Parameters, UnfoldedCG, start_steps
from mimolearn.foundation.errors import check_one_of, check_real


@final
class LcgNetS(UnfoldedCG):
    """Unfolded conjugate gradient with two learned numbers a layer; it ends at LMMSE.

    Choose it over ``cg`` if inner products are expensive: the steps are fixed. Two numbers a layer
    serve any number of antennas of a similar load Nt/Nr.

    x += alpha_l d, r -= alpha_l A d, d = r + beta_l d (Wei et al. 2020, eq. 16); see ``lcgnet-v``
    for A, b and the differences from the paper.

    Cost: as ``lcgnet-v``.

    Args:
        constellation: of the symbols, or its name.
        num_layers: number of layers L; default 15.
        load: Nt/Nr, for which the numbers before training are made; default 0.5.
        start: the numbers before training, "zeros" (the paper's, which detects nothing) or
            "chebyshev" (default; steps on the Marchenko-Pastur spectrum).
        demapping: "exact" (default) or "max-log".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> LcgNetS("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "lcgnet-s"

    def __init__(
        self,
        constellation: Constellation | str,
        num_layers: int = 15,
        load: float = 0.5,
        start: str = "chebyshev",
        demapping: str = "exact",
    ) -> None:
        super().__init__(constellation, num_layers, demapping)
        check_real("load", load, above=0)
        check_one_of("start", start, ("zeros", "chebyshev"))
        alpha, beta = start_steps(load, num_layers)
        scale = 0 if start == "zeros" else 1
        self.alpha = nn.Parameter(alpha.float()[:, None] * scale)
        self.beta = nn.Parameter(beta.float()[:, None] * scale)

    def steps(self) -> Parameters:
        return Parameters(self.alpha, self.beta)
