"""The layers of a network with logits, forward and backward written out, for training.

A step through autograd spends more on bookkeeping and conversions than on products: some eighty
small operations a layer. Written out there are thirty, and gradients of weights go where they
belong at once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

aten = torch.ops.aten


class FusedLayers(torch.autograd.Function):
    """Logits of all layers, (L, C, T, n), for two levels an axis and version 1's inputs.

    w1: (L, hidden, 3n + state), b1: (L, hidden); w2, b2: of outputs and state together,
    (L, n + state, hidden), (L, n + state). matrix: (C, n, n); q, x: (C, T, n), without gradients.
    low: type of the products by w1 and w2.
    """

    @staticmethod
    def forward(  # type: ignore[override]  # torch types it with *args
        ctx: Any,
        w1: Tensor,
        b1: Tensor,
        w2: Tensor,
        b2: Tensor,
        matrix: Tensor,
        q: Tensor,
        x: Tensor,
        residual: float,
        gelu: bool,
        low: torch.dtype,
    ) -> Tensor:
        num_layers, n = len(w1), q.shape[-1]
        rows = q.numel() // n
        low_w1, low_b1, low_w2, low_b2 = (t.to(low) for t in (w1, b1, w2, b2))
        inputs = torch.empty(num_layers, rows, w1.shape[2], dtype=low)
        inputs[..., :n] = q.reshape(rows, n)
        before = torch.empty(num_layers, rows, w1.shape[1], dtype=low)
        hidden = torch.empty_like(before)
        state = q.new_zeros(rows, w2.shape[1])
        logits = q.new_empty(num_layers, rows, n)
        products = q.new_empty(q.shape)
        for layer in range(num_layers):
            torch.bmm(x, matrix, out=products)
            into = inputs[layer]
            into[:, n : 2 * n] = products.view(rows, n)
            into[:, 2 * n : 3 * n] = x.reshape(rows, n)
            into[:, 3 * n :] = state[:, n:]
            torch.addmm(low_b1[layer], into, low_w1[layer].t(), out=before[layer])
            if gelu:
                aten.gelu.out(before[layer], out=hidden[layer])
            else:
                torch.clamp_min(before[layer], 0, out=hidden[layer])
            out = torch.addmm(low_b2[layer], hidden[layer], low_w2[layer].t())
            state.mul_(residual).add_(out, alpha=1 - residual)
            logits[layer] = state[:, :n]
            x = torch.tanh(state[:, :n] / 2).view(q.shape)
        ctx.save_for_backward(low_w1, low_w2, matrix, inputs, before, hidden, logits)
        ctx.how = residual, gelu, q.shape
        return logits.view(num_layers, *q.shape)

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]  # the decorator's type has no name for ctx
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        saved: tuple[Tensor, ...] = ctx.saved_tensors
        w1, w2, matrix, inputs, before, hidden, logits = saved
        residual, gelu, shape = ctx.how
        num_layers, rows, n = logits.shape
        given = grads[0].reshape(num_layers, rows, n)
        d_w1, d_w2 = logits.new_empty(w1.shape), logits.new_empty(w2.shape)
        d_b1, d_b2 = logits.new_empty(w1.shape[:2]), logits.new_empty(w2.shape[:2])
        d_state = logits.new_zeros(rows, w2.shape[1])
        d_x = None
        for layer in reversed(range(num_layers)):
            d_logits = d_state[:, :n]
            d_logits += given[layer]
            if d_x is not None:
                # d tanh(l / 2) = (1 - x^2) / 2
                x = inputs[layer + 1][:, 2 * n : 3 * n]
                d_logits += torch.addcmul(d_x, d_x, x * x, value=-1).mul_(0.5)
            d_out = (d_state * (1 - residual)).to(w1.dtype)
            d_w2[layer] = d_out.t() @ hidden[layer]
            d_b2[layer] = d_out.sum(0)
            d_hidden = d_out @ w2[layer]
            if gelu:
                d_hidden = aten.gelu_backward(d_hidden, before[layer])
            else:
                d_hidden = aten.threshold_backward(d_hidden, before[layer], 0)
            d_w1[layer] = d_hidden.t() @ inputs[layer]
            d_b1[layer] = d_hidden.sum(0)
            d_state.mul_(residual)
            if layer:
                d_inputs = d_hidden @ w1[layer][:, n:]
                d_state[:, n:] += d_inputs[:, 2 * n :]
                through = d_inputs[:, :n].to(logits.dtype).view(shape)
                # The matrix is symmetric.
                d_x = torch.bmm(through, matrix).view(rows, n)
                d_x += d_inputs[:, n : 2 * n]
        return (d_w1, d_b1, d_w2, d_b2, None, None, None, None, None, None)


def can_fuse(*data: Tensor) -> bool:
    """Whether weights alone are trained, on a processor; data: what is not to be differentiated."""
    return torch.is_grad_enabled() and not any(t.requires_grad or not t.is_cpu for t in data)
