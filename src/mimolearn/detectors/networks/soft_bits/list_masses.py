"""What the list of a tree search says of every bit, and the Gaussian model of what it lacks.

Shapes: *C channels, T vectors a channel, k vectors of a list, Nt streams, K bits a symbol.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from mimolearn.constellation import Constellation
from mimolearn.detectors.message_passing.cavity import (
    RealModel,
    log_priors,
    matched,
    stand_ins,
)
from mimolearn.detectors.search.k_best import Survivors
from mimolearn.foundation.tensors.linalg import add_diagonal
from mimolearn.kernels.networks.list_scales import LEAST_MASS, MOST, MOST_LLR


class BitMasses(NamedTuple):
    """Evidence of every bit, all without the prior of the bit itself.

    Attributes:
        odd: (*C, T, Nt, K, P) real; change their sign with the bit's two values: LLR of the list's
            masses, and of its best vectors, both 0 where the list has one value alone; the sign of
            that value, else 0; that sign times the list's width; then of every classical detector
            its LLR, and the LLR with its share of the Gaussian mass added to the list's.
        even: (*C, T, Nt, K, 3) real; do not: logarithm of the Gaussian mass over the list's, the
            list's width, and whether the list has one value alone.
        of_list: (*C, T, Nt, K) real; LLR of the list's masses.
        best: (*C, T, Nt, A) int8; levels of the best vector.
    """

    odd: Tensor
    even: Tensor
    of_list: Tensor
    best: Tensor


def num_odd(num_classical: int) -> int:
    """Number of odd inputs beside so many classical detectors."""
    return 4 + 2 * num_classical


NUM_EVEN = 3


def bit_masses(
    constellation: Constellation,
    survivors: Survivors,
    classical: Sequence[Tensor],
    prior_llr: Tensor | None = None,
) -> BitMasses:
    """Masses of both values of every bit, of the list and of the list with a Gaussian tail.

    With metrics d of the list and the Gaussian evidence Z in the same unit (see ``Survivors``),
    W_b = sum over vectors with bit = b of exp(-d), and q_b the posterior of the bit by a classical
    detector: the tail adds Z q_b to W_b.

    Args:
        constellation: of the symbols.
        survivors: the list; with priors as ``informed`` gives it.
        classical: (*C, T, Nt, K) real each; posterior LLRs of classical detectors.
        prior_llr: (*C, T, Nt, K) real; the priors that all of these contain.

    Returns:
        ``BitMasses``, in the precision of the classical LLRs.
    """
    dtype = classical[0].dtype
    least = survivors.metrics.amin(-1, keepdim=True)
    gaps = (survivors.metrics - least).clamp(max=MOST).to(dtype)
    ones = vector_bits(constellation, survivors.levels).to(dtype)
    masses = torch.exp(-gaps).unsqueeze(-2)
    shape = classical[0].shape
    mass_1 = (masses @ ones).reshape(shape)
    mass_0 = (masses @ (1 - ones)).reshape(shape)
    width = gaps.unsqueeze(-1)
    best_1 = (width + MOST * (1 - ones)).amin(-2).clamp(max=MOST).reshape(shape)
    best_0 = (width + MOST * ones).amin(-2).clamp(max=MOST).reshape(shape)
    log_tail = (survivors.log_evidence + least.squeeze(-1)).clamp(-MOST, MOST).to(dtype)
    tail = torch.exp(log_tail)[..., None, None]
    own = torch.zeros_like(mass_1) if prior_llr is None else prior_llr
    missing = ((mass_1 == 0) | (mass_0 == 0)).to(dtype)
    sign = torch.sign(mass_1 - mass_0) * missing
    spread = gaps.amax(-1)[..., None, None].expand(shape)
    known = 1 - missing
    of_list = _log(mass_1) - _log(mass_0)
    odd = [
        known * (of_list - own).clamp(-MOST_LLR, MOST_LLR),
        known * (best_0 - best_1 - own).clamp(-MOST_LLR, MOST_LLR),
        sign,
        sign * spread,
    ]
    for llr in classical:
        extrinsic = (llr - own).clamp(-MOST_LLR, MOST_LLR)
        added_1 = mass_1 + tail * _probability(extrinsic + own)
        added_0 = mass_0 + tail * _probability(-extrinsic - own)
        odd.append(extrinsic)
        odd.append((_log(added_1) - _log(added_0) - own).clamp(-MOST_LLR, MOST_LLR))
    total = masses.sum((-2, -1)).log()
    share = (log_tail - total)[..., None, None].expand(shape)
    number = survivors.metrics.argmin(-1)[..., None, None, None]
    levels = survivors.levels
    best = levels.gather(-3, number.expand(*levels.shape[:-3], 1, *levels.shape[-2:])).squeeze(-3)
    even = torch.stack([share, spread, missing], -1)
    return BitMasses(torch.stack(odd, -1), even, (of_list - own).clamp(-MOST, MOST), best)


def vector_bits(constellation: Constellation, levels: Tensor) -> Tensor:
    """Bits (*C, T, k, Nt K) uint8 of vectors (*C, T, k, Nt, A), in the order of their LLRs."""
    bits = constellation.axis(torch.float64, levels.device).bits[levels.long()]
    return bits.transpose(-1, -2).flatten(-3)


def informed(
    constellation: Constellation,
    survivors: Survivors,
    model: RealModel,
    y: Tensor,
    prior_llr: Tensor,
) -> Survivors:
    """The list and the evidence with priors of the bits, in the unit of all vectors alike.

    Every vector x gets the metric less ln P(x), and the Gaussian prior has the first two moments
    that the bits' priors give: with G = 2 H^T H / noise_var and b = 2 H^T y / noise_var in real
    form, prior precisions lam and weighted means gam,

        ln E exp(-metric) = (b + gam)^T (G + lam)^-1 (b + gam) / 2 - gam^T lam^-1 gam / 2
                            - ln det(I + G / lam) / 2 - b^T (G + 1/E)^-1 b / 2.

    Args:
        constellation: of the symbols.
        survivors: of the search, which knows no priors.
        model: of the channel, of which float64 is best.
        y: (*C, T, Nr) complex, in its precision.
        prior_llr: (*C, T, Nt, K) real, in its precision.
    """
    levels = constellation.axis(prior_llr.dtype, prior_llr.device).levels
    lam, gam = stand_ins(log_priors(model, prior_llr, constellation), constellation)
    b = matched(model, y, constellation)
    plain = torch.full_like(lam, 1 / float(levels.square().mean()))
    log_evidence = _log_partition(model, lam, b + gam) - (gam.square() / lam).sum(-1) / 2
    log_evidence -= _quadratic(model, plain, b)
    flat = prior_llr.flatten(-2)
    ones = vector_bits(constellation, survivors.levels).to(flat.dtype)
    # ln P(x) of a vector, relative to that of all vectors alike.
    alike = functional.softplus(flat).sum(-1) - flat.shape[-1] * math.log(2.0)
    log_prior = (ones @ flat.unsqueeze(-1)).squeeze(-1) - alike.unsqueeze(-1)
    metrics = survivors.metrics.to(flat.dtype) - log_prior
    return Survivors(metrics, survivors.levels, log_evidence + flat.shape[-1] * math.log(2.0))


def _factor(model: RealModel, lam: Tensor) -> Tensor:
    return torch.linalg.cholesky(model.system.unsqueeze(-3) + torch.diag_embed(lam))


def _quadratic(model: RealModel, lam: Tensor, b: Tensor) -> Tensor:
    """b^T (G + lam)^-1 b / 2 of every vector, with one lam for all vectors of a channel."""
    factor = torch.linalg.cholesky(add_diagonal(model.system, lam[..., 0, 0]))
    whitened = torch.linalg.solve_triangular(factor, b.mT, upper=False)
    return whitened.square().sum(-2) / 2


def _log_partition(model: RealModel, lam: Tensor, b: Tensor) -> Tensor:
    factor = _factor(model, lam)
    whitened = torch.linalg.solve_triangular(factor, b.unsqueeze(-1), upper=False)
    log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) - lam.log().sum(-1)
    return whitened.square().sum((-2, -1)) / 2 - log_det / 2


def _probability(llr: Tensor) -> Tensor:
    """Sigmoid of an LLR of a few tens; that of ONNX Runtime is wrong below -18."""
    return 1 / (1 + torch.exp(-llr))


def _log(mass: Tensor) -> Tensor:
    return mass.clamp(min=LEAST_MASS).log()
