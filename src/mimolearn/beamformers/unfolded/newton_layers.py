"""Newton's layers of ``UnfoldedMser``: their learned numbers and what they do with them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.beamformers.objective.error_bound import (
    Gradient,
    Observed,
    Samples,
    bound_and_curvature,
    power_price,
)
from mimolearn.beamformers.objective.gauss_newton import Knobs, factored, metric_at
from mimolearn.beamformers.objective.newton import (
    Pair,
    Product,
    antenna_rows,
    derivatives_at,
    flat_product,
    flattened,
    truncated_newton,
    unflattened,
    with_pairs,
)


class Kind(NamedTuple):
    """coupled: whether the preconditioner is Gauss-Newton's matrix, or its metric alone. every:
    layers that one preconditioner serves; the knobs of the others lie idle. iterations: conjugate
    gradients a layer. pairs: kept from layer to layer. scales: multiples of a move of which each
    channel takes the best."""

    coupled: bool
    every: int
    iterations: int
    pairs: int
    scales: tuple[float, ...]


KINDS = {
    "newton-cg": Kind(False, every=3, iterations=3, pairs=4, scales=()),
    "gauss-newton": Kind(True, every=3, iterations=3, pairs=6, scales=(0.4, 1.0, 2.0)),
}

# Starts of a layer's numbers, with the slopes of their logarithm over the layers, first to last,
# over the SNR in tens of dB and over a fifth of ln SER: what a short training leaves where layers
# may differ by no more than that. Training in full starts here.
_STARTS = {
    "curvature_v": (0.38, 0.2, 0.6, 0.1),
    "curvature_f": (0.48, 0.4, 0.6, 0.0),
    "damp_v": (0.46, 0.0, 0.4, 1.1),
    "damp_f": (2.10, -0.4, 0.3, -0.1),
    "damp_w": (0.63, 0.5, 0.2, 0.4),
    "damp_u": (1.83, 0.2, -0.3, -0.6),
    "hessian": (0.76, -0.3, 0.3, 0.4),
    "bend": (0.55, 0.4, 0.0, 0.0),
    "step": (1.00, 0.0, 0.0, 0.0),
    "width": (0.95, 0.0, -0.15, 0.0),
    "reach": (3.35, -0.2, -0.1, -0.6),
    "spread": (0.56, 0.0, 0.1, 0.0),
}
# Share of the layers in which the kernel is wide at the start of training, and what is left of it.
_WIDE_SHARE, _LEAST = 0.8, 0.03


class NewtonNumbers(NamedTuple):
    """What one layer does with a channel, each (N).

    bend: weight of the decision gains' own curvature in the beams. step: multiple of Newton's
    direction. width: of the kernel, in noise deviations. reach: most kernel widths that a decision
    variable may move. spread: exponent by which the kernel is wider in a channel that may be stuck.
    """

    knobs: Knobs
    bend: Tensor
    step: Tensor
    width: Tensor
    reach: Tensor
    spread: Tensor


def number_names(steps: str) -> tuple[str, ...]:
    """Of the learned numbers of a layer, in the order of their table."""
    return tuple(name for name in _STARTS if name != "hessian" or KINDS[steps].coupled)


def newton_start(num_layers: int, steps: str) -> Tensor:
    """(layers, numbers, 3): logarithms and their two slopes."""
    names = number_names(steps)
    start, trend, by_snr, by_value = torch.tensor(
        [_STARTS[name] for name in names], dtype=torch.float32
    ).unbind(-1)
    place = (
        torch.linspace(-0.5, 0.5, num_layers, dtype=torch.float32)
        if num_layers > 1
        else torch.zeros(1, dtype=torch.float32)
    )
    first = start.log() + place[:, None] * trend
    falling = 1 - torch.arange(num_layers, dtype=torch.float32) / (_WIDE_SHARE * num_layers)
    first[:, names.index("spread")] += falling.clamp(min=_LEAST).log()
    return torch.stack([first, by_snr.expand_as(first), by_value.expand_as(first)], -1)


def newton_numbers(steps: str, numbers: tuple[Tensor, ...]) -> NewtonNumbers:
    """The numbers of a layer by their names."""
    named = dict(zip(number_names(steps), numbers, strict=True))
    knobs = Knobs(**{name: named.pop(name) for name in Knobs._fields if name in named})
    return NewtonNumbers(knobs, **named)


class NewtonPass:
    """One way of some channels through the layers: directions, and what they leave to the next."""

    def __init__(self, steps: str, h: Tensor, noise_var: Tensor, samples: Samples) -> None:
        self._kind = KINDS[steps]
        self._h, self._adjoint, self._rows = h, h.mH.resolve_conj(), antenna_rows(h)
        self._noise_var, self._samples = noise_var, samples
        self._pairs: list[Pair] = []
        self._first: Product | None = None
        self._passed = 0

    def direction(
        self, beams: Beams, observed: Observed, numbers: NewtonNumbers
    ) -> tuple[Gradient, Tensor]:
        """Newton's direction of ln SER under the layer's kernel, truncated, and J times it."""
        kind, width = self._kind, numbers.width[:, None, None]
        value, by_x, hessian = bound_and_curvature(observed.x / width, self._samples)
        by_x, hessian = by_x / width, hessian / width.square().unsqueeze(-1)
        found = value, by_x, hessian
        at = self._h, self._adjoint, beams, observed
        gradient, curvature = derivatives_at(*at, found, numbers.bend)
        if self._passed % kind.every == 0 and kind.coupled:
            near = factored(beams, self._noise_var, observed, by_x, hessian, numbers.knobs)
            self._first = _flat_product(near.solve, beams)
        elif self._passed % kind.every == 0:
            metric = metric_at(beams, power_price(observed, by_x).clamp(min=1.0), numbers.knobs)
            self._first = _flat_product(functools.partial(metric.solve, beams.f_rf), beams)
        assert self._first is not None
        self._passed += 1
        inverse = with_pairs(self._pairs, self._first)
        truncated = truncated_newton(
            flattened(gradient), flat_product(curvature, self._rows), inverse, kind.iterations
        )
        # Derivatives through products of earlier layers are noise.
        self._pairs = [*self._pairs, *(pair.detached() for pair in truncated.pairs)][-kind.pairs :]
        return unflattened(truncated.direction, beams), truncated.gains


def _flat_product(solve: Callable[[Gradient], Gradient], beams: Beams) -> Product:
    return lambda right: flattened(solve(unflattened(right, beams)))
