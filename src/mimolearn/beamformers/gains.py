"""Effective gains between streams, and the noise of each stream."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beams
from mimolearn.foundation.errors import invalid


def stream_gains(h: Tensor, beams: Beams, noise_var: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the gains between streams and the noise of each.

    G = blockdiag(w_rf_k w_bb_k)^H H f_rf f_bb, and nu_i = sigma ||w_rf w_bb,i|| / sqrt(2). This
    corrects eq. (9) of Shi et al., which has the covariance of the signal in place of the noise's.

    Args:
        h: (*C, K, Nr, Nt) complex; channels.
        beams: of these channels.
        noise_var: (*C) real.

    Returns:
        G (*C, S, S) complex, S = K D, row i the output of stream i; and nu (*C, S) real, the noise
        deviation of each real axis.

    Raises:
        InvalidInputError: for another batch or other users than the beams'.
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
    """Rotate every column of w_bb so that its diagonal gain is real and positive (after eq. 46).

    Only w_bb is rotated. To rotate f_bb, f_rf or w_rf too, as the paper does, would undo it.
    """
    gains = _diagonal_gains(h, beams)
    size = gains.abs()
    phase = torch.where(size > 0, gains / size.clamp(min=torch.finfo(size.dtype).tiny), 1.0)
    return beams._replace(w_bb=beams.w_bb * phase.unsqueeze(-2).to(beams.w_bb.dtype))


def _diagonal_gains(h: Tensor, beams: Beams) -> Tensor:
    """Compute the gain of each stream to its output, (*C, K, D) complex."""
    users, streams = beams.w_bb.shape[-3], beams.w_bb.shape[-1]
    columns = (h @ beams.transmit().unsqueeze(-3)).unflatten(-1, (users, streams))
    wanted = columns.diagonal(dim1=-4, dim2=-2).movedim(-1, -3)
    return (beams.receive().conj() * wanted).sum(-2)
