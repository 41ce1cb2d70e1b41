"""The layers of a network with logits, forward and backward written out, for training.

A step through autograd spends more on bookkeeping and conversions than on products: some eighty
small operations a layer. Written out there are thirty, and gradients of weights are written to
their tensors at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

aten = torch.ops.aten


# What lies between the products: compiled in one pass over all vectors where ``_compilable`` allows
# it, else in torch. The arguments are those of ``kernels.detnet_training``, None for what is not
# there; tensors are contiguous.


def _forward(
    compiled: bool,
    out: Tensor,
    state: Tensor,
    logits: Tensor,
    matrix: Tensor,
    inputs: Tensor | None,
    residual: float,
) -> None:
    rows, n = logits.shape
    if compiled:
        tensors = (out, state, logits, matrix, inputs)
        brief = int(out.dtype == torch.bfloat16)
        sizes = rows, rows // len(matrix), n, state.shape[1] - n, brief
        _kernel("forward")(*_addresses(tensors), residual, sizes)
        return
    state.mul_(residual).add_(out, alpha=1 - residual)
    logits.copy_(state[:, :n])
    if inputs is not None:
        x = torch.tanh(logits / 2)
        inputs[:, n : 2 * n] = torch.bmm(x.view(len(matrix), -1, n), matrix).view(rows, n)
        inputs[:, 2 * n : 3 * n] = x
        inputs[:, 3 * n :] = state[:, n:]


def _activate(compiled: bool, before: Tensor, hidden: Tensor, gelu: bool) -> None:
    """Compiled, it overwrites ``before`` with the slope, as ``_through`` then takes it."""
    if compiled:
        brief = hidden.dtype == torch.bfloat16
        _kernel("activation")(*_addresses((before, hidden)), hidden.numel(), gelu, brief)
    elif gelu:
        aten.gelu.out(before, out=hidden)
    else:
        torch.clamp_min(before, 0, out=hidden)


def _through(
    compiled: bool, d_hidden: Tensor, before: Tensor, d_bias: Tensor, gelu: bool
) -> Tensor:
    if compiled:
        tensors, brief = (d_hidden, before, d_bias), d_hidden.dtype == torch.bfloat16
        _kernel("activation_backward")(*_addresses(tensors), *d_hidden.shape, brief)
        return d_hidden
    if gelu:
        d_hidden = aten.gelu_backward(d_hidden, before)
    else:
        d_hidden = aten.threshold_backward(d_hidden, before, 0)
    d_bias.copy_(d_hidden.sum(0))
    return d_hidden


def _backward(
    compiled: bool,
    given: Tensor,
    d_inputs: Tensor | None,
    inputs: Tensor | None,
    matrix: Tensor,
    d_state: Tensor,
    d_out: Tensor,
    residual: float,
) -> None:
    rows, n = given.shape
    if compiled:
        tensors = (given, d_inputs, inputs, matrix, d_state, d_out)
        brief = int(d_out.dtype == torch.bfloat16)
        sizes = rows, rows // len(matrix), n, d_state.shape[1] - n, brief
        _kernel("backward")(*_addresses(tensors), residual, sizes)
        return
    if d_inputs is not None and inputs is not None:
        through = d_inputs[:, :n].to(given.dtype).reshape(len(matrix), -1, n)
        # The matrix is symmetric.
        d_x = torch.bmm(through, matrix).view(rows, n) + d_inputs[:, n : 2 * n]
        x = inputs[:, 2 * n : 3 * n]
        # d tanh(l / 2) = (1 - x^2) / 2
        d_state[:, :n] += torch.addcmul(d_x, d_x, x * x, value=-1).mul_(0.5)
        d_state[:, n:] += d_inputs[:, 2 * n :]
    d_state[:, :n] += given
    d_out.copy_(d_state * (1 - residual))
    d_state.mul_(residual)


def _compilable(q: Tensor, matrix: Tensor, low: torch.dtype) -> bool:
    single = q.is_cpu and q.dtype == matrix.dtype == torch.float32
    return single and low in (torch.float32, torch.bfloat16) and matrix.is_contiguous()


def _addresses(tensors: Iterable[Tensor | None]) -> list[int]:
    return [0 if tensor is None else tensor.data_ptr() for tensor in tensors]


@functools.cache
def _kernel(name: str) -> Callable[..., None]:
    from mimolearn.kernels.networks import detnet_training  # brings a compiler

    makers = {
        "forward": detnet_training.forward_kernel,
        "activation": detnet_training.activation_kernel,
        "activation_backward": detnet_training.activation_backward_kernel,
        "backward": detnet_training.backward_kernel,
    }
    return makers[name]()


class FusedLayers(torch.autograd.Function):
    """Logits of all layers, (L, C, T, n), for two levels an axis and version 1's inputs.

    Its arguments are w1 (L, hidden, 3n + state) and b1 (L, hidden); w2 (L, n + state, hidden) and
    b2 (L, n + state) of outputs and state together; matrix (C, n, n), q and x (C, T, n), which have
    no gradients; and low, the type of the products by w1 and w2.
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
        # The inputs of a layer beyond the last are never made.
        inputs = torch.empty(num_layers, rows, w1.shape[2], dtype=low, device="cpu")
        inputs[..., :n] = q.reshape(rows, n)
        inputs[0, :, n : 2 * n] = torch.bmm(x, matrix).view(rows, n)
        inputs[0, :, 2 * n : 3 * n] = x.reshape(rows, n)
        inputs[0, :, 3 * n :] = 0
        before = torch.empty(num_layers, rows, w1.shape[1], dtype=low, device="cpu")
        hidden = torch.empty_like(before)
        state = q.new_zeros(rows, w2.shape[1])
        logits = q.new_empty(num_layers, rows, n)
        compiled = _compilable(q, matrix, low)
        for layer in range(num_layers):
            torch.addmm(low_b1[layer], inputs[layer], low_w1[layer].t(), out=before[layer])
            _activate(compiled, before[layer], hidden[layer], gelu)
            out = torch.addmm(low_b2[layer], hidden[layer], low_w2[layer].t())
            following = inputs[layer + 1] if layer + 1 < num_layers else None
            _forward(compiled, out, state, logits[layer], matrix, following, residual)
        ctx.save_for_backward(low_w1, low_w2, matrix, inputs, before, hidden, logits)
        ctx.how = residual, gelu, compiled
        return logits.view(num_layers, *q.shape)

    @staticmethod
    @once_differentiable
    def backward(  # type: ignore[override]  # the decorator's type has no name for ctx
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        saved: tuple[Tensor, ...] = ctx.saved_tensors
        w1, w2, matrix, inputs, before, hidden, logits = saved
        residual, gelu, compiled = ctx.how
        num_layers, rows, n = logits.shape
        given = grads[0].reshape(num_layers, rows, n).contiguous()
        d_w1, d_w2 = logits.new_empty(w1.shape), logits.new_empty(w2.shape)
        d_b1, d_b2 = logits.new_empty(w1.shape[:2]), logits.new_empty(w2.shape[:2])
        d_state = logits.new_zeros(rows, w2.shape[1])
        d_inputs = following = None
        for layer in reversed(range(num_layers)):
            d_out = torch.empty(d_state.shape, dtype=w1.dtype, device="cpu")
            _backward(compiled, given[layer], d_inputs, following, matrix, d_state, d_out, residual)
            d_w2[layer] = d_out.t() @ hidden[layer]
            d_b2[layer] = d_out.sum(0)
            d_hidden = _through(compiled, d_out @ w2[layer], before[layer], d_b1[layer], gelu)
            d_w1[layer] = d_hidden.t() @ inputs[layer]
            if layer:
                d_inputs, following = d_hidden @ w1[layer][:, n:], inputs[layer]
        return (d_w1, d_b1, d_w2, d_b2, None, None, None, None, None, None)


def can_fuse(*data: Tensor) -> bool:
    """Return whether weights alone are trained, on a processor.

    Args:
        data: tensors that need no gradients.
    """
    return torch.is_grad_enabled() and not any(t.requires_grad or not t.is_cpu for t in data)
