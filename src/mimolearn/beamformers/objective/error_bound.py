"""The smoothed symbol-error rate of a hybrid transceiver and its gradient, in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.beamformers.gains import stream_gains
from mimolearn.foundation.tensors.made_once import made_once
from mimolearn.kernels.machine.launch import usable


class Samples(NamedTuple):
    """Symbol vectors as one stream sees them; see ``samples``.

    levels: (J, 2S). products: (J, P) of every pair of columns. factor: 1 for QPSK. all_signs:
    whether these are all vectors (levels[0, 0], +-levels[0, 1], ...), each once.
    """

    levels: Tensor
    products: Tensor
    factor: float
    all_signs: bool


def as_samples(levels: Tensor, factor: float, all_signs: bool = False) -> Samples:
    """Samples with their products, upper triangle row by row."""
    i, j = torch.triu_indices(levels.shape[1], levels.shape[1])
    return Samples(levels, levels[:, i] * levels[:, j], factor, all_signs)


class Gradient(NamedTuple):
    """value: (N) of the objective. The rest: its derivatives by Re plus j those by Im.

    Shapes are those of ``Beams``; by phases they are real.
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
    return torch.cat([diagonal_first(scaled.real), -diagonal_first(scaled.imag)], -1)


def error_bound(x: Tensor, samples: Samples) -> Tensor:
    """P(re) + P(im) of each stream, (N, S): mean over sampled symbols of Q(<x, s>)."""
    z = x @ samples.levels.mT
    return torch.erfc(z / math.sqrt(2)).mean(-1) * samples.factor


def log_bound(x: Tensor, samples: Samples) -> Tensor:
    """ln of the mean over streams of ``error_bound``, (N)."""
    tails, _, _ = _sums(x, samples, slopes=False, curves=False)
    return _log_mean(tails, samples)[0]


def log_bound_gradient(x: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
    """``log_bound`` and its gradient (N, S, 2S)."""
    tails, slopes, _ = _sums(x, samples, slopes=True, curves=False)
    value, scale = _log_mean(tails, samples)
    return value, slopes * -scale


def bound_and_curvature(x: Tensor, samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """``log_bound_gradient`` and the positive part of the Hessian, (N, S, 2S, 2S).

    Its rows and columns are in natural order, those of stream i's gains g_i1, g_i2, ...; those of
    the gradient begin with the own gain. The Hessian of Q(<x, s>) is z phi(z) s s^T, positive where
    z is; the rank-one negative part that the logarithm adds is left out.
    """
    tails, slopes, curves = _sums(x, samples, slopes=True, curves=True)
    value, scale = _log_mean(tails, samples)
    position = _natural_positions(x.shape[1]).to(x.device).expand(*curves.shape[:2], -1)
    hessian = (curves * scale).gather(-1, position)
    return value, slopes * -scale, hessian.unflatten(-1, (x.shape[-1], -1))


@made_once(maxsize=32)
def _natural_positions(streams: int) -> Tensor:
    """Return (S, 4 S^2) positions of the block of stream i in a packed upper triangle."""
    size = 2 * streams
    i, j = torch.triu_indices(size, size)
    packed = torch.zeros(size, size, dtype=torch.long)
    packed[i, j] = packed[j, i] = torch.arange(len(i))
    half = (torch.arange(streams) - torch.arange(streams)[:, None]) % streams
    order = torch.cat([half, half + streams], -1)
    return packed[order[:, :, None], order[:, None, :]].flatten(1)


def raw_bound_gradient(x: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
    """Sum over streams of ``error_bound``, (N), and its gradient (N, S, 2S): no logarithm."""
    tails, slopes, _ = _sums(x, samples, slopes=True, curves=False)
    count = len(samples.levels)
    value = tails.sum(-1) * (2 * samples.factor / count)
    return value, slopes * (-samples.factor * math.sqrt(2 / math.pi) / count)


def unscaled_gains(observed: Observed) -> Tensor:
    """Return the decision gains before the division by the noise, (N, S, 2S)."""
    return observed.x * observed.noise.unsqueeze(-1)


def _log_mean(tails: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
    """Return ln of the mean bound, (N), and the factor of sums of densities, (N, 1, 1)."""
    # In training, derivatives of 1 / mean overflow first.
    tiny = torch.finfo(tails.dtype).tiny ** (0.45 if tails.requires_grad else 0.85)
    count = len(samples.levels)
    mean = (tails.mean(-1) * (2 * samples.factor / count)).clamp(min=tiny)
    scale = samples.factor * math.sqrt(2 / math.pi) / (count * tails.shape[-1]) / mean
    return mean.log(), scale[:, None, None]


def _sums(x: Tensor, samples: Samples, slopes: bool, curves: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Sum Q(z), e^(-z^2/2) s and max(z, 0) e^(-z^2/2) s s^T over samples."""
    # Imported here, because compilers are slow to import.
    if usable(x) and samples.all_signs:
        from mimolearn.kernels.beams.sign_sums import sign_sums

        margin, level = (abs(float(size)) for size in samples.levels[0, :2])
        return sign_sums(x, margin, level, int(slopes) + int(curves))
    if usable(x) and len(samples.levels) % 4 == 0:
        from mimolearn.kernels.beams.error_sums import error_sums

        return error_sums(x, samples.levels, samples.products if curves else None, slopes)
    z = x @ samples.levels.mT
    tails = torch.erfc(z / math.sqrt(2)).sum(-1) / 2
    if not slopes:
        return tails, x, x
    density = torch.exp(z * z * -0.5)
    bent = (density * z.clamp(min=0)) @ samples.products if curves else x
    return tails, density @ samples.levels, bent


def mean_bound(h: Tensor, beams: Beams, noise_var: Tensor, samples: Samples) -> Tensor:
    """Compute the mean over streams of P(re) + P(im), (N), the objective of the MSER methods."""
    return error_bound(decision_gains(*stream_gains(h, beams, noise_var)), samples).mean(-1)


class Observed(NamedTuple):
    """Products that the objective and its gradient share.

    Attributes:
        q: (N, K, Nr, D) complex; w_rf w_bb.
        noise: (N, S) real; noise deviations.
        e: (N, Nt, S) complex; H^H Q.
        sent: (N, Nt, S) complex; F V.
        received: (N, K, Nr, S) complex; H F V.
        x: (N, S, 2S) real; decision gains.
    """

    q: Tensor
    noise: Tensor
    e: Tensor
    sent: Tensor
    received: Tensor
    x: Tensor


def observe(h: Tensor, beams: Beams, noise_var: Tensor) -> Observed:
    """Compute the products on which the decision variables depend."""
    num, users, nr, nt = h.shape
    q = beams.receive()
    sent = beams.transmit()
    received = (h.reshape(num, users * nr, nt) @ sent).unflatten(1, (users, nr))
    e = (h.mH @ q).movedim(1, 2).flatten(2)
    gains = (q.mH @ received).flatten(1, 2)
    power = torch.view_as_real(q.resolve_conj()).square().sum((-1, -3)).flatten(-2)
    noise = (power * (noise_var[:, None] / 2)).sqrt()
    return Observed(q, noise, e, sent, received, decision_gains(gains, noise))


def gradient(
    beams: Beams, noise_var: Tensor, observed: Observed, value: Tensor, by_x: Tensor
) -> Gradient:
    """The gradient of a function of x, whose own gradient is by_x, at V / ||F V||."""
    return pull_back(beams, noise_var, observed, value, by_x, power_price(observed, by_x))


def power_price(observed: Observed, by_x: Tensor) -> Tensor:
    """-Re <gradient, V>, (N): the power constraint's multiplier, positive where power helps."""
    return -(by_x * observed.x).sum((-1, -2))


def pull_back(
    beams: Beams,
    noise_var: Tensor,
    observed: Observed,
    value: Tensor,
    by_x: Tensor,
    price: Tensor,
) -> Gradient:
    """Carry by_x (N, S, 2S) back to the beams, and add price / 2 times the gradient of power."""
    half = by_x.shape[-1] // 2
    re, im = by_x[..., :half], by_x[..., half:]
    by_gain = torch.complex(
        undo_diagonal_first(re), -undo_diagonal_first(im)
    ) / observed.noise.unsqueeze(-1)
    lost = (by_x * observed.x).sum(-1) / observed.noise.square() * (noise_var[:, None] / 2)
    split = beams.w_bb.shape[1], beams.w_bb.shape[-1]
    by_noise = observed.q * -lost.unflatten(-1, split).unsqueeze(-2)
    return by_gains(beams, observed, value, by_gain, by_noise, price)


def by_gains(
    beams: Beams, observed: Observed, value: Tensor, by_gain: Tensor, by_q: Tensor, price: Tensor
) -> Gradient:
    """The same from derivatives by the gains (N, S, S), and by q (N, K, Nr, D) at fixed gains.

    f_bb gets F^H E g, F gets E g V^H, q_i gets sum_j conj(g_ij) (H F V)_j and what comes with it.
    P_k's leakage into other users is in; the paper's (16) to (19) leave it out, and their
    dimensions fail.
    """
    through = observed.e @ by_gain + price[:, None, None] * observed.sent
    by_f_bb = beams.f_rf.mH @ through
    by_f = through @ beams.f_bb.mH
    split = beams.w_bb.shape[1], beams.w_bb.shape[-1]
    by_q = by_q + observed.received @ by_gain.unflatten(-2, split).mH
    by_w_bb = beams.w_rf.mH @ by_q
    by_w = by_q @ beams.w_bb.mH
    return Gradient(
        value,
        -(by_f.conj() * beams.f_rf).imag,
        by_f_bb,
        -(by_w.conj() * beams.w_rf).imag,
        by_w_bb,
    )


def diagonal_first(x: Tensor) -> Tensor:
    """Rotate row i of (..., S, S) left by i: entry (i, j) becomes (i, i + j)."""
    return x.gather(-1, _turn(x.shape[-1]).expand_as(x))


def undo_diagonal_first(x: Tensor) -> Tensor:
    """Undo ``diagonal_first``."""
    size = x.shape[-1]
    return x.gather(-1, ((torch.arange(size) - torch.arange(size)[:, None]) % size).expand_as(x))


def _turn(size: int) -> Tensor:
    return (torch.arange(size) + torch.arange(size)[:, None]) % size
