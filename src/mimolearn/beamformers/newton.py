"""Newton's direction of ln SER: exact curvature products, conjugate gradients, a preconditioner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.beamformers.gauss_newton import natural_vector, squares
from mimolearn.beamformers.objective import Gradient, Seen, power_price

Product = Callable[[Gradient], Gradient]

# Of a preconditioned direction: longer steps are for the line search.
_LONGEST = 4.0
# <r, M^-1 r> of a residual that is none.
_NOTHING = 1e-12


class Curvature(NamedTuple):
    """What every product with the Hessian at one place shares.

    With p = sum <by_x, x> held at fixed by_x, weighted: by_x (N, S, 2S) in natural order, by_gain
    (N, S, S), through (N, Nt, S) and by_q (N, K, Nr, D) the derivatives of p by gains, sent and
    received beams; f_radial and w_radial those by the moduli of F and U, which bend the circles;
    lost (N, S) what p loses as ||q|| grows; price (N) of power. hessian: (N, S, 2S, 2S) by x.
    """

    h: Tensor
    beams: Beams
    seen: Seen
    hessian: Tensor
    by_x: Tensor
    by_gain: Tensor
    through: Tensor
    by_q: Tensor
    f_radial: Tensor
    w_radial: Tensor
    lost: Tensor
    price: Tensor


def curvature_at(
    h: Tensor, beams: Beams, seen: Seen, by_x: Tensor, hessian: Tensor, weight: Tensor
) -> Curvature:
    """by_x: (N, S, 2S) own gain first; hessian in natural order; weight (N) of what x's own
    curvature in the beams adds to that of ln SER in x, 1 for the exact Hessian."""
    price = power_price(seen, by_x) * weight
    g = natural_vector(by_x) * weight[:, None, None]
    by_gain = _as_gains(g) / seen.noise.unsqueeze(-1)
    through = seen.e @ by_gain + price[:, None, None] * seen.sent
    lost = (g * natural_vector(seen.x)).sum(-1) / _norms(seen)
    users, d = beams.w_bb.shape[1], beams.w_bb.shape[-1]
    own = seen.q * -_per_user(lost, users)
    by_q = own + seen.received @ by_gain.unflatten(-2, (users, d)).mH
    f_radial = _radial(through @ beams.f_bb.mH, beams.f_rf)
    w_radial = _radial(by_q @ beams.w_bb.mH, beams.w_rf)
    return Curvature(
        h, beams, seen, hessian, g, by_gain, through, by_q, f_radial, w_radial, lost, price
    )


def curvature_product(c: Curvature, move: Gradient) -> Gradient:
    """The Hessian of ln SER + price / 2 (||F V||^2 - 1) times a move, all parts at once."""
    beams, seen = c.beams, c.seen
    num, users, nr, nt = c.h.shape
    f_turn = torch.complex(torch.zeros_like(move.f_phase), move.f_phase) * beams.f_rf
    u_turn = torch.complex(torch.zeros_like(move.w_phase), move.w_phase) * beams.w_rf
    sent = f_turn @ beams.f_bb + beams.f_rf @ move.f_bb
    q = u_turn @ beams.w_bb + beams.w_rf @ move.w_bb
    e = (c.h.mH @ q).movedim(1, 2).flatten(2)
    received = (c.h.reshape(num, users * nr, nt) @ sent).unflatten(1, (users, nr))
    gains = (seen.e.mH @ sent + (q.mH @ seen.received).flatten(1, 2)) / seen.noise.unsqueeze(-1)
    grown = ((seen.q.conj() * q).real.sum(-2).flatten(1)) / _norms(seen)
    x = natural_vector(seen.x)
    by_move = torch.cat([gains.real, -gains.imag], -1) - x * grown.unsqueeze(-1)
    bent = (c.hessian @ by_move.unsqueeze(-1)).squeeze(-1)
    by_gain = _as_gains(bent) / seen.noise.unsqueeze(-1) - c.by_gain * grown.unsqueeze(-1)
    through = e @ c.by_gain + seen.e @ by_gain + c.price[:, None, None] * sent
    f_bb = beams.f_rf.mH @ through + f_turn.mH @ c.through
    by_f = through @ beams.f_bb.mH + c.through @ move.f_bb.mH
    f_phase = -(by_f.conj() * beams.f_rf).imag - c.f_radial * move.f_phase
    lost = (bent * x + c.by_x * by_move).sum(-1) / _norms(seen) - 2 * c.lost * grown
    by_q = received @ c.by_gain.unflatten(-2, (users, -1)).mH
    by_q = by_q + seen.received @ by_gain.unflatten(-2, (users, -1)).mH
    by_q = by_q - q * _per_user(c.lost, users) - seen.q * _per_user(lost, users)
    w_bb = beams.w_rf.mH @ by_q + u_turn.mH @ c.by_q
    by_w = by_q @ beams.w_bb.mH + c.by_q @ move.w_bb.mH
    w_phase = -(by_w.conj() * beams.w_rf).imag - c.w_radial * move.w_phase
    return Gradient(move.value, f_phase, f_bb, w_phase, w_bb)


class Pair(NamedTuple):
    """A move, the Hessian times it, and 1 / their inner product (N), 0 where not positive."""

    move: Gradient
    bent: Gradient
    weight: Tensor

    def detached(self) -> Pair:
        """The same numbers, whose derivatives are not taken."""
        move, bent = (Gradient(*(x.detach() for x in part)) for part in self[:2])
        return Pair(move, bent, self.weight.detach())


def with_pairs(pairs: Sequence[Pair], first: Product) -> Product:
    """The inverse Hessian that ``first`` approximates, corrected by pairs, oldest first (L-BFGS).

    Pairs of an earlier place serve as well: the Hessian changes slowly (Morales and Nocedal, 2000).
    """

    def product(right: Gradient) -> Gradient:
        shares = []
        for pair in reversed(pairs):
            share = _inner(pair.move, right) * pair.weight
            right = _sum(pair.bent, -share, right)
            shares.append(share)
        found = first(right)
        for pair, share in zip(pairs, reversed(shares), strict=True):
            found = _sum(pair.move, share - _inner(pair.bent, found) * pair.weight, found)
        return found

    return product


def truncated_newton(
    gradient: Gradient, product: Product, preconditioned: Product, num_iter: int
) -> tuple[Gradient, list[Pair]]:
    """H^-1 gradient by ``num_iter`` preconditioned conjugate gradients, each channel by itself.

    product: H times a move. A channel stops where its curvature turns negative (Steihaug), on the
    first iteration with the preconditioned gradient. Also the pairs that were met on the way.
    """
    residual = gradient
    z = preconditioned(residual)
    direction, total = z, None
    fall = _inner(residual, z)
    active = fall > _NOTHING
    pairs = []
    for iteration in range(num_iter):
        bent = product(direction)
        curve = _inner(direction, bent)
        # Divisors are harmless where they do not count: derivatives must be as well.
        convex = active & (curve > fall / _LONGEST)
        inverse = torch.where(convex, 1.0, 0.0) / torch.where(convex, curve, 1.0)
        pairs.append(Pair(direction, bent, inverse))
        step = torch.where(active & ~convex & (curve > 0), _LONGEST, fall * inverse)
        active = active & (curve > 0)
        if iteration == 0:
            step = torch.where(active, step, 1.0)
        total = _sum(direction, step, total)
        if iteration == num_iter - 1:
            break
        residual = _sum(bent, -step, residual)
        z = preconditioned(residual)
        before, fall = fall, _inner(residual, z)
        active = active & (fall > _NOTHING)
        share = torch.where(active, fall, 0.0) / torch.where(active, before, 1.0)
        direction = _sum(direction, share, z)
    assert total is not None
    return total, pairs


def _inner(a: Gradient, b: Gradient) -> Tensor:
    """Real inner product over all parts, (N)."""
    total = torch.zeros_like(a.value)
    for x, y in zip(a[1:], b[1:], strict=True):
        if x.is_complex():
            x, y = torch.view_as_real(x.resolve_conj()), torch.view_as_real(y.resolve_conj())
        total = total + (x * y).flatten(1).sum(-1)
    return total


def _sum(a: Gradient, factor: Tensor, b: Gradient | None) -> Gradient:
    """factor a + b, each channel with its own factor."""
    parts = [x * factor.view(-1, *(1,) * (x.ndim - 1)) for x in a[1:]]
    if b is not None:
        parts = [x + y for x, y in zip(parts, b[1:], strict=True)]
    return Gradient(a.value, *parts)


def _as_gains(by_x: Tensor) -> Tensor:
    """(N, S, 2S) derivatives in natural order as complex ones by the gains."""
    half = by_x.shape[-1] // 2
    return torch.complex(by_x[..., :half], -by_x[..., half:])


def _norms(seen: Seen) -> Tensor:
    return squares(seen.q).sum(-2).flatten(1)


def _per_user(x: Tensor, users: int) -> Tensor:
    return x.unflatten(-1, (users, -1)).unsqueeze(-2)


def _radial(by: Tensor, matrix: Tensor) -> Tensor:
    return (by.conj() * matrix).real
