"""Fully digital beams of least mean-square error, the usual reference for hybrid ones."""

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
    """Fully digital transmit and receive MMSE, by alternation.

    Choose it as a reference. It starts from the strongest singular vectors of each user. The
    precoder is P = E (E^H E + sigma^2 tr(Q^H Q) I)^-1 with E = H^H Q, whose multiplier has a closed
    form, and it stays in the row space of H. A channel takes num_iter K Nr Nt S products.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.
        num_iter: alternations; default 100.

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
    """Design fully digital beams for channels (N, K, Nr, Nt)."""
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
    """Compute left singular vectors (N, K, Nr, Nr), strongest first, from H H^H."""
    return torch.linalg.eigh(h @ h.mH).eigenvectors.flip(-1)
