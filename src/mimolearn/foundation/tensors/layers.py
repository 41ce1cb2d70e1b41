"""Small networks that learned parts are made of, and what they start from."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init


def glorot(*shape: int, generator: torch.Generator) -> nn.Parameter:
    """Weights (..., in, out), uniform of variance 2 / (in + out) (Glorot and Bengio 2010)."""
    bound = math.sqrt(6 / (shape[-2] + shape[-1]))
    return nn.Parameter(
        (2 * torch.rand(shape, generator=generator, dtype=torch.float32) - 1) * bound
    )


def linear(
    inputs: int, outputs: int, generator: torch.Generator, *, bias: bool = True
) -> nn.Linear:
    """torch's linear layer in float32, drawn as torch does, from ``generator`` alone.

    The class itself draws from the global generator.
    """
    made: Any = skip_init(nn.Linear, inputs, outputs, bias=bias, dtype=torch.float32)
    layer: nn.Linear = made
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    if bias:
        bound = 1 / math.sqrt(inputs)
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


class Layers(nn.Module):
    """Affine layers with ReLU between; branches > 1: that many such nets side by side.

    widths: of input, hidden layers, output. Takes (N, in), or (branches, N, in); gives (N, out), or
    (branches, N, out), in the dtype of the input.
    """

    def __init__(self, widths: list[int], seed: int, branches: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        lead = (branches,) if branches else ()
        pairs = list(itertools.pairwise(widths))
        self.weights = nn.ParameterList(glorot(*lead, a, b, generator=generator) for a, b in pairs)
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(*lead, *((1,) if branches else ()), b, dtype=torch.float32))
            for _, b in pairs
        )

    def forward(self, x: Tensor) -> Tensor:
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight.to(x.dtype) + bias.to(x.dtype)
            if i < last:
                x = torch.relu(x)
        return x


class ResidualLayers(nn.Module):
    """Affine layers with GELU; each hidden layer after the first adds to what it got.

    widths: of input, hidden layers (all alike), output. Takes (..., in), gives (..., out), in the
    dtype of its input. silent: the output starts at zero.
    """

    def __init__(self, widths: list[int], seed: int, *, silent: bool = False) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        pairs = list(itertools.pairwise(widths))
        self.weights = nn.ParameterList(glorot(a, b, generator=generator) for a, b in pairs)
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(b, dtype=torch.float32)) for _, b in pairs
        )
        if silent:
            nn.init.zeros_(self.weights[-1])

    def forward(self, x: Tensor) -> Tensor:
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            step = x @ weight.to(x.dtype) + bias.to(x.dtype)
            if i == last:
                return step
            step = nn.functional.gelu(step)
            x = x + step if i else step
        return x
