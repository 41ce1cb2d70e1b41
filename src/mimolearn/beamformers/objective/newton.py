"""Newton's direction of ln SER: exact curvature products, conjugate gradients, a preconditioner."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.beamformers.objective.error_bound import Gradient, Observed, power_price
from mimolearn.beamformers.objective.gauss_newton import natural_vector, squares
from mimolearn.kernels.machine.launch import LANES, usable

Product = Callable[[Tensor], Tensor]
"""A matrix times a move, both flat: (N, M)."""

# Of a preconditioned direction: longer steps are for the line search.
_LONGEST = 4.0
# <r, M^-1 r> of a residual that is none.
_NOTHING = 1e-12


def flattened(g: Gradient) -> Tensor:
    """All parts of a gradient or move one after the other, (N, M) reals, F chain by chain.

    Where their number is odd, a zero follows: complex numbers need even rows.
    """
    complex_parts = [torch.view_as_real(x.resolve_conj()) for x in (g.f_bb, g.w_bb)]
    parts = [x.flatten(1) for x in (*complex_parts, g.f_phase.mT, g.w_phase)]
    if sum(part.shape[1] for part in parts) % 2:
        parts.append(torch.zeros_like(parts[-1][:, :1]))
    return torch.cat(parts, -1)


def unflattened(flat: Tensor, beams: Beams) -> Gradient:
    """The inverse of ``flattened`` for moves of these beams."""
    shapes = [(*x.shape[1:], 2) for x in (beams.f_bb, beams.w_bb)]
    shapes += [x.shape[1:] for x in (beams.f_rf.mT, beams.w_rf)]
    sizes = [torch.Size(shape).numel() for shape in shapes]
    rows = flat[:, : sum(sizes)].split(sizes, -1)
    parts = [p.unflatten(-1, s) for p, s in zip(rows, shapes, strict=True)]
    f_bb, w_bb = (torch.view_as_complex(part) for part in parts[:2])
    return Gradient(flat[:, 0], parts[2].mT, f_bb, parts[3], w_bb)


class Curvature(NamedTuple):
    """What every product with the Hessian at one place shares.

    h_adjoint, f_adjoint: (N, K, Nt, Nr), (N, Rt, Nt), of H and F. x: (N, S, 2S) decision gains,
    norms: (N, S) of q. With p = sum <by_x, x> at fixed by_x, weighted: by_x (N, S, 2S), by_gain
    (N, S, S), through (N, Nt, S) and by_q (N, K, Nr, D) the derivatives of p by x, gains, sent and
    received beams; f_radial and w_radial those by the moduli of F and U, which bend the circles;
    lost (N, S) what p loses as ||q|| grows; price (N) of power. hessian: (N, S, 2S, 2S) by x. Rows
    and columns of x are in natural order.
    """

    h: Tensor
    h_adjoint: Tensor
    f_adjoint: Tensor
    beams: Beams
    observed: Observed
    x: Tensor
    norms: Tensor
    hessian: Tensor
    by_x: Tensor
    by_gain: Tensor
    through: Tensor
    by_q: Tensor
    f_radial: Tensor
    w_radial: Tensor
    lost: Tensor
    price: Tensor


def derivatives_at(
    h: Tensor,
    h_adjoint: Tensor,
    beams: Beams,
    observed: Observed,
    found: tuple[Tensor, Tensor, Tensor],
    weight: Tensor,
) -> tuple[Gradient, Curvature]:
    """The gradient of a function of x, at V / ||F V||, and its curvature.

    h_adjoint: H^H, laid out. found: value (N), derivatives by x (N, S, 2S), own gain first, and
    Hessian (N, S, 2S, 2S) in natural order. weight (N) of what x's own curvature in the beams adds
    to that of the function in x, 1 for the exact Hessian.
    """
    value, by_x, hessian = found
    price = power_price(observed, by_x)
    g, x, norms = (
        natural_vector(by_x),
        natural_vector(observed.x),
        squares(observed.q).sum(-2).flatten(1),
    )
    by_gain = _as_gains(g) / observed.noise.unsqueeze(-1)
    through = observed.e @ by_gain + price[:, None, None] * observed.sent
    lost = (g * x).sum(-1) / norms
    users, d = beams.w_bb.shape[1], beams.w_bb.shape[-1]
    by_q = observed.received @ by_gain.unflatten(-2, (users, d)).mH - observed.q * _per_user(
        lost, users
    )
    f_adjoint, w_adjoint = beams.f_rf.mH.resolve_conj(), beams.w_rf.mH
    by_f = (through @ beams.f_bb.mH).conj() * beams.f_rf
    by_u = (by_q @ beams.w_bb.mH).conj() * beams.w_rf
    gradient = Gradient(value, -by_f.imag, f_adjoint @ through, -by_u.imag, w_adjoint @ by_q)
    w = weight[:, None, None]
    curvature = Curvature(
        h,
        h_adjoint,
        f_adjoint,
        beams,
        observed,
        x,
        norms,
        hessian,
        g * w,
        by_gain * w,
        through * w,
        by_q * w.unsqueeze(-1),
        by_f.real * w,
        by_u.real * w.unsqueeze(-1),
        lost * weight[:, None],
        price * weight,
    )
    return gradient, curvature


def curvature_product(c: Curvature, move: Gradient) -> tuple[Gradient, Tensor]:
    """The Hessian of the function + price / 2 (||F V||^2 - 1) times a move, and J times it.

    The second is what the move does to x, (N, S, 2S) in natural order.
    """
    beams, observed = c.beams, c.observed
    num, users, nr, nt = c.h.shape
    f_turn = torch.complex(torch.zeros_like(move.f_phase), move.f_phase) * beams.f_rf
    u_turn = torch.complex(torch.zeros_like(move.w_phase), move.w_phase) * beams.w_rf
    sent = f_turn @ beams.f_bb + beams.f_rf @ move.f_bb
    q = u_turn @ beams.w_bb + beams.w_rf @ move.w_bb
    e = (c.h_adjoint @ q).movedim(1, 2).flatten(2)
    received = (c.h.reshape(num, users * nr, nt) @ sent).unflatten(1, (users, nr))
    gains = (observed.q.mH @ received + q.mH @ observed.received).flatten(1, 2)
    gains = gains / observed.noise.unsqueeze(-1)
    grown = (observed.q.conj() * q).real.sum(-2).flatten(1) / c.norms
    by_move = torch.cat([gains.real, -gains.imag], -1) - c.x * grown.unsqueeze(-1)
    bent = (c.hessian @ by_move.unsqueeze(-1)).squeeze(-1)
    by_gain = _as_gains(bent) / observed.noise.unsqueeze(-1) - c.by_gain * grown.unsqueeze(-1)
    through = e @ c.by_gain + observed.e @ by_gain + c.price[:, None, None] * sent
    f_bb = c.f_adjoint @ through + f_turn.mH @ c.through
    by_f = through @ beams.f_bb.mH + c.through @ move.f_bb.mH
    f_phase = -(by_f.conj() * beams.f_rf).imag - c.f_radial * move.f_phase
    lost = (bent * c.x + c.by_x * by_move).sum(-1) / c.norms - 2 * c.lost * grown
    by_q = received @ c.by_gain.unflatten(-2, (users, -1)).mH
    by_q = by_q + observed.received @ by_gain.unflatten(-2, (users, -1)).mH
    by_q = by_q - q * _per_user(c.lost, users) - observed.q * _per_user(lost, users)
    w_bb = beams.w_rf.mH @ by_q + u_turn.mH @ c.by_q
    by_w = by_q @ beams.w_bb.mH + c.by_q @ move.w_bb.mH
    w_phase = -(by_w.conj() * beams.w_rf).imag - c.w_radial * move.w_phase
    return Gradient(move.value, f_phase, f_bb, w_phase, w_bb), by_move


def flat_product(c: Curvature, rows: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """``curvature_product`` of flat moves, by a compiled kernel where one serves.

    rows: ``antenna_rows`` of H.
    """
    if serves(c):
        # Here, because compilers are slow to import.
        from mimolearn.kernels.beams.curvature import as_shared, product

        beams, observed = c.beams, c.observed
        planes = rows, *(_as_planes(x) for x in (beams.f_rf, observed.e, c.through)), c.f_radial.mT
        small = beams.f_bb, beams.w_rf, beams.w_bb, observed.q, observed.received, c.by_gain, c.by_q
        real = c.w_radial, c.x, c.by_x, c.hessian, observed.noise, c.norms, c.lost, c.price
        return functools.partial(product, as_shared(*planes, *small, *real))

    def in_torch(move: Tensor) -> tuple[Tensor, Tensor]:
        bent, gains = curvature_product(c, unflattened(move, c.beams))
        return flattened(bent), gains

    return in_torch


def antenna_rows(h: Tensor) -> Tensor:
    """(N, K, Nr, Nt) complex as planes of rows over transmit antennas, (N, 2, K Nr, Nt) reals."""
    return torch.stack([h.real.flatten(1, 2), h.imag.flatten(1, 2)], 1)


def _as_planes(x: Tensor) -> Tensor:
    """(N, Nt, R) complex as (N, 2, R, Nt) reals."""
    return torch.stack([x.real.mT, x.imag.mT], 1)


def serves(c: Curvature) -> bool:
    """Whether the kernel can take over: single precision, no derivatives, whole lanes."""
    return usable(c.h, c.beams.f_bb, c.by_x, c.hessian) and c.h.shape[-1] % LANES == 0


class Pair(NamedTuple):
    """A move, the Hessian times it, (N, M), and 1 / their inner product (N), 0 if not positive."""

    move: Tensor
    bent: Tensor
    weight: Tensor

    def detached(self) -> Pair:
        """The same numbers, whose derivatives are not taken."""
        return Pair(*(part.detach() for part in self))


def with_pairs(pairs: Sequence[Pair], first: Product) -> Product:
    """The inverse Hessian that ``first`` approximates, corrected by pairs, oldest first (L-BFGS).

    Pairs of an earlier place serve as well: the Hessian changes slowly (Morales and Nocedal, 2000).
    """

    def product(right: Tensor) -> Tensor:
        shares = []
        for pair in reversed(pairs):
            share = _inner(pair.move, right) * pair.weight
            right = _sum(right, -share, pair.bent)
            shares.append(share)
        found = first(right)
        for pair, share in zip(pairs, reversed(shares), strict=True):
            found = _sum(found, share - _inner(pair.bent, found) * pair.weight, pair.move)
        return found

    return product


class Truncated(NamedTuple):
    """The result of truncated Newton.

    Attributes:
        direction: (N, M) real.
        gains: J times the direction.
        pairs: products with the Hessian that were computed on the way.
    """

    direction: Tensor
    gains: Tensor
    pairs: list[Pair]


def truncated_newton(
    gradient: Tensor,
    product: Callable[[Tensor], tuple[Tensor, Tensor]],
    preconditioned: Product,
    num_iter: int,
) -> Truncated:
    """H^-1 gradient by ``num_iter`` preconditioned conjugate gradients, each channel by itself.

    product: H and J times a move, the first flat. A channel stops where its curvature turns
    negative (Steihaug), on the first iteration with the preconditioned gradient.
    """
    residual = gradient
    move = preconditioned(residual)
    fall = _inner(residual, move)
    active = fall > _NOTHING
    found = Truncated(torch.zeros_like(gradient), torch.zeros((), dtype=torch.float32), [])
    for iteration in range(num_iter):
        bent, gains = product(move)
        curve = _inner(move, bent)
        # Divisors are harmless where they do not count: derivatives must be as well.
        convex = active & (curve > fall / _LONGEST)
        inverse = convex.to(curve.dtype) / torch.where(convex, curve, 1.0)
        step = torch.where(active & ~convex & (curve > 0), _LONGEST, fall * inverse)
        active = active & (curve > 0)
        if iteration == 0:
            step = torch.where(active, step, 1.0)
        found = Truncated(
            _sum(found.direction, step, move),
            found.gains + step[:, None, None] * gains,
            [*found.pairs, Pair(move, bent, inverse)],
        )
        if iteration == num_iter - 1:
            break
        residual = _sum(residual, -step, bent)
        z = preconditioned(residual)
        before, fall = fall, _inner(residual, z)
        active = active & (fall > _NOTHING)
        share = torch.where(active, fall, 0.0) / torch.where(active, before, 1.0)
        move = _sum(z, share, move)
    return found


def _inner(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)


def _sum(a: Tensor, factor: Tensor, b: Tensor) -> Tensor:
    """a + factor b, each channel with its own factor."""
    return torch.addcmul(a, factor.unsqueeze(-1), b)


def _as_gains(by_x: Tensor) -> Tensor:
    """(N, S, 2S) derivatives in natural order as complex ones by the gains."""
    half = by_x.shape[-1] // 2
    return torch.complex(by_x[..., :half], -by_x[..., half:])


def _per_user(x: Tensor, users: int) -> Tensor:
    return x.unflatten(-1, (users, -1)).unsqueeze(-2)
