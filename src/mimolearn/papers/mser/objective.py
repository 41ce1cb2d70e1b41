"""The paper's objective, eqs. (10) to (15), and its printed gradients, beside the true ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mimolearn.beamformers import Beams
from mimolearn.beamformers.classical.descent import normalised
from mimolearn.link.array import HybridArray


def random_beams(array: HybridArray, count: int, seed: int) -> Beams:
    """Random phases and normal digital parts, at full power, complex128.

    Args:
        array: sizes.
        count: N.
        seed: of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    a = array

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, dtype=torch.complex128, generator=generator)

    f_rf, w_rf = (
        normal(a.num_tx_ant, a.num_tx_chains),
        normal(a.num_users, a.num_rx_ant, a.num_rx_chains),
    )
    f_bb = normal(a.num_tx_chains, a.total_streams)
    w_bb = normal(a.num_users, a.num_rx_chains, a.num_streams)
    return normalised(Beams(f_rf / f_rf.abs(), f_bb, w_rf / w_rf.abs(), w_bb))


def draw_symbols(count: int, streams: int, seed: int) -> Tensor:
    """(J, S) complex128 of +-1 +-j, as in the paper.

    Args:
        count: J.
        streams: S of all users.
        seed: of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(2, (2, count, streams), generator=generator).double() * 2 - 1
    return torch.complex(signs[0], signs[1])


def outputs(h: Tensor, beams: Beams, symbols: Tensor) -> Tensor:
    """(N, J, S) of (8): what the receivers of all users see without noise.

    Args:
        h: (N, K, Nr, Nt); channels.
        beams: of these channels.
        symbols: (J, S).
    """
    gains = (beams.receive().mH @ h) @ beams.transmit().unsqueeze(-3)
    return symbols @ gains.flatten(-3, -2).mT


def objective(h: Tensor, beams: Beams, symbols: Tensor, width: float) -> Tensor:
    """Sum over all channels of (15), by (12) and (13).

    Args:
        h: (N, K, Nr, Nt); channels.
        beams: of these channels.
        symbols: (J, S).
        width: of the kernel, the paper's rho.
    """
    margins = torch.view_as_real(outputs(h, beams, symbols)) * torch.view_as_real(symbols)
    return torch.erfc(margins / (math.sqrt(2) * width)).sum() / (2 * len(symbols))


def derivatives(h: Tensor, beams: Beams, symbols: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """d/dV* (N, Rt, S) and d/dW* (N, K, Rr, D) of the objective, by automatic differentiation.

    Args:
        h: (N, K, Nr, Nt); channels.
        beams: of these channels.
        symbols: (J, S).
        width: of the kernel.
    """
    with torch.enable_grad():
        f_bb = beams.f_bb.detach().clone().requires_grad_()
        w_bb = beams.w_bb.detach().clone().requires_grad_()
        moved = beams._replace(f_bb=f_bb, w_bb=w_bb)
        by_f, by_w = torch.autograd.grad(objective(h, moved, symbols, width), (f_bb, w_bb))
    # torch gives d/dRe + j d/dIm, which is twice d/dX*.
    return by_f / 2, by_w / 2


def _slopes(h: Tensor, beams: Beams, symbols: Tensor, width: float) -> Tensor:
    """(N, J, S) of -exp(-x^2 / 2 rho^2) b / (J sqrt(2 pi) rho), for Re plus j that for Im."""
    seen = torch.view_as_real(outputs(h, beams, symbols))
    density = (-(seen**2) / (2 * width**2)).exp() * torch.view_as_real(symbols)
    return torch.view_as_complex(density) / (-len(symbols) * math.sqrt(2 * math.pi) * width)


def printed_by_p(
    h: Tensor, beams: Beams, symbols: Tensor, width: float, *, leakage: bool
) -> Tensor:
    """(16) summed over the streams of each user, (N, Rt, S).

    Args:
        h: (N, K, Nr, Nt); channels.
        beams: of these channels.
        symbols: (J, S).
        width: of the kernel.
        leakage: add what P_k does to the streams of other users, which (16) leaves out.
    """
    users, streams = beams.w_bb.shape[-3], beams.w_bb.shape[-1]
    back = (beams.f_rf.mH.unsqueeze(1) @ h.mH @ beams.receive()).movedim(1, 2).flatten(2)
    pairs = _slopes(h, beams, symbols, width).mT @ symbols.conj()
    if not leakage:
        same = torch.eye(users, dtype=torch.bool).repeat_interleave(streams, 0)
        pairs = torch.where(same.repeat_interleave(streams, 1), pairs, 0)
    return back @ pairs


def printed_by_w(h: Tensor, beams: Beams, symbols: Tensor, width: float) -> Tensor:
    """(17) for all streams, (N, K, Rr, D).

    Args:
        h: (N, K, Nr, Nt); channels.
        beams: of these channels.
        symbols: (J, S).
        width: of the kernel.
    """
    users, streams = beams.w_bb.shape[-3], beams.w_bb.shape[-1]
    received = beams.w_rf.mH @ h @ beams.transmit().unsqueeze(1) @ symbols.mT
    slopes = _slopes(h, beams, symbols, width).conj().unflatten(-1, (users, streams))
    return received @ slopes.movedim(2, 1)
