"""Losses by name: each a mean over vectors and streams, one number for each channel of a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor

from mimolearn.detection import (
    AxisGaussianDetection,
    AxisLogitDetection,
    Detection,
    GaussianDetection,
    LogitDetection,
)
from mimolearn.detectors import UnfoldedDetector
from mimolearn.errors import invalid
from mimolearn.linalg import matched_filter
from mimolearn.scenario import Block
from mimolearn.training.recipe import Loss

LayerLosses = Iterator[Tensor]


def loss_of(loss: Loss, detector: UnfoldedDetector, block: Block, depth: int | None) -> Tensor:
    """The loss of a block, (): that of the last layer within ``depth``, and of those before it.

    last + inner_weight / L sum_t (t / L)^3 loss_t, each channel over its noise_var if
    ``over_noise``; ln(that + log_offset) if ``log_offset`` is above 0.
    """
    per_layer = list(islice(_LOSSES[loss.name](detector, block), depth))
    if loss.over_noise:
        per_layer = [value / block.noise_var for value in per_layer]
    total = per_layer[-1].mean()
    if loss.inner_weight and len(per_layer) > 1:
        count = len(per_layer)
        inner = sum((t / count) ** 3 * v.mean() for t, v in enumerate(per_layer[:-1], start=1))
        total = total + loss.inner_weight / count * inner
    return (total + loss.log_offset).log() if loss.log_offset else total


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
    for detection in detector.layer_detections(prepared, block.y):
        log_probability = torch.log_softmax(symbol_logits(detection), -1)
        sent = log_probability.gather(-1, block.indices.unsqueeze(-1)).squeeze(-1)
        yield -sent.mean((-2, -1))


def symbol_logits(detection: Detection) -> Tensor:
    """(*C, T, Nt, M) symbol log-probabilities, any offset, of a soft detection."""
    c = detection.constellation
    if isinstance(detection, LogitDetection):
        return detection.logits
    if isinstance(detection, GaussianDetection):
        values, error_var = c.axes(detection.x_hat), detection.error_var.unsqueeze(-1) / 2
    elif isinstance(detection, AxisGaussianDetection):
        values, error_var = detection.values, detection.error_var
    elif isinstance(detection, AxisLogitDetection):
        # A point's logit is the sum of those of its axes.
        axis = c.axis(detection.logits.dtype, detection.logits.device)
        places = c.axes(c.points_as(axis.levels.dtype.to_complex(), axis.levels.device))
        level = (places.unsqueeze(-1) - axis.levels).abs().argmin(-1).mT
        logits = torch.log_softmax(detection.logits, -1)
        index = level.expand(*logits.shape[:-1], level.shape[-1])
        return logits.gather(-1, index).sum(-2)
    else:
        return c.llr_to_logits(detection.llr())
    points = c.axes(c.points_as(values.dtype.to_complex(), values.device))
    squares = (values.unsqueeze(-2) - points).square() / (-2 * error_var.unsqueeze(-2))
    return squares.sum(-1)


_LOSSES: dict[str, Callable[[UnfoldedDetector, Block], LayerLosses]] = {
    "mse": mse,
    "residual": residual,
    "cross-entropy": cross_entropy,
}


def _layers(detector: UnfoldedDetector, block: Block) -> Iterator[Tensor]:
    prepared = detector.prepare(block.h_hat, block.noise_var)
    return detector.layers(prepared, block.y)


def _power(error: Tensor) -> Tensor:
    return torch.view_as_real(error.resolve_conj()).square().sum(-1).mean((-2, -1))


def check_loss_finite(value: float, step: int) -> None:
    """Stop a training that diverged, in one line."""
    if not torch.isfinite(torch.tensor(value)):
        expected = "a finite value; lower the learning rate or set clip_norm"
        raise invalid(f"loss at step {step}", value, expected)
