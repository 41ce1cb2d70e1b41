"""What a stream sees of all the others: effective gains, and the noise they are measured by."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.foundation.errors import invalid


def stream_gains(h: Tensor, beams: Beams, noise_var: Tensor) -> tuple[Tensor, Tensor]:
    """Gains (*C, S, S), row i the output of stream i, and noise deviations (*C, S) an axis.

    h: (*C, K, Nr, Nt), S = K D. G = blockdiag(w_rf_k w_bb_k)^H H f_rf f_bb, and
    nu_i = sigma ||w_rf w_bb,i|| / sqrt(2): not the paper's eq. (9), which puts the signal's
    covariance where only the noise's belongs.
    """
    if h.shape[:-3] != beams.f_rf.shape[:-2] or h.shape[-3] != beams.w_rf.shape[-3]:
        expected = f"the batch and users of the beams, {tuple(beams.w_rf.shape[:-2])}"
        raise invalid("h", f"<shape {tuple(h.shape)}>", expected)
    q = beams.receive()
    gains = (q.mH @ h) @ beams.transmit().unsqueeze(-3)
    power = torch.view_as_real(q.resolve_conj()).square().sum((-1, -3))
    noise = (power * (noise_var[..., None, None] / 2)).sqrt()
    return gains.flatten(-3, -2), noise.flatten(-2)


def align_phases(h: Tensor, beams: Beams) -> Beams:
    """Turn every column of w_bb so that its own gain is real and positive (after eq. 46).

    Only w is turned: turning V, F or U as well, as the paper has it, would undo it.
    """
    own = _own_gains(h, beams)
    size = own.abs()
    phase = torch.where(size > 0, own / size.clamp(min=torch.finfo(size.dtype).tiny), 1.0)
    return beams._replace(w_bb=beams.w_bb * phase.unsqueeze(-2).to(beams.w_bb.dtype))


def _own_gains(h: Tensor, beams: Beams) -> Tensor:
    """(*C, K, D) complex."""
    users, streams = beams.w_bb.shape[-3], beams.w_bb.shape[-1]
    columns = (h @ beams.transmit().unsqueeze(-3)).unflatten(-1, (users, streams))
    own = columns.diagonal(dim1=-4, dim2=-2).movedim(-1, -3)
    return (beams.receive().conj() * own).sum(-2)
