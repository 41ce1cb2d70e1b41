"""Digital precoders and combiners of minimum mean-square error, for given analog parts."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.foundation.tensors.linalg import add_diagonal


def scaled_to_power(f_rf: Tensor | None, f_bb: Tensor) -> Tensor:
    """Scale f_bb to ||f_rf f_bb||_F = 1 (Shi et al., eq. 26); f_rf None: the identity."""
    transmit = f_bb if f_rf is None else f_rf @ f_bb
    power = (transmit.real.square() + transmit.imag.square()).sum((-1, -2), keepdim=True)
    return f_bb * power.rsqrt()


def mmse_transmit(h: Tensor, noise_var: Tensor, f_rf: Tensor | None, receive: Tensor) -> Tensor:
    """Compute the MMSE digital precoder for given receivers, up to their common scale.

    f_bb = (E E^H + sigma^2 tr(Q^H Q) F^H F)^-1 E with E = F^H H^H Q. The Lagrange multiplier of the
    power constraint has this closed form because the receivers may be scaled by one number.

    Args:
        h: (N, K, Nr, Nt) complex; channels.
        noise_var: (N) real.
        f_rf: F, (N, Nt, Rt) complex; None: fully digital.
        receive: Q, (N, K, Nr, D) complex; w_rf w_bb.

    Returns:
        (N, Rt, K D) complex.
    """
    backward = _backward_channel(h, receive)
    power = (receive.real.square() + receive.imag.square()).sum((-1, -2, -3)) * noise_var
    if f_rf is None:
        # By the matrix inversion lemma, in the smaller dimension of streams.
        gram = backward.mH @ backward
        return scaled_to_power(None, backward @ _solve(add_diagonal(gram, power)))
    e = f_rf.mH @ backward
    matrix = e @ e.mH + power[:, None, None] * (f_rf.mH @ f_rf)
    return scaled_to_power(f_rf, _solve(matrix, e))


def mmse_receive(h: Tensor, noise_var: Tensor, transmit: Tensor, w_rf: Tensor | None) -> Tensor:
    """Compute the MMSE digital combiners for a given precoder.

    Args:
        h: (N, K, Nr, Nt) complex; channels.
        noise_var: (N) real.
        transmit: (N, Nt, K D) complex; f_rf f_bb.
        w_rf: (N, K, Nr, Rr) complex; None: fully digital.

    Returns:
        (N, K, Rr, D) complex.
    """
    users = h.shape[1]
    received = h @ transmit.unsqueeze(1)
    if w_rf is not None:
        received = w_rf.mH @ received
    wanted = received.unflatten(-1, (users, -1)).diagonal(dim1=1, dim2=3).movedim(-1, 1)
    matrix = received @ received.mH
    noise = noise_var[:, None, None, None]
    if w_rf is None:
        matrix = add_diagonal(matrix, noise_var[:, None])
    else:
        matrix = matrix + noise * (w_rf.mH @ w_rf)
    return _solve(matrix, wanted)


def mmse_digital(
    h: Tensor, noise_var: Tensor, f_rf: Tensor, w_rf: Tensor, f_bb: Tensor, num_iter: int
) -> Beams:
    """Alternate both digital parts, starting from f_bb; each step lowers the mean-square error."""
    w_bb = mmse_receive(h, noise_var, f_rf @ f_bb, w_rf)
    for _ in range(num_iter):
        f_bb = mmse_transmit(h, noise_var, f_rf, w_rf @ w_bb)
        w_bb = mmse_receive(h, noise_var, f_rf @ f_bb, w_rf)
    return Beams(f_rf, f_bb, w_rf, w_bb)


def mean_square_error(h: Tensor, beams: Beams, noise_var: Tensor) -> Tensor:
    """Compute the sum over streams of E|s_hat - s|^2, (N)."""
    q = beams.receive()
    gains = ((q.mH @ h) @ beams.transmit().unsqueeze(1)).flatten(1, 2)
    error = gains - torch.eye(gains.shape[-1], dtype=gains.dtype, device=gains.device)
    noise = q.abs().square().sum((-1, -2, -3)) * noise_var
    return error.abs().square().sum((-1, -2)) + noise


def _backward_channel(h: Tensor, receive: Tensor) -> Tensor:
    """Compute H^H Q, (N, Nt, S): from the receiver of each stream to the transmit antennas."""
    return (h.mH @ receive).movedim(1, 2).flatten(2)


def _solve(matrix: Tensor, right: Tensor | None = None) -> Tensor:
    """Solve a Hermitian system, slightly loaded because channels of low rank make it singular."""
    diagonal = matrix.diagonal(dim1=-2, dim2=-1).real.mean(-1)
    loading = diagonal * (8 * torch.finfo(diagonal.dtype).eps)
    loaded = add_diagonal(matrix, loading.clamp(min=torch.finfo(diagonal.dtype).tiny))
    if right is None:
        return torch.linalg.inv(loaded)
    return torch.linalg.solve(loaded, right)
