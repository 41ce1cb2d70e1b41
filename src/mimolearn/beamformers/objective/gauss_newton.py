"""Gauss-Newton's matrix of ln SER and its inverse, in the space of decision gains."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.beamformers.objective.error_bound import (
    Gradient,
    Observed,
    power_price,
    pull_back,
    undo_diagonal_first,
)
from mimolearn.foundation.tensors.linalg import add_diagonal


class Metric(NamedTuple):
    """Inverse M^-1 of the metric of each part, in which steps are short.

    f_bb: (N, Rt, Rt); f_rows: (N, Rt, Rt) Q, which is D Q D^* for the phases of an antenna whose
    row of F is on the diagonal of D; w_bb: (N); w_phase: (N, K, Rr), per chain.
    """

    f_bb: Tensor
    f_rows: Tensor
    w_bb: Tensor
    w_phase: Tensor

    def solve(self, f_rf: Tensor, g: Gradient) -> Gradient:
        """M^-1 g; for phases Re(D Q D^*) g."""
        f_phase = ((f_rf.conj() * g.f_phase) @ self.f_rows.mT).mul(f_rf).real
        w_phase = self.w_phase.unsqueeze(-2) * g.w_phase
        w_bb = self.w_bb[:, None, None, None] * g.w_bb
        return Gradient(g.value, f_phase, self.f_bb @ g.f_bb, w_phase, w_bb)


class Knobs(NamedTuple):
    """What a layer learns, each (N): weight of the power's curvature for V and F, damping of V, F,
    W and U, and weight of the Hessian, which ``metric_at`` does not need."""

    curvature_v: Tensor
    curvature_f: Tensor
    damp_v: Tensor
    damp_f: Tensor
    damp_w: Tensor
    damp_u: Tensor
    hessian: Tensor | None = None


class GaussNewton(NamedTuple):
    """M + J^T H J at one place, factored; see ``factored``."""

    beams: Beams
    noise_var: Tensor
    observed: Observed
    metric: Metric
    hessian: Tensor
    factors: tuple[Tensor, Tensor]

    def solve(self, right: Gradient) -> Gradient:
        """(M + J^T H J)^-1 right."""
        first = self.metric.solve(self.beams.f_rf, right)
        p = push_forward(self.beams, self.observed, first)
        solved = torch.linalg.lu_solve(*self.factors, p.flatten(1).unsqueeze(-1))
        y = (self.hessian @ solved.reshape(*p.shape, 1)).squeeze(-1)
        nothing = torch.zeros_like(self.noise_var)
        back = pull_back(
            self.beams, self.noise_var, self.observed, right.value, _turned_vector(y), nothing
        )
        less = self.metric.solve(self.beams.f_rf, back)
        parts = [a - b for a, b in zip(first[1:], less[1:], strict=True)]
        return Gradient(right.value, *parts)


def factored(
    beams: Beams, noise_var: Tensor, observed: Observed, by_x: Tensor, hessian: Tensor, knobs: Knobs
) -> GaussNewton:
    """Gauss-Newton's matrix, all parts of the beams at once, ready to be solved.

    x = decision gains (S x 2S reals), J their Jacobian, by_x the gradient of ln SER by x, hessian
    its curvature (N, S, 2S, 2S) in natural order (block diagonal, one block a stream). M is the
    power's curvature plus damping. By Woodbury only one system of 2 S^2 reals is factored: with
    A = J M^-1 J^T, the inverse is M^-1 - M^-1 J^T H (1 + A H)^-1 J M^-1.
    """
    price = power_price(observed, by_x).clamp(min=1.0)
    metric = metric_at(beams, price, knobs)
    streams = by_x.shape[1]
    if knobs.hessian is not None:
        hessian = hessian * knobs.hessian[:, None, None, None]
    a = _coupling(beams, observed, metric)
    right = (a.unflatten(-1, (streams, -1)).movedim(-2, 1) @ hessian).movedim(1, -2).flatten(-2)
    factors = torch.linalg.lu_factor(add_diagonal(right, torch.ones_like(price)))
    return GaussNewton(beams, noise_var, observed, metric, hessian, (factors[0], factors[1]))


def metric_at(beams: Beams, price: Tensor, knobs: Knobs) -> Metric:
    """M^-1 from the curvature of the power: F^H F for V, V V^H through each antenna for F.

    For phases the real part of the complex inverse stands for the inverse of the real part: one
    inverse a channel instead of one an antenna.
    """
    streams = beams.f_bb.shape[-1]
    gram = beams.f_rf.mH @ beams.f_rf
    size = beams.f_rf.shape[-2]
    v = gram * (knobs.curvature_v * price)[:, None, None]
    f_bb = torch.linalg.inv(add_diagonal(v, size * knobs.damp_v * price))
    outer = beams.f_bb @ beams.f_bb.mH
    mean = outer.diagonal(dim1=-2, dim2=-1).real.mean(-1)
    f = outer * (knobs.curvature_f * price)[:, None, None]
    # A row f of F adds f V V^H f^H to the power, hence the transpose.
    f_rows = torch.linalg.inv(add_diagonal(f.mT, mean * knobs.damp_f * price))
    nr = beams.w_rf.shape[-2]
    w_bb = streams / (nr * knobs.damp_w * price)
    power = squares(beams.w_bb).sum(-1).clamp(min=torch.finfo(mean.dtype).eps)
    w_phase = streams / (power * (knobs.damp_u * price)[:, None, None])
    return Metric(f_bb, f_rows, w_bb, w_phase)


def push_forward(beams: Beams, observed: Observed, move: Gradient) -> Tensor:
    """J times a move: (N, S, 2S) in natural order."""
    delta_f = torch.complex(torch.zeros_like(move.f_phase), move.f_phase) * beams.f_rf
    delta_sent = delta_f @ beams.f_bb + beams.f_rf @ move.f_bb
    delta_u = torch.complex(torch.zeros_like(move.w_phase), move.w_phase) * beams.w_rf
    delta_q = delta_u @ beams.w_bb + beams.w_rf @ move.w_bb
    delta = observed.e.mH @ delta_sent + (delta_q.mH @ observed.received).flatten(1, 2)
    norm = squares(observed.q).sum(-2)
    lost = ((observed.q.conj() * delta_q).real.sum(-2) / norm).flatten(1)
    scaled = delta / observed.noise.unsqueeze(-1)
    x = natural_vector(observed.x)
    return torch.cat([scaled.real, -scaled.imag], -1) - x * lost.unsqueeze(-1)


def _coupling(beams: Beams, observed: Observed, metric: Metric) -> Tensor:
    """A = J M^-1 J^T: (N, 2 S^2, 2 S^2), rows (stream, re or im, column)."""
    streams = observed.e.shape[-1]
    e = observed.e / observed.noise.unsqueeze(-2)
    through = beams.f_rf.mH @ e
    s = through.mH @ metric.f_bb @ through
    eye = torch.eye(streams, dtype=s.dtype, device=s.device)
    proper = s[:, :, None, :, None] * eye[:, None, :]
    # Phases of F: covariance and pseudo-covariance of sum_n conj(e_in) j (F_n V)_j delta theta.
    # With z = V^T D^2 of each antenna and Re(D Q D^*) = (D Q D^* + D^* Q^* D) / 2, all products
    # are with matrices that antennas share.
    square = beams.f_rf * beams.f_rf
    z = (square.unsqueeze(-2) * beams.f_bb.mT.unsqueeze(1)).flatten(1, 2)
    zq = (z @ metric.f_rows).unflatten(1, (-1, streams))
    common = beams.f_bb.mT @ metric.f_rows.mT @ beams.f_bb.conj()
    turned_back = (zq * square.conj().unsqueeze(-2)).flatten(1, 2) @ beams.f_bb.conj()
    proper_f = (turned_back.unflatten(1, (-1, streams)) + common.unsqueeze(1)) / 2
    one_way = (zq.flatten(1, 2) @ beams.f_bb).unflatten(1, (-1, streams))
    pseudo_f = (one_way + one_way.mT) / 2
    pairs = (e.conj().unsqueeze(-1) * e.unsqueeze(-2)).flatten(2)
    same = (e.conj().unsqueeze(-1) * e.conj().unsqueeze(-2)).flatten(2)
    shape = (len(e), streams, streams, streams, streams)
    order = (0, 1, 3, 2, 4)
    of_f = (pairs.mT @ proper_f.flatten(2)).reshape(shape).permute(order)
    pseudo = -(same.mT @ pseudo_f.flatten(2)).reshape(shape).permute(order)
    # Real gradients have half the variance of complex ones on each axis: V counts twice.
    cov = 2 * proper + of_f
    rr, ii = (cov + pseudo).real / 2, (cov - pseudo).real / 2
    ir, ri = (pseudo + cov).imag / 2, (pseudo - cov).imag / 2
    # Rows hold re and -im.
    top = torch.stack([rr, -ri], -2).flatten(-2)
    bottom = torch.stack([-ir, ii], -2).flatten(-2)
    a = torch.stack([top, bottom], 2).flatten(2, 3).flatten(1, 2)
    return a.flatten(-2) + _receive_coupling(beams, observed, metric)


def _receive_coupling(beams: Beams, observed: Observed, metric: Metric) -> Tensor:
    """The part of A that moves through W and U: streams of one user only."""
    num, users, _, d = beams.w_bb.shape
    streams = users * d
    received = observed.received
    # Each row of j is the derivative of q_i, as seen by G_i: conj(dq)^T (H F V).
    by_w = beams.w_rf.mH @ received
    x = natural_vector(observed.x).unflatten(1, (users, d))
    noise = observed.noise.unflatten(1, (users, d))
    unit = observed.q / squares(observed.q).sum(-2, keepdim=True)
    # dG_ij / d(re, im of w_m): U^H received, and -j of it, as it enters conjugated.
    gain = by_w.unsqueeze(2) / noise[..., None, None]
    lost = (beams.w_rf.mH @ unit).mT.unsqueeze(-1)
    j_re = _rows(gain) - lost.real * x.unsqueeze(-2)
    j_im = _rows(-1j * gain) - lost.imag * x.unsqueeze(-2)
    j_w = torch.cat([j_re, j_im], -2)
    of_w = (j_w.mT @ j_w) * metric.w_bb[:, None, None, None, None]
    # Phase of U_rm: dq_ri = j U_rm w_mi, for all streams of the user.
    turn = 1j * beams.w_rf.unsqueeze(-1) * beams.w_bb.unsqueeze(-3)
    gain = torch.einsum("nkrmi,nkrj->nkirmj", turn.conj(), received)
    gain = (gain / noise[..., None, None, None]).flatten(3, 4)
    lost = (unit.conj().unsqueeze(-2) * turn).real.movedim(-1, 2).flatten(3)
    j_u = (_rows(gain) - lost.unsqueeze(-1) * x.unsqueeze(-2)).movedim(3, 2)
    j_u = j_u.flatten(3)
    weight = metric.w_phase.unsqueeze(-2).expand(-1, -1, beams.w_rf.shape[-2], -1).flatten(2)
    of_u = (j_u.mT * weight.unsqueeze(-2)) @ j_u
    block = of_u.unflatten(-1, (d, -1)).unflatten(2, (d, -1))
    own = torch.eye(d, dtype=of_w.dtype, device=of_w.device)[:, None, :, None]
    block = block + of_w.unsqueeze(-2) * own
    a = block.new_zeros(num, users, d, 2 * streams, users, d, 2 * streams)
    index = torch.arange(users)
    a[:, index, :, :, index] = block.movedim(1, 0)
    return a.flatten(4).flatten(1, 3)


def squares(x: Tensor) -> Tensor:
    """|x|^2, without the root that ``abs`` takes."""
    return x.real.square() + x.imag.square()


def _rows(gain: Tensor) -> Tensor:
    return torch.cat([gain.real, -gain.imag], -1)


def natural_vector(x: Tensor) -> Tensor:
    """Own-first rows (N, S, 2S) back to columns in their order."""
    half = x.shape[-1] // 2
    return torch.cat([undo_diagonal_first(x[..., :half]), undo_diagonal_first(x[..., half:])], -1)


def _turned_vector(x: Tensor) -> Tensor:
    """The inverse of ``_natural_vector``."""
    half = x.shape[-1] // 2
    index = _order(half)
    both = torch.cat([index, index + half], -1)
    return x.gather(-1, both.expand_as(x))


def _order(size: int) -> Tensor:
    return (torch.arange(size) + torch.arange(size)[:, None]) % size
