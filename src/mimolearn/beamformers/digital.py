"""Digital parts by minimum mean-square error, for analog parts that are given."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.foundation.tensors.linalg import add_diagonal


def scaled_to_power(f_rf: Tensor | None, f_bb: Tensor) -> Tensor:
    """f_bb with ||f_rf f_bb||_F = 1 (eq. 26); f_rf None: the identity."""
    sent = f_bb if f_rf is None else f_rf @ f_bb
    power = (sent.real.square() + sent.imag.square()).sum((-1, -2), keepdim=True)
    return f_bb * power.rsqrt()


def mmse_transmit(h: Tensor, noise_var: Tensor, f_rf: Tensor | None, receive: Tensor) -> Tensor:
    """f_bb (N, Rt, S) that is best for receivers q (N, K, Nr, D), up to their common scale.

    f_rf None: fully digital.

    With E = F^H H^H Q: (E E^H + sigma^2 tr(Q^H Q) F^H F)^-1 E; the Lagrange multiplier of the power
    constraint is known in closed form when the receivers may all be scaled by one number.
    """
    seen = _seen(h, receive)
    power = (receive.real.square() + receive.imag.square()).sum((-1, -2, -3)) * noise_var
    if f_rf is None:
        # The inverse of streams, not of antennas.
        return scaled_to_power(None, seen @ _solve(add_diagonal(seen.mH @ seen, power)))
    e = f_rf.mH @ seen
    matrix = e @ e.mH + power[:, None, None] * (f_rf.mH @ f_rf)
    return scaled_to_power(f_rf, _solve(matrix, e))


def mmse_receive(h: Tensor, noise_var: Tensor, transmit: Tensor, w_rf: Tensor | None) -> Tensor:
    """w_bb (N, K, Rr, D) by MMSE for the precoder (N, Nt, S); w_rf None: fully digital."""
    users = h.shape[1]
    received = h @ transmit.unsqueeze(1)
    if w_rf is not None:
        received = w_rf.mH @ received
    own = received.unflatten(-1, (users, -1)).diagonal(dim1=1, dim2=3).movedim(-1, 1)
    matrix = received @ received.mH
    noise = noise_var[:, None, None, None]
    if w_rf is None:
        matrix = add_diagonal(matrix, noise_var[:, None])
    else:
        matrix = matrix + noise * (w_rf.mH @ w_rf)
    return _solve(matrix, own)


def mmse_digital(
    h: Tensor, noise_var: Tensor, f_rf: Tensor, w_rf: Tensor, f_bb: Tensor, num_iter: int
) -> Beams:
    """Alternate both from a precoder f_bb; each step lowers the sum of mean-square errors."""
    w_bb = mmse_receive(h, noise_var, f_rf @ f_bb, w_rf)
    for _ in range(num_iter):
        f_bb = mmse_transmit(h, noise_var, f_rf, w_rf @ w_bb)
        w_bb = mmse_receive(h, noise_var, f_rf @ f_bb, w_rf)
    return Beams(f_rf, f_bb, w_rf, w_bb)


def mean_square_error(h: Tensor, beams: Beams, noise_var: Tensor) -> Tensor:
    """Sum over streams of E|s_hat - s|^2, (N)."""
    q = beams.receive()
    gains = ((q.mH @ h) @ beams.transmit().unsqueeze(1)).flatten(1, 2)
    error = gains - torch.eye(gains.shape[-1], dtype=gains.dtype, device=gains.device)
    noise = q.abs().square().sum((-1, -2, -3)) * noise_var
    return error.abs().square().sum((-1, -2)) + noise


def _seen(h: Tensor, receive: Tensor) -> Tensor:
    """H^H Q, (N, Nt, S): what each stream's receiver looks like from the transmitter."""
    return (h.mH @ receive).movedim(1, 2).flatten(2)


def _solve(matrix: Tensor, right: Tensor | None = None) -> Tensor:
    """Hermitian solve with a last resort of loading: rank-poor channels make it singular."""
    diagonal = matrix.diagonal(dim1=-2, dim2=-1).real.mean(-1)
    loading = diagonal * (8 * torch.finfo(diagonal.dtype).eps)
    loaded = add_diagonal(matrix, loading.clamp(min=torch.finfo(diagonal.dtype).tiny))
    if right is None:
        return torch.linalg.inv(loaded)
    return torch.linalg.solve(loaded, right)
