"""Analog beams from the phases of singular vectors, the cheapest start."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beamformer, Beams
from mimolearn.beamformers.classical.fd_mmse import left_vectors
from mimolearn.beamformers.digital import mmse_digital, scaled_to_power
from mimolearn.beamformers.gains import align_phases
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_positive_int
from mimolearn.link.array import HybridArray


class SvdPhase(Beamformer):
    """Phases of each user's strongest singular vectors, then digital MMSE.

    Choose it where time counts most. Each user gets an equal share of the transmit chains. Chains
    beyond the number of singular vectors get columns of the Fourier matrix. The phase of a singular
    vector is arbitrary; the digital part compensates it.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.
        num_iter: alternations of the digital parts; default 20.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> SvdPhase()(h, 0.1).w_rf.abs().max().round()
    tensor(1.)
    """

    name = "svd-phase"

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        num_iter: int = 20,
    ) -> None:
        super().__init__(array, constellation)
        self.num_iter = check_positive_int("num_iter", num_iter, 10_000)

    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        a = self.array
        f_rf, w_rf = svd_phases(h, a.num_tx_chains, a.num_rx_chains)
        f_bb = matched_start(h, f_rf, w_rf, a.num_streams)
        return align_phases(h, mmse_digital(h, noise_var, f_rf, w_rf, f_bb, self.num_iter))


def unit_modulus(x: Tensor) -> Tensor:
    """Return x / |x| for each entry, and 1 where x is 0."""
    size = x.abs()
    return torch.where(size > 0, x / size.clamp(min=torch.finfo(size.dtype).tiny), 1.0)


def svd_phases(h: Tensor, tx_chains: int, rx_chains: int) -> tuple[Tensor, Tensor]:
    """Compute f_rf (N, Nt, Rt) and w_rf (N, K, Nr, Rr) from h (N, K, Nr, Nt)."""
    users, nt = h.shape[1], h.shape[-1]
    left = left_vectors(h)
    share = min(-(-tx_chains // users), left.shape[-1])
    # H^H u is v up to its length. Columns alternate over the users, strongest vectors first.
    right = h.mH @ left[..., :share]
    columns = right.movedim(1, -1).flatten(-2)[..., :tx_chains]
    missing = tx_chains - columns.shape[-1]
    if missing:
        phase = -2 * math.pi / nt * torch.outer(torch.arange(nt), torch.arange(missing))
        fourier = torch.polar(torch.ones_like(phase), phase).to(h.dtype)
        columns = torch.cat([columns, fourier.expand(len(h), nt, missing)], -1)
    received = left[..., :rx_chains]
    if received.shape[-1] < rx_chains:
        more = rx_chains - received.shape[-1]
        received = torch.cat([received, received.new_ones(*received.shape[:-1], more)], -1)
    return unit_modulus(columns), unit_modulus(received)


def matched_start(h: Tensor, f_rf: Tensor, w_rf: Tensor, streams: int) -> Tensor:
    """Compute f_bb (N, Rt, K D): the strongest directions of each user behind the analog parts."""
    right = torch.linalg.svd(w_rf.mH @ h @ f_rf.unsqueeze(1), full_matrices=False).Vh
    f_bb = right[..., :streams, :].mH.movedim(1, 2).flatten(2)
    return scaled_to_power(f_rf, f_bb)
