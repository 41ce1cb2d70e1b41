"""Fully digital beams of least mean-square error: the usual bound for hybrid ones."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beamformer, Beams
from mimolearn.beamformers.digital import mmse_receive, mmse_transmit
from mimolearn.beamformers.gains import align_phases
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_positive_int
from mimolearn.link.array import HybridArray


class FullyDigitalMMSE(Beamformer):
    """Joint transmit and receive MMSE without RF chains to save, by alternation.

    Choose it as a reference. Starts from each user's strongest singular vectors; the precoder
    step has its multiplier in closed form, P = E (E^H E + sigma^2 tr(Q^H Q) I)^-1 with E = H^H Q,
    and stays in the row space of H by itself. Cost: num_iter x K Nr Nt S products a channel.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> FullyDigitalMMSE()(h, 0.1).f_bb.shape
    torch.Size([64, 6])
    """

    name = "fd-mmse"
    fully_digital = True

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        num_iter: int = 100,
    ) -> None:
        super().__init__(array, constellation)
        self.num_iter = check_positive_int("num_iter", num_iter, 10_000)

    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        return align_phases(h, fd_mmse(h, noise_var, self.array.num_streams, self.num_iter))


def fd_mmse(h: Tensor, noise_var: Tensor, streams: int, num_iter: int) -> Beams:
    """(N, K, Nr, Nt) to fully digital beams."""
    num, users, nr, nt = h.shape
    w = left_vectors(h)[..., :streams]
    f = mmse_transmit(h, noise_var, None, w)
    for _ in range(num_iter):
        w = mmse_receive(h, noise_var, f, None)
        f = mmse_transmit(h, noise_var, None, w)
    eye_t = torch.eye(nt, dtype=h.dtype, device=h.device).expand(num, nt, nt)
    eye_r = torch.eye(nr, dtype=h.dtype, device=h.device).expand(num, users, nr, nr)
    return Beams(eye_t, f, eye_r, mmse_receive(h, noise_var, f, None))


def left_vectors(h: Tensor) -> Tensor:
    """Left singular vectors (N, K, Nr, Nr), strongest first, from the small Gram matrix H H^H."""
    return torch.linalg.eigh(h @ h.mH).eigenvectors.flip(-1)
