"""Gradients of soft output with respect to received vectors and channels."""

import pytest
import torch
from torch import Tensor

from mimolearn.detectors import Detector

from .table import Row, draw


def test_gradients(row: Row, detector: Detector) -> None:
    if not row.differentiable:
        pytest.skip("promises no gradients")
    y, h, noise_var, _ = draw(detector.constellation, (2,), 2)
    y.requires_grad_()
    h.requires_grad_()

    def loss(y: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(detector(y, h, noise_var).llr() / 8).square().sum()

    gradients = torch.autograd.grad(loss(y, h), (y, h))
    generator = torch.Generator().manual_seed(5)
    for i, gradient in enumerate(gradients):
        assert torch.isfinite(torch.view_as_real(gradient)).all()
        direction = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype)
        step = 1e-6 * direction
        with torch.no_grad():
            plus = loss(y + step, h) if i == 0 else loss(y, h + step)
            minus = loss(y - step, h) if i == 0 else loss(y, h - step)
        slope = (gradient.conj() * direction).real.sum()
        torch.testing.assert_close(slope, (plus - minus) / 2e-6, rtol=1e-4, atol=1e-6)
