"""The smoothed symbol-error rate of a hybrid transceiver and its gradient, in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.beamformers.gains import stream_gains


class Samples(NamedTuple):
    """levels: (J, 2S) symbol axes as one stream sees them (see ``samples``). factor: 1 for QPSK."""

    levels: Tensor
    factor: float


class Gradient(NamedTuple):
    """value: (N) ln of the mean error bound. The rest: its gradients dL/dRe + j dL/dIm (phases: real).

    bound: (N, S) of each stream. Before a user's rotations, shapes are those of ``Beams``.
    """

    value: Tensor
    f_phase: Tensor
    f_bb: Tensor
    w_phase: Tensor
    w_bb: Tensor


def decision_gains(gains: Tensor, noise: Tensor) -> Tensor:
    """(N, S, 2S) reals x_i, stream i's own gain first: its decision variable is <x_i, symbol axes>.

    In units of the noise deviation: [Re g_ii, -Im g_ij ...] / nu_i. This is the kernel width
    sigma ||q_i|| / sqrt(2) that makes the smoothed objective the error rate itself.
    """
    scaled = gains / noise.unsqueeze(-1)
    return torch.cat([own_first(scaled.real), -own_first(scaled.imag)], -1)


def error_bound(x: Tensor, samples: Samples) -> Tensor:
    """P(re) + P(im) of each stream, (N, S): mean over sampled symbols of Q(<x, s>)."""
    z = x @ samples.levels.mT
    return torch.erfc(z / math.sqrt(2)).mean(-1) * samples.factor


def log_bound_gradient(x: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
    """ln of the mean over streams of ``error_bound``, (N), and its gradient (N, S, 2S)."""
    z = x @ samples.levels.mT
    bound = torch.erfc(z / math.sqrt(2)).mean(-1) * samples.factor
    density = torch.exp(z * z * -0.5)
    tiny = torch.finfo(x.dtype).tiny * 1e6
    mean = bound.mean(-1).clamp(min=tiny)
    scale = samples.factor * math.sqrt(2 / math.pi) / (samples.levels.shape[0] * x.shape[-2])
    gradient = (density @ samples.levels) * (-scale / mean)[:, None, None]
    return mean.log(), gradient


def bound_and_curvature(x: Tensor, samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """``log_bound_gradient`` and the positive part of its Hessian, (N, S, 2S, 2S).

    The Hessian of Q(<x, s>) is z phi(z) s s^T, positive where z is; the rank-one negative part that
    the logarithm adds is left out.
    """
    z = x @ samples.levels.mT
    count, size = samples.levels.shape
    bound = torch.erfc(z / math.sqrt(2)).mean(-1) * samples.factor
    density = torch.exp(z * z * -0.5)
    mean = bound.mean(-1).clamp(min=torch.finfo(x.dtype).tiny * 1e6)
    scale = (samples.factor * math.sqrt(2 / math.pi) / (count * x.shape[-2]) / mean)[:, None, None]
    by_x = (density @ samples.levels) * -scale
    products = samples.levels.unsqueeze(-1) * samples.levels.unsqueeze(-2)
    curvature = ((density * z.clamp(min=0)) @ products.flatten(1)) * scale
    return mean.log(), by_x, curvature.unflatten(-1, (size, size))


def mean_bound(h: Tensor, beams: Beams, noise_var: Tensor, samples: Samples) -> Tensor:
    """Mean over streams of P(re) + P(im), (N): what the MSER methods minimise."""
    return error_bound(decision_gains(*stream_gains(h, beams, noise_var)), samples).mean(-1)


class Seen(NamedTuple):
    """Products that a gradient shares with what uses it.

    q: (N, K, Nr, D) receivers; noise: (N, S); e: (N, Nt, S) = H^H Q; sent: (N, Nt, S) = F V;
    x: (N, S, 2S).
    """

    q: Tensor
    noise: Tensor
    e: Tensor
    sent: Tensor
    x: Tensor


def look(h: Tensor, beams: Beams, noise_var: Tensor) -> Seen:
    """All that the decision variables depend on."""
    q = beams.receive()
    e = (h.mH @ q).movedim(1, 2).flatten(2)
    sent = beams.transmit()
    power = torch.view_as_real(q.resolve_conj()).square().sum((-1, -3)).flatten(-2)
    noise = (power * (noise_var[:, None] / 2)).sqrt()
    return Seen(q, noise, e, sent, decision_gains(e.mH @ sent, noise))


def gradient(
    h: Tensor, beams: Beams, noise_var: Tensor, seen: Seen, value: Tensor, by_x: Tensor
) -> Gradient:
    """The gradient of a function of x, whose own gradient is by_x, at V / ||F V||."""
    return pull_back(h, beams, noise_var, seen, value, by_x, power_price(seen, by_x))


def power_price(seen: Seen, by_x: Tensor) -> Tensor:
    """-Re <gradient, V>, (N): the multiplier of the power constraint, positive where power helps."""
    return -(by_x * seen.x).sum((-1, -2))


def pull_back(
    h: Tensor,
    beams: Beams,
    noise_var: Tensor,
    seen: Seen,
    value: Tensor,
    by_x: Tensor,
    price: Tensor,
) -> Gradient:
    """Carry by_x (N, S, 2S) back to the beams, and add price / 2 times the gradient of power.

    With g_ij the derivative by G: f_bb gets F^H E g, F gets E g V^H, q_i gets
    sum_j conj(g_ij) (H F V)_j less what its own noise takes. P_k's leakage into other users is in;
    the paper's (16) to (19) leave it out, and their dimensions fail.
    """
    users = h.shape[1]
    half = by_x.shape[-1] // 2
    re, im = by_x[..., :half], by_x[..., half:]
    by_gain = torch.complex(own_back(re), -own_back(im)) / seen.noise.unsqueeze(-1)
    through = seen.e @ by_gain + price[:, None, None] * seen.sent
    by_f_bb = beams.f_rf.mH @ through
    by_f = through @ beams.f_bb.mH
    received = h @ seen.sent.unsqueeze(1)
    by_q = received @ by_gain.unflatten(-2, (users, -1)).mH
    lost = (by_x * seen.x).sum(-1) / seen.noise.square() * (noise_var[:, None] / 2)
    by_q = by_q - seen.q * lost.unflatten(-1, (users, -1)).unsqueeze(-2)
    by_w_bb = beams.w_rf.mH @ by_q
    by_w = by_q @ beams.w_bb.mH
    return Gradient(
        value,
        -(by_f.conj() * beams.f_rf).imag,
        by_f_bb,
        -(by_w.conj() * beams.w_rf).imag,
        by_w_bb,
    )


def own_first(x: Tensor) -> Tensor:
    """(..., S, S) with row i turned left by i: entry (i, j) becomes (i, i + j)."""
    return x.gather(-1, _turn(x.shape[-1]).expand_as(x))


def own_back(x: Tensor) -> Tensor:
    """The inverse of ``own_first``."""
    size = x.shape[-1]
    return x.gather(-1, ((torch.arange(size) - torch.arange(size)[:, None]) % size).expand_as(x))


def _turn(size: int) -> Tensor:
    return (torch.arange(size) + torch.arange(size)[:, None]) % size
