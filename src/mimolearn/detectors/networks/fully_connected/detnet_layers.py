"""DetNet's layers: weights of all layers in one tensor each, and the recursion through them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mimolearn.constellation import Constellation
from mimolearn.detectors.networks.level_logits import level_mean, num_logits

# psi's slope before training, and what keeps it from a division by zero: the authors' values.
_SLOPE, _SLOPE_FLOOR = 0.1, 1e-5
# DetNet-v2's gradient step before training, on normal equations of unit diagonal.
_STEP = 0.5


class Shape(NamedTuple):
    """Sizes of a layer.

    Attributes:
        unknowns: n.
        version: of the inputs, 1 or 2.
        output: "soft-sign", "one-hot" or "logits".
        outputs: of the second product.
        hidden: units of the first product.
        state: entries of v.
        fed: hidden units that v is made of.
        inputs: entries that the first product takes, from the first.
    """

    unknowns: int
    version: int
    output: str
    outputs: int
    hidden: int
    state: int
    fed: int
    inputs: int

    @property
    def all_inputs(self) -> int:
        """Number of entries that there are: q, G x, x and v, or one gradient step and v."""
        return self.unknowns * (3 if self.version == 1 else 1) + self.state

    def multiplications(self) -> int:
        """Count the real ones of a layer for one vector: G x, three products, elementwise work."""
        n = self.unknowns
        products = self.inputs * self.hidden + self.outputs * self.hidden + self.state * self.fed
        elementwise = 2 * self.state + (2 * n if self.version == 2 else 0)
        return n * n + products + elementwise + (3 * n if self.output == "soft-sign" else 0)


def layer_shape(
    constellation: Constellation,
    num_tx_ant: int,
    version: int,
    output: str,
    hidden_factor: int,
    state_factor: int,
) -> Shape:
    """Return the sizes of a layer that nothing is cut from."""
    n = num_tx_ant if constellation.is_real else 2 * num_tx_ant
    outputs = n * (num_logits(constellation) if output == "logits" else 1)
    if output == "one-hot":
        outputs = n * constellation.num_levels
    full = Shape(n, version, output, outputs, hidden_factor * n, state_factor * n, 0, 0)
    return full._replace(fed=full.hidden, inputs=full.all_inputs)


class Stack(NamedTuple):
    """Weights of L layers.

    Attributes:
        w1: (L, hidden, inputs).
        b1: (L, hidden).
        w2: (L, outputs, hidden).
        b2: (L, outputs).
        w3: (L, state, fed).
        b3: (L, state).
        slope: (L, 1), psi's t; (L, 0) for other outputs.
        steps: (L, 2), DetNet-v2's d1 and d2; (L, 0) for version 1.
    """

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor
    w3: Tensor
    b3: Tensor
    slope: Tensor
    steps: Tensor

    def num_numbers(self) -> int:
        """Return the number of parameters."""
        return sum(tensor.numel() for tensor in self)


def new_stack(shape: Shape, num_layers: int, seed: int) -> Stack:
    """Return Xavier's uniform weights and no biases."""
    generator = Generator().manual_seed(seed)

    def xavier(rows: int, columns: int, fan_in: int) -> Tensor:
        bound = math.sqrt(6 / (rows + fan_in))
        unit = torch.rand((num_layers, rows, columns), generator=generator, dtype=torch.float32)
        return bound * (2 * unit - 1)

    s = shape
    slope = torch.full(
        (num_layers, 1 if s.output == "soft-sign" else 0), _SLOPE, dtype=torch.float32
    )
    return Stack(
        xavier(s.hidden, s.inputs, s.inputs),
        torch.zeros(num_layers, s.hidden, dtype=torch.float32),
        xavier(s.outputs, s.hidden, s.hidden),
        torch.zeros(num_layers, s.outputs, dtype=torch.float32),
        xavier(s.state, s.fed, s.fed),
        torch.zeros(num_layers, s.state, dtype=torch.float32),
        slope,
        torch.full((num_layers, 2 if s.version == 2 else 0), _STEP, dtype=torch.float32),
    )


class LayerOutput(NamedTuple):
    """Output of a layer.

    Attributes:
        x: (*C, T, n), within the constellation's range.
        logits: (*C, T, n, P or 1), or None.
    """

    x: Tensor
    logits: Tensor | None


def soft_sign(a: Tensor, slope: Tensor) -> Tensor:
    """Return psi_t(a): from -1 to 1 on |a| < |t|."""
    width = slope.abs() + _SLOPE_FLOOR
    return -1 + (torch.relu(a + slope) - torch.relu(a - slope)) / width


def unfold(
    constellation: Constellation,
    shape: Shape,
    stack: Stack,
    matrix: Tensor,
    q: Tensor,
    x: Tensor,
    *,
    activation: str = "relu",
    residual: float = 0.9,
    beta: Tensor | None = None,
    low: torch.dtype | None = None,
) -> Iterator[LayerOutput]:
    """Yield every layer's output.

    Args:
        constellation: of the symbols.
        shape: sizes of a layer.
        stack: weights of all layers.
        matrix: (*C, n, n); G.
        q: (*C, T, n).
        x: (*C, T, n); the start.
        activation: "relu" or "gelu".
        residual: share of the last layer's output.
        beta: (L or 1, hidden) factors of the hidden units, or None.
        low: type of the products by W1, W2 and W3; default that of q.
    """
    low = low or q.dtype
    layers = _by_layer(stack, beta, low)
    act = torch.relu if activation == "relu" else functional.gelu
    v = q.new_zeros(*q.shape[:-1], shape.state)
    logits = q.new_zeros(*q.shape[:-1], shape.outputs)
    for w1, b1, w23, b23, w3, b3, slope, steps in layers:
        gx = x @ matrix
        if shape.version == 1:
            inputs = torch.cat([q, gx, x, v], -1)
        else:
            inputs = torch.cat([x - steps[0] * q + steps[1] * gx, v], -1)
        u = act(functional.linear(inputs[..., : shape.inputs].to(low), w1, b1))
        out = functional.linear(u, w23, b23).to(q.dtype)
        if w3 is not None:
            fed = functional.linear(u[..., : shape.fed], w3, b3).to(q.dtype)
        else:
            out, fed = out[..., : shape.outputs], out[..., shape.outputs :]
        v = residual * v + (1 - residual) * fed
        if shape.output == "soft-sign":
            x = residual * x + (1 - residual) * soft_sign(out, slope.to(q.dtype))
            yield LayerOutput(x, None)
        else:
            logits = residual * logits + (1 - residual) * out
            split = logits.unflatten(-1, (shape.unknowns, -1))
            if shape.output == "one-hot" and constellation.num_levels == 2:
                split = split[..., 1:] - split[..., :1]
            x = level_mean(constellation, split)
            yield LayerOutput(x, split)


def _by_layer(stack: Stack, beta: Tensor | None, low: torch.dtype) -> Iterator[tuple]:
    """Yield the weights layer by layer, cast once for all.

    ``unbind`` has a gradient of the size of one layer, an index one of the size of the stack. W2
    and W3 are one product if both take all hidden units; beta scales their columns.
    """
    w2, w3 = stack.w2, stack.w3
    if beta is not None:
        scale = beta.to(w2).unsqueeze(-2)
        w2, w3 = w2 * scale, w3 * scale[..., : w3.shape[-1]]
    joint = w2.shape[-1] == w3.shape[-1]
    tensors = [
        stack.w1.to(low),
        stack.b1.to(low),
        (torch.cat([w2, w3], 1) if joint else w2).to(low),
        (torch.cat([stack.b2, stack.b3], 1) if joint else stack.b2).to(low),
    ]
    count = len(stack.b1)
    alone = zip(w3.to(low).unbind(0), stack.b3.to(low).unbind(0), strict=True)
    third = [(None, None)] * count if joint else list(alone)
    rows = zip(*(tensor.unbind(0) for tensor in tensors), strict=True)
    ends = zip(stack.slope.unbind(0), stack.steps.unbind(0), strict=True)
    for first, (w3_, b3_), end in zip(rows, third, ends, strict=True):
        yield (*first, w3_, b3_, *end)
