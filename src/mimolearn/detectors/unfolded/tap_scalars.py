"""The four scalars of every layer of ``tap-net``: fixed, or a function of the channel."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

# Damping 0.7 and the plain equations: what works before any training.
_START = (0.7, 1.0, 1.0, 1.0)

# Centre and half range of each feature over 8 x 8 .. 64 x 128, BPSK .. 64-QAM, r = 0 .. 0.7, at
# SNRs where it matters which detector is used. Outside, features stay at the edge.
_CENTRE = (-1.5, -3.0, -0.4, 2.0, 0.07)
_HALF_RANGE = (2.5, 3.0, 1.6, 1.0, 0.06)
NUM_LINEAR = len(_CENTRE)
NUM_FEATURES = NUM_LINEAR * (NUM_LINEAR + 3) // 2


class Scalars(NamedTuple):
    """Scalars of one layer: (*C, 1, 1) each, or (1, 1) for all channels.

    Attributes:
        delta: share of the new mean and variance.
        alpha: factor of the interference.
        beta: factor of the noise.
        onsager: factor of the feedback, o.
    """

    delta: Tensor
    alpha: Tensor
    beta: Tensor
    onsager: Tensor


class LayerScalars(nn.Module):
    """The learned numbers of all layers, and the scalars that they stand for.

    delta = sigmoid, alpha = exp, beta = exp, o = as it is, of ``base`` (L, 4).

    Args:
        num_layers: number of layers L.
        adaptive: whether ``slopes`` (L, 4, NUM_FEATURES) times the features of the channel are
            added to ``base``.
    """

    def __init__(self, num_layers: int, adaptive: bool) -> None:
        super().__init__()
        delta, alpha, beta, onsager = torch.tensor(_START, dtype=torch.float32)
        row = torch.stack([torch.logit(delta), alpha.log(), beta.log(), onsager])
        self.base = nn.Parameter(row.repeat(num_layers, 1))
        self.slopes: Tensor | None = None
        if adaptive:
            self.slopes = nn.Parameter(
                torch.zeros(num_layers, 4, NUM_FEATURES, dtype=torch.float32)
            )

    def forward(self, features: Tensor | None, like: Tensor) -> Tensor:
        """Return the scalars in the dtype of ``like``.

        Args:
            features: (*C, NUM_FEATURES), or None.
            like: a real tensor.

        Returns:
            (L, 4), or (*C, L, 4) if there are features.
        """
        raw = self.base.to(like)
        if self.slopes is not None and features is not None:
            slopes = self.slopes.to(like).flatten(0, 1)
            raw = raw + (features @ slopes.mT).unflatten(-1, raw.shape)
        delta, alpha, beta, onsager = raw.unbind(-1)
        return torch.stack([delta.sigmoid(), alpha.exp(), beta.exp(), onsager], -1)


def scalars_of_layer(scalars: Tensor, layer: int) -> Scalars:
    """Return the scalars of one layer from the result of ``LayerScalars``."""
    return Scalars(*(value[..., None, None] for value in scalars[..., layer, :].unbind(-1)))


def channel_features(
    start_var: Tensor, noise: Tensor, row_sums: Tensor, level: float, num_levels: int
) -> Tensor:
    """Return what the scalars may depend on, and the products of any two: (*C, NUM_FEATURES).

    All are natural logarithms, except the last two: the LMMSE error variance and the matched
    filter's noise variance over the squared half distance of two levels; the interference of a unit
    variance, sum_j S_ij / g_i^2, which is n / rows for independent entries and more for correlated
    ones; bits of a level; 1 / n.

    Args:
        start_var: (*C, 1, n) real; the LMMSE error variance.
        noise: (*C, 1, 1) real; noise variance over the mean of g.
        row_sums: (*C, 1, n) real; sum_j S_ij / g_i^2.
        level: half the distance of two levels.
        num_levels: number of levels on an axis.
    """
    n = start_var.shape[-1]
    square = level * level
    first = (start_var / square).log().mean((-2, -1))
    second = (noise / square).log().flatten(-2).squeeze(-1)
    third = row_sums.mean((-2, -1)).clamp(min=1e-6).log()
    bits = torch.full_like(first, num_levels.bit_length() - 1)
    linear = torch.stack([first, second, third, bits, torch.full_like(first, 1 / n)], -1)
    centre, half_range = linear.new_tensor(_CENTRE), linear.new_tensor(_HALF_RANGE)
    linear = ((linear - centre) / half_range).clamp(-1, 1)
    rows, columns = torch.triu_indices(NUM_LINEAR, NUM_LINEAR, device=linear.device)
    return torch.cat([linear, linear[..., rows] * linear[..., columns]], -1)
