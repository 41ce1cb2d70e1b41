"""Losses by name: each a mean over vectors and streams, one number for each channel of a block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional

from mimolearn.constellation import Constellation
from mimolearn.detection import (
    AxisGaussianDetection,
    AxisLogitDetection,
    Detection,
    GaussianDetection,
    LogitDetection,
)
from mimolearn.detectors import UnfoldedDetector
from mimolearn.detectors.networks.level_logits import level_indices
from mimolearn.detectors.networks.normal_equations import (
    complex_symbols,
    normal_equations,
    right_side,
    zero_forcing,
)
from mimolearn.foundation.tensors.linalg import matched_filter
from mimolearn.link.scenario import Block
from mimolearn.training.recipe import Loss

LayerLosses = Iterator[Tensor]


def loss_of(loss: Loss, detector: UnfoldedDetector, block: Block, depth: int | None) -> Tensor:
    """The loss of a block: that of the last layer within ``depth``, and of those before it.

    last + inner_weight / L sum_t (t / L)^3 loss_t, or for other ``layers`` than "cubic" a weighted
    mean of all; each channel over its noise_var if ``over_noise``; ln(that + log_offset) if
    ``log_offset`` is above 0; plus ``penalty`` times the network's.

    Args:
        loss: which, and its weights.
        detector: the network.
        block: channels h_hat (N, Nr, Nt), noise_var (N,), vectors y (N, T, Nr), their indices.
        depth: layers in use; None for all.

    Returns:
        A scalar, (), on the graph.

    Raises:
        InvalidInputError: for a loss that the network has no outputs for.
    """
    per_layer = list(islice(_LOSSES[loss.name](detector, block), depth))
    if loss.over_noise:
        per_layer = [value / block.noise_var for value in per_layer]
    total = _over_layers(loss, per_layer)
    if loss.log_offset:
        total = (total + loss.log_offset).log()
    penalty = detector.penalty() if loss.penalty else None
    return total if penalty is None else total + loss.penalty * penalty


def _over_layers(loss: Loss, per_layer: list[Tensor]) -> Tensor:
    count = len(per_layer)
    if loss.layers != "cubic":
        weights = [math.log(t) if loss.layers == "log" else 1.0 for t in range(1, count + 1)]
        # One layer alone has ln 1 = 0, and yet is what there is to train.
        whole = sum(weights) or 1.0
        means = torch.stack(per_layer).flatten(1).mean(1)
        return (means * means.new_tensor(weights if sum(weights) else [1.0])).sum() / whole
    total = per_layer[-1].mean()
    if loss.inner_weight and count > 1:
        inner = sum((t / count) ** 3 * v.mean() for t, v in enumerate(per_layer[:-1], start=1))
        total = total + loss.inner_weight / count * inner
    return total


def mse(detector: UnfoldedDetector, block: Block) -> LayerLosses:
    """Mean |x_hat - x|^2 of the raw estimate of each layer."""
    x = detector.constellation.map(block.indices, block.y.dtype)
    for x_hat in _layers(detector, block):
        yield _power(x_hat - x)


def residual(detector: UnfoldedDetector, block: Block) -> LayerLosses:
    """Mean |H^H (y - H x_hat)|^2 / (mean diagonal of H^H H)^2: blind, it needs no sent symbol.

    The true residual of the normal equations; its minimum is zero forcing, not LMMSE.
    """
    energy = block.h_hat.abs().square().sum(-2).mean(-1)
    for x_hat in _layers(detector, block):
        remainder = matched_filter(block.h_hat, block.y - x_hat @ block.h_hat.mT)
        yield _power(remainder) / energy.square()


def cross_entropy(detector: UnfoldedDetector, block: Block) -> LayerLosses:
    """Mean -ln P(sent symbol) of each layer's detection: it trains calibration as well."""
    prepared = detector.prepare(block.h_hat, block.noise_var)
    c = detector.constellation
    levels = torch.stack(level_indices(c, block.indices).chunk(1 if c.is_real else 2, -1), -1)
    for detection in detector.layer_detections(prepared, block.y):
        axes = _axis_estimate(detection)
        if axes is not None:
            # The axes are independent, and have 2 sqrt(M) levels to sum over in place of M points.
            yield _missed_levels(c, *axes, levels).sum(-1).mean((-2, -1))
            continue
        log_probability = torch.log_softmax(symbol_logits(detection), -1)
        sent = log_probability.gather(-1, block.indices.unsqueeze(-1)).squeeze(-1)
        yield -sent.mean((-2, -1))


def _missed_levels(
    constellation: Constellation, values: Tensor, error_var: Tensor, sent: Tensor
) -> Tensor:
    """-ln P(level sent) given values = level + N(0, error_var), of every axis."""
    axis = constellation.axis(values.dtype, values.device)
    if constellation.num_levels == 2:
        sign = (2 * sent - 1).to(values.dtype)
        return functional.softplus(-sign * values * (constellation.min_distance() / error_var))
    # One division an axis, not one a level.
    logits = (values.unsqueeze(-1) - axis.levels).square() * (-0.5 / error_var).unsqueeze(-1)
    return -torch.log_softmax(logits, -1).gather(-1, sent.unsqueeze(-1)).squeeze(-1)


def level_entropy(detector: UnfoldedDetector, block: Block) -> LayerLosses:
    """Mean -ln P(sent level) over the real axes, without the way over symbols."""
    constellation = detector.constellation
    levels = level_indices(constellation, block.indices)
    sign = (2 * levels - 1).to(block.noise_var.dtype)
    prepared = detector.prepare(block.h_hat, block.noise_var)
    logits = detector.layer_logits(prepared, block.y)
    if constellation.num_levels == 2:
        missed = functional.softplus(-sign * logits.squeeze(-1))
    else:
        log_probability = torch.log_softmax(logits, -1)
        sent = levels.unsqueeze(-1).expand(*log_probability.shape[:-1], 1)
        missed = -log_probability.gather(-1, sent).squeeze(-1)
    return iter(missed.mean((-2, -1)))


def mse_over_zf(detector: UnfoldedDetector, block: Block) -> LayerLosses:
    """Mean of ||x_hat - x||^2 / ||x_zf - x||^2, a ratio for every vector (Samuel et al. 2019)."""
    constellation = detector.constellation
    x = constellation.map(block.indices, block.y.dtype)
    equations = normal_equations(constellation, block.h_hat, block.noise_var)
    q = right_side(constellation, equations, block.y)
    x_zf = complex_symbols(constellation, zero_forcing(equations, q))
    forced = torch.view_as_real(x_zf - x).square().sum((-2, -1))
    for x_hat in _layers(detector, block):
        yield (torch.view_as_real(x_hat - x).square().sum((-2, -1)) / forced).mean(-1)


def symbol_logits(detection: Detection) -> Tensor:
    """(*C, T, Nt, M) symbol log-probabilities, any offset, of a soft detection."""
    c = detection.constellation
    if isinstance(detection, LogitDetection):
        return detection.logits
    axes = _axis_estimate(detection)
    if axes is not None:
        values, error_var = axes
        points = c.axes(c.points_as(values.dtype.to_complex(), values.device))
        squares = (values.unsqueeze(-2) - points).square() / (-2 * error_var.unsqueeze(-2))
        return squares.sum(-1)
    if isinstance(detection, AxisLogitDetection):
        # A point's logit is the sum of those of its axes.
        axis = c.axis(detection.logits.dtype, detection.logits.device)
        places = c.axes(c.points_as(axis.levels.dtype.to_complex(), axis.levels.device))
        level = (places.unsqueeze(-1) - axis.levels).abs().argmin(-1).mT
        logits = torch.log_softmax(detection.logits, -1)
        index = level.expand(*logits.shape[:-1], level.shape[-1])
        return logits.gather(-1, index).sum(-2)
    return c.llr_to_logits(detection.llr())


def _axis_estimate(detection: Detection) -> tuple[Tensor, Tensor] | None:
    """Values and error variances of the real axes, (*C, T, Nt, A), where a detection has them."""
    if isinstance(detection, GaussianDetection):
        return detection.constellation.axes(detection.x_hat), detection.error_var.unsqueeze(-1) / 2
    if isinstance(detection, AxisGaussianDetection):
        return detection.values, detection.error_var
    return None


_LOSSES: dict[str, Callable[[UnfoldedDetector, Block], LayerLosses]] = {
    "mse": mse,
    "residual": residual,
    "cross-entropy": cross_entropy,
    "level-entropy": level_entropy,
    "mse-over-zf": mse_over_zf,
}


def _layers(detector: UnfoldedDetector, block: Block) -> Iterator[Tensor]:
    prepared = detector.prepare(block.h_hat, block.noise_var)
    return detector.layers(prepared, block.y)


def _power(error: Tensor) -> Tensor:
    return torch.view_as_real(error.resolve_conj()).square().sum(-1).mean((-2, -1))
