"""Network outputs that say which level a real axis has, and detections made of them.

Two levels: one logit, ln P(+1)/P(-1). P levels: P log-probabilities of any offset.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisGaussianDetection, Detection, LogitDetection

# A soft sign that has saturated says no more than this, an LLR of 7.6.
_MOST_CERTAIN = 0.999


def num_logits(constellation: Constellation) -> int:
    """Return the number of outputs of a network for one real axis."""
    return 1 if constellation.num_levels == 2 else constellation.num_levels


def odd_levels(constellation: Constellation, like: Tensor) -> Tensor:
    """Return the levels as odd integers: -3, -1, 1, 3 for four levels."""
    top = constellation.num_levels - 1
    return torch.linspace(-top, top, constellation.num_levels, dtype=like.dtype, device=like.device)


def level_mean(constellation: Constellation, logits: Tensor) -> Tensor:
    """Return the posterior mean of x, (..., n), of logits (..., n, P) or (..., n, 1)."""
    if constellation.num_levels == 2:
        return torch.tanh(logits.squeeze(-1) / 2)
    return torch.softmax(logits, -1) @ odd_levels(constellation, logits)


def level_moments(constellation: Constellation, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return posterior mean and variance of x, (..., n) each."""
    mean = level_mean(constellation, logits)
    if constellation.num_levels == 2:
        return mean, 1 - mean.square()
    levels = odd_levels(constellation, logits)
    apart = (levels - mean.unsqueeze(-1)).square()
    return mean, (torch.softmax(logits, -1) * apart).sum(-1)


def logits_of_mean(x: Tensor) -> Tensor:
    """Return the logits (..., n, 1) of two levels with posterior mean x, (..., n), in [-1, 1]."""
    return 2 * torch.atanh(x.clamp(-_MOST_CERTAIN, _MOST_CERTAIN)).unsqueeze(-1)


def level_indices(constellation: Constellation, indices: Tensor) -> Tensor:
    """Return the level numbers (*C, T, n), from the lowest up, of symbol indices (*C, T, Nt)."""
    axes = constellation.axes(constellation.map(indices, torch.complex128))
    half_distance = constellation.min_distance() / 2
    numbers = ((axes / half_distance + constellation.num_levels - 1) / 2).round().long()
    return torch.cat(numbers.unbind(-1), -1)


def level_detection(constellation: Constellation, logits: Tensor) -> Detection:
    """Return a detection over (*C, T, Nt) of logits (*C, T, n, P or 1)."""
    if constellation.is_real:
        # One axis, and levels of +-1: a Gaussian of variance 2 whose LLRs are the logits.
        return AxisGaussianDetection(constellation, logits, logits.new_full((1,), 2.0))
    by_axis = torch.stack(logits.chunk(2, -2), -2)
    if constellation.num_levels == 2:
        # A Gaussian of variance d^2 whose LLRs are the logits: 2 r d / d^2.
        half_distance = constellation.min_distance() / 2
        values = by_axis.squeeze(-1) * (half_distance / 2)
        return AxisGaussianDetection(constellation, values, values.new_full((1,), half_distance**2))
    numbers = level_indices(constellation, torch.arange(constellation.num_points))
    real, imag = numbers.to(logits.device).chunk(2, -1)
    log_probability = torch.log_softmax(by_axis, -1)
    joint = log_probability[..., 0, :][..., real] + log_probability[..., 1, :][..., imag]
    return LogitDetection(constellation, joint)
