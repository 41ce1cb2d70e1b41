"""The Hessian of ln SER times a move of a hybrid transceiver, 16 antennas at a time.

What ``beamformers.newton.curvature_product`` says in matrices. All rows of transmit antennas (of H,
F, E and T) lie in planes of real and imaginary parts, antennas one after the other; products with
them are sums of such rows or dot products. The rest is small and goes number by number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mimolearn.kernels.dense.layout import cut
from mimolearn.kernels.machine.compile import compiled, sizing, uncounted
from mimolearn.kernels.machine.launch import LANES, floats_of, in_threads, plain, workspace
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fma, fnma, lane_sum, splat

# Fields of ``Shared`` that are rows of antennas.
_PLANES = 5


@uncounted
def _madd(re, im, c, x_re, x_im):
    """(re, im) + c x for a complex number c."""
    c_re, c_im = splat(c.real), splat(c.imag)
    re = fnma(c_im, x_im, fma(c_re, x_re, re))
    return re, fma(c_im, x_re, fma(c_re, x_im, im))


@uncounted
def _row(planes, at, half):
    """16 complex numbers from ``at`` on; imaginary parts lie ``half`` behind."""
    return load(planes, at), load(planes, at + half)


@uncounted
def _dot(a, i, a_half, b, j, b_half, size):
    """sum of a b over antennas, rows that begin at i and j."""
    re, im = splat(np.float32(0.0)), splat(np.float32(0.0))
    for n in range(0, size, 16):
        a_re, a_im = _row(a, i + n, a_half)
        b_re, b_im = _row(b, j + n, b_half)
        re = fnma(a_im, b_im, fma(a_re, b_re, re))
        im = fma(a_re, b_im, fma(a_im, b_re, im))
    return complex(lane_sum(re), lane_sum(im))


@uncounted
def _conj_dot(a, i, a_half, b, j, b_half, size):
    """sum of conj(a) b over antennas, rows that begin at i and j."""
    re, im = splat(np.float32(0.0)), splat(np.float32(0.0))
    for n in range(0, size, 16):
        a_re, a_im = _row(a, i + n, a_half)
        b_re, b_im = _row(b, j + n, b_half)
        re = fma(a_im, b_im, fma(a_re, b_re, re))
        im = fnma(a_im, b_re, fma(a_re, b_im, im))
    return complex(lane_sum(re), lane_sum(im))


@uncounted
def _send(f, phases, f_bb, move_v, size, turn, sent):
    """turn = j a F, row by row, and sent = turn V + F dV."""
    chains, streams = f_bb.shape
    half, end = chains * size, streams * size
    for n in range(0, half, 16):
        f_re, f_im = _row(f, n, half)
        a = load(phases, n)
        store(turn, n, splat(np.float32(0.0)) - a * f_im)
        store(turn, half + n, a * f_re)
    for s in range(streams):
        for n in range(0, size, 16):
            re, im = splat(np.float32(0.0)), splat(np.float32(0.0))
            for r in range(chains):
                t_re, t_im = _row(turn, r * size + n, half)
                re, im = _madd(re, im, f_bb[r, s], t_re, t_im)
                f_re, f_im = _row(f, r * size + n, half)
                re, im = _madd(re, im, move_v[r, s], f_re, f_im)
            store(sent, s * size + n, re)
            store(sent, end + s * size + n, im)


@uncounted
def _heard(h, sent, size, received):
    """received = H sent."""
    users, nr, streams = received.shape
    for k in range(users):
        for m in range(nr):
            row = (k * nr + m) * size
            for s in range(streams):
                received[k, m, s] = _dot(
                    h, row, users * nr * size, sent, s * size, streams * size, size
                )


@uncounted
def _receive(w_rf, w_bb, move_u, move_w, q):
    """q = j b U W + U dW, user by user."""
    for k in range(q.shape[0]):
        for m in range(q.shape[1]):
            for d in range(q.shape[2]):
                total = complex(np.float32(0.0), np.float32(0.0))
                for r in range(w_rf.shape[2]):
                    turned = complex(-w_rf[k, m, r].imag, w_rf[k, m, r].real) * move_u[k, m, r]
                    total += turned * w_bb[k, r, d] + w_rf[k, m, r] * move_w[k, r, d]
                q[k, m, d] = total


@uncounted
def _gains(own_q, q, own_received, received, noise, norms, x, sizes, by_move, grown):
    """by_move: what the move does to x; grown: growth of ||q|| relative to itself."""
    # Sums run over rows, so that those of neighbouring columns do not wait for one another.
    users, nr, d, streams = sizes
    for k in range(users):
        for i in range(d):
            at = k * d + i
            growth = np.float32(0.0)
            for j in range(streams):
                by_move[at, j] = by_move[at, streams + j] = np.float32(0.0)
            for m in range(nr):
                a, b = own_q[k, m, i], q[k, m, i]
                growth += a.real * b.real + a.imag * b.imag
                for j in range(streams):
                    r, o = received[k, m, j], own_received[k, m, j]
                    re = a.real * r.real + a.imag * r.imag + b.real * o.real + b.imag * o.imag
                    im = a.real * r.imag - a.imag * r.real + b.real * o.imag - b.imag * o.real
                    by_move[at, j] += re
                    by_move[at, streams + j] -= im
            growth = growth / norms[at]
            grown[at] = growth
            inverse = np.float32(1.0) / noise[at]
            for j in range(2 * streams):
                by_move[at, j] = by_move[at, j] * inverse - x[at, j] * growth


@uncounted
def _bend(hessian, by_move, x, by_x, noise, norms, lost, grown, own_by_gain, by_gain, by_lost, row):
    """Derivatives of by_gain and of lost along the move; hessian is symmetric."""
    streams = x.shape[0]
    for i in range(streams):
        for a in range(2 * streams):
            row[a] = np.float32(0.0)
        for b in range(2 * streams):
            moved = by_move[i, b]
            for a in range(2 * streams):
                row[a] += hessian[i, b, a] * moved
        change = np.float32(0.0)
        for a in range(2 * streams):
            change += row[a] * x[i, a] + by_x[i, a] * by_move[i, a]
        by_lost[i] = change / norms[i] - np.float32(2.0) * lost[i] * grown[i]
        inverse = np.float32(1.0) / noise[i]
        for j in range(streams):
            bent = complex(row[j] * inverse, -row[streams + j] * inverse)
            by_gain[i, j] = bent - own_by_gain[i, j] * grown[i]


@uncounted
def _through(h, q, e, own_by_gain, by_gain, price, sent, size, moved, through):
    """moved = H^H dq, then the derivative of T: moved g + E dg + price dP."""
    users, nr, d = q.shape
    streams = users * d
    half, end = users * nr * size, streams * size
    for k in range(users):
        for i in range(d):
            at = (k * d + i) * size
            for n in range(0, size, 16):
                re, im = splat(np.float32(0.0)), splat(np.float32(0.0))
                for m in range(nr):
                    h_re, h_im = _row(h, (k * nr + m) * size + n, half)
                    c_re, c_im = splat(q[k, m, i].real), splat(q[k, m, i].imag)
                    re = fma(c_im, h_im, fma(c_re, h_re, re))
                    im = fnma(c_re, h_im, fma(c_im, h_re, im))
                store(moved, at + n, re)
                store(moved, end + at + n, im)
    wide = splat(price)
    for s in range(streams):
        for n in range(0, size, 16):
            p_re, p_im = _row(sent, s * size + n, end)
            re, im = p_re * wide, p_im * wide
            for i in range(streams):
                m_re, m_im = _row(moved, i * size + n, end)
                re, im = _madd(re, im, own_by_gain[i, s], m_re, m_im)
                e_re, e_im = _row(e, i * size + n, end)
                re, im = _madd(re, im, by_gain[i, s], e_re, e_im)
            store(through, s * size + n, re)
            store(through, end + s * size + n, im)


@uncounted
def _by_sender(f, turn, phases, radial, f_bb, move_v, own_through, through, size, out_v, out_f):
    """Derivatives by V, to out_v (Rt, S), and by the phases of F, to out_f."""
    chains, streams = f_bb.shape
    half, end = chains * size, streams * size
    for r in range(chains):
        row = r * size
        for s in range(streams):
            total = _conj_dot(f, row, half, through, s * size, end, size)
            total += _conj_dot(turn, row, half, own_through, s * size, end, size)
            out_v[r, s] = total
        for n in range(row, row + size, 16):
            re, im = splat(np.float32(0.0)), splat(np.float32(0.0))
            for s in range(streams):
                at = s * size + n - row
                t_re, t_im = _row(through, at, end)
                re, im = _madd(re, im, f_bb[r, s].conjugate(), t_re, t_im)
                o_re, o_im = _row(own_through, at, end)
                re, im = _madd(re, im, move_v[r, s].conjugate(), o_re, o_im)
            f_re, f_im = _row(f, n, half)
            # -Im(conj(by F) F) - radial a
            turned = fnma(re, f_im, im * f_re)
            store(out_f, n, fnma(load(radial, n), load(phases, n), turned))


@uncounted
def _by_receiver(c, q, received, grown_lost, by_gain, moves, out_w, out_u):
    """Derivatives by W (K, Rr, D) and by the phases of U (K, Nr, Rr)."""
    w_rf, w_bb, own_q, own_received, own_by_gain, own_by_q, radial, lost = c
    move_u, move_w = moves
    users, nr, chains = w_rf.shape
    d, streams = w_bb.shape[2], by_gain.shape[0]
    zero = complex(np.float32(0.0), np.float32(0.0))
    for k in range(users):
        for r in range(chains):
            for i in range(d):
                out_w[k, r, i] = zero
        for m in range(nr):
            for r in range(chains):
                out_u[k, m, r] = -radial[k, m, r] * move_u[k, m, r]
            for i in range(d):
                at = k * d + i
                total = -q[k, m, i] * lost[at] - own_q[k, m, i] * grown_lost[at]
                for j in range(streams):
                    total += received[k, m, j] * own_by_gain[at, j].conjugate()
                    total += own_received[k, m, j] * by_gain[at, j].conjugate()
                before = own_by_q[k, m, i]
                for r in range(chains):
                    u = w_rf[k, m, r]
                    turned = complex(-u.imag, u.real) * move_u[k, m, r]
                    out_w[k, r, i] += u.conjugate() * total + turned.conjugate() * before
                    by_u = total * w_bb[k, r, i].conjugate()
                    by_u += before * move_w[k, r, i].conjugate()
                    out_u[k, m, r] += by_u.imag * u.real - by_u.real * u.imag


@sizing
def layout(space, size, chains, streams, users, nr, d):
    """Planes of antennas: j a F, P dV, H^H dq, and the derivative of T; then small matrices.

    Complex: q (K, Nr, D), received (K, Nr, S) and by_gain (S, S). Real: grown and by_lost (S), a
    row of the Hessian times the move (2S).
    """
    turn, at = cut(space, 0, 2 * chains * size)
    sent, at = cut(space, at, 2 * streams * size)
    moved, at = cut(space, at, 2 * streams * size)
    through, at = cut(space, at, 2 * streams * size)
    q, at = cut(space, at, 2 * users * nr * d)
    received, at = cut(space, at, 2 * users * nr * streams)
    by_gain, at = cut(space, at, 2 * streams * streams)
    grown, at = cut(space, at, streams)
    by_lost, at = cut(space, at, streams)
    row, at = cut(space, at, 2 * streams)
    return (turn, sent, moved, through), (q, received, by_gain), (grown, by_lost, row), at


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(fields of ``Shared``, move, bent, gains, first and last channel, space).

    move, bent: (N, M) float32; gains: (N, S, 2S) float32, what the move does to x.
    """

    def curvature_product(
        h, f, e, t, radial,
        f_bb, w_rf, w_bb, own_q, own_received, own_by_gain, own_by_q,
        w_radial, x, by_x, hessian, noise, norms, lost, price,
        move, bent, gains, first, last, space,
    ):  # fmt: skip
        users, nr, w_chains = w_rf.shape[1:]
        chains, streams = f_bb.shape[1:]
        d, size = w_bb.shape[3], radial.shape[1] // chains
        v_end = 2 * chains * streams
        w_end = v_end + 2 * users * w_chains * d
        f_end = w_end + chains * size
        u_end = f_end + users * nr * w_chains
        planes, small, rows, _end = layout(space, size, chains, streams, users, nr, d)
        turn, sent, moved, through = planes
        q = small[0].view(np.complex64).reshape(users, nr, d)
        received = small[1].view(np.complex64).reshape(users, nr, streams)
        by_gain = small[2].view(np.complex64).reshape(streams, streams)
        grown, by_lost, row = rows
        for c in range(first, min(last, len(move))):
            move_v = move[c, :v_end].view(np.complex64).reshape(chains, streams)
            move_w = move[c, v_end:w_end].view(np.complex64).reshape(users, w_chains, d)
            phases = move[c, w_end:f_end]
            move_u = move[c, f_end:u_end].reshape(users, nr, w_chains)
            out_v = bent[c, :v_end].view(np.complex64).reshape(chains, streams)
            out_w = bent[c, v_end:w_end].view(np.complex64).reshape(users, w_chains, d)
            out_u = bent[c, f_end:u_end].reshape(users, nr, w_chains)
            bent[c, u_end:] = 0.0
            _send(f[c], phases, f_bb[c], move_v, size, turn, sent)
            _receive(w_rf[c], w_bb[c], move_u, move_w, q)
            _heard(h[c], sent, size, received)
            sizes = users, nr, d, streams
            _gains(
                own_q[c], q, own_received[c], received, noise[c], norms[c], x[c], sizes,
                gains[c], grown,
            )  # fmt: skip
            _bend(
                hessian[c], gains[c], x[c], by_x[c], noise[c], norms[c], lost[c], grown,
                own_by_gain[c], by_gain, by_lost, row,
            )  # fmt: skip
            _through(h[c], q, e[c], own_by_gain[c], by_gain, price[c], sent, size, moved, through)
            _by_sender(
                f[c], turn, phases, radial[c], f_bb[c], move_v, t[c], through, size,
                out_v, bent[c, w_end:f_end],
            )  # fmt: skip
            shared = (
                w_rf[c], w_bb[c], own_q[c], own_received[c], own_by_gain[c], own_by_q[c],
                w_radial[c], lost[c],
            )  # fmt: skip
            _by_receiver(shared, q, received, by_lost, by_gain, (move_u, move_w), out_w, out_u)

    four, three, rows = "float32[:,:,:,::1]", "float32[:,:,::1]", "float32[:,::1]"
    wide, narrow = "complex64[:,:,:,::1]", "complex64[:,:,::1]"
    planes = [rows] * _PLANES
    small = [narrow, wide, wide, wide, wide, narrow, wide]
    real = [four, three, three, four, rows, rows, rows, "float32[::1]"]
    kinds = [*planes, *small, *real, rows, rows, three, "int64", "int64", "float32[::1]"]
    return compiled(f"void({', '.join(kinds)})", curvature_product)


class Shared(NamedTuple):
    """What all products at one point of the descent share, each (N, ...); see ``Curvature``.

    First planes: rows of Nt real parts, then as many of imaginary parts, of H (K Nr rows), of F
    (Rt), E and ``through`` (S); ``f_radial`` (Rt rows of reals). Then complex and real arrays.
    """

    h: Tensor
    f_rf: Tensor
    e: Tensor
    through: Tensor
    f_radial: Tensor
    f_bb: Tensor
    w_rf: Tensor
    w_bb: Tensor
    q: Tensor
    received: Tensor
    by_gain: Tensor
    by_q: Tensor
    w_radial: Tensor
    x: Tensor
    by_x: Tensor
    hessian: Tensor
    noise: Tensor
    norms: Tensor
    lost: Tensor
    price: Tensor


def as_shared(*fields: Tensor) -> tuple[np.ndarray, ...]:
    """The fields of ``Shared`` as arrays, planes flat."""
    shared = Shared(*(plain(field) for field in fields))
    planes, rest = shared[:_PLANES], shared[_PLANES:]
    return tuple(x.numpy() for x in (*(plane.flatten(1) for plane in planes), *rest))


def product(shared: tuple[np.ndarray, ...], move: Tensor) -> tuple[Tensor, Tensor]:
    """The Hessian times a move.

    Args:
        shared: arrays of ``as_shared``.
        move: (N, M) float32, flat moves as ``newton.flattened`` makes them.

    Returns:
        bent: (N, M) float32, the product.
        gains: (N, S, 2S) float32, what the move does to x.
    """
    move, fields = plain(move), Shared._make(shared)
    bent, gains = (
        torch.empty_like(move),
        torch.empty(fields.x.shape, dtype=torch.float32, device="cpu"),
    )
    run, outputs = kernel(), (bent.numpy(), gains.numpy())
    chains, streams = fields.f_bb.shape[1:]
    users, nr, _w_chains = fields.w_rf.shape[1:]
    size, d = fields.f_radial.shape[1] // chains, fields.w_bb.shape[3]
    floats = floats_of(layout, size, chains, streams, users, nr, d)

    def work(first: int, last: int) -> None:
        space = workspace(floats)
        run(*shared, move.numpy(), *outputs, first * LANES, last * LANES, space)

    in_threads(work, len(move), 250.0 * move.shape[-1])
    return bent, gains
