"""Adam on ln SER over all four matrices of a hybrid transceiver, batched over channels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.beamformers.digital import scaled_to_power
from mimolearn.beamformers.objective.error_bound import Gradient

Step = Callable[[Beams], Gradient]
Value = Callable[[Beams], Tensor]

_BETA1, _BETA2 = 0.9, 0.99


class Best(NamedTuple):
    """The lowest value of each channel so far, (N), and its beams."""

    value: Tensor
    beams: Beams

    def improved(self, value: Tensor, beams: Beams) -> Best:
        """Return the better of both for each channel."""
        better = value < self.value
        parts = [
            torch.where(better.view(-1, *(1,) * (new.ndim - 1)), new, old)
            for new, old in zip(beams, self.beams, strict=True)
        ]
        return Best(torch.where(better, value, self.value), Beams(*parts))


def normalised(beams: Beams) -> Beams:
    """Scale to power 1 and to ||w_rf w_bb|| = 1 per stream, which changes no error rate."""
    q = beams.receive()
    power = (q.real.square() + q.imag.square()).sum(-2, keepdim=True)
    w_bb = beams.w_bb * power.clamp(min=torch.finfo(power.dtype).tiny).rsqrt()
    return beams._replace(f_bb=scaled_to_power(beams.f_rf, beams.f_bb), w_bb=w_bb)


def turned(matrix: Tensor, phase: Tensor) -> Tensor:
    """Return matrix e^(j phase)."""
    return matrix * torch.polar(torch.ones_like(phase), phase)


def rms(x: Tensor) -> Tensor:
    """Compute the root mean |x|^2 of each channel, (N, 1, 1 ...)."""
    axes = tuple(range(1, x.ndim))
    power = x.real.square() + x.imag.square() if x.is_complex() else x.square()
    # The root has no derivative at 0.
    return (power.mean(axes, keepdim=True) + torch.finfo(power.dtype).tiny ** 0.5).sqrt()


def adam_descent(
    start: Beams, step: Step, value: Value, num_iter: int, rate: float, analog: bool
) -> Best:
    """Minimise an objective by Adam, and keep the best iterate of every channel.

    beta2 is 0.99. Real and imaginary part share the second moment |g|^2. The step size falls to 0
    on a half cosine. Steps are in units of rms(f_bb), rms(w_bb) and radians. All parts move at once
    (Jacobi), then V and W are normalised.

    Args:
        start: (N) beams.
        step: gives the value (N) and its gradient at beams.
        value: gives the value (N) alone.
        num_iter: steps.
        rate: step size at the start.
        analog: whether phases move as well.
    """
    beams = normalised(start)
    moments: list[tuple[Tensor, Tensor]] = []
    best = Best(torch.full_like(start.f_rf.real[:, 0, 0], math.inf), beams)
    for t in range(num_iter):
        slopes = step(beams)
        best = best.improved(slopes.value, beams)
        moves = _adam(moments, slopes, t, analog)
        size = rate * (1 + math.cos(math.pi * t / num_iter)) / 2
        beams = _moved(beams, moves, size)
    return best.improved(value(beams), beams)


def _adam(
    moments: list[tuple[Tensor, Tensor]], slopes: Gradient, t: int, analog: bool
) -> list[Tensor]:
    gradients = [slopes.f_bb, slopes.w_bb]
    if analog:
        gradients += [slopes.f_phase, slopes.w_phase]
    if not moments:
        moments += [(torch.zeros_like(g), torch.zeros_like(g.real)) for g in gradients]
    moves = []
    for i, g in enumerate(gradients):
        first, second = moments[i]
        power = g.real.square() + g.imag.square() if g.is_complex() else g.square()
        first = first.lerp(g, 1 - _BETA1)
        second = second.lerp(power, 1 - _BETA2)
        moments[i] = first, second
        deviation = (second / (1 - _BETA2 ** (t + 1))).sqrt()
        tiny = torch.finfo(deviation.dtype).tiny ** 0.5
        moves.append(first / ((1 - _BETA1 ** (t + 1)) * (deviation + tiny)))
    return moves


def _moved(beams: Beams, moves: list[Tensor], size: float) -> Beams:
    f_bb = beams.f_bb - size * rms(beams.f_bb) * moves[0]
    w_bb = beams.w_bb - size * rms(beams.w_bb) * moves[1]
    f_rf, w_rf = beams.f_rf, beams.w_rf
    if len(moves) > 2:
        f_rf, w_rf = turned(f_rf, -size * moves[2]), turned(w_rf, -size * moves[3])
    return normalised(Beams(f_rf, f_bb, w_rf, w_bb))
