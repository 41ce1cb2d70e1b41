"""Hybrid beams by orthogonal matching pursuit over a dictionary of steering vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beamformer, Beams
from mimolearn.beamformers.classical.factor import least_squares
from mimolearn.beamformers.classical.fd_mmse import fd_mmse
from mimolearn.beamformers.digital import mmse_digital, mmse_receive, scaled_to_power
from mimolearn.beamformers.gains import align_phases
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_positive_int
from mimolearn.foundation.tensors.linalg import loaded_cholesky
from mimolearn.link.array import HybridArray


class Omp(Beamformer):
    """Spatially sparse precoding (El Ayach et al. 2014) of the fully digital MMSE beams.

    Choose it as the standard mmWave baseline. Each chain takes the steering vector that correlates
    most with the residual of ||P - F V||_F, and V is solved by least squares. The dictionary is
    uniform in sin(angle). The fit of the receivers is weighted by the covariance of the received
    signal.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.
        grid: dictionary points per transmit antenna, and half of those per receive antenna;
            default 2.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> Omp()(h, 0.1).f_rf.shape
    torch.Size([64, 8])
    """

    name = "omp"

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        grid: int = 2,
    ) -> None:
        super().__init__(array, constellation)
        self.grid = check_positive_int("grid", grid, 64)

    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        return align_phases(h, omp_beams(h, noise_var, self.array, self.grid))


class OmpMmse(Beamformer):
    """``omp`` whose digital parts are solved again by MMSE.

    Choose it over ``omp``, which is never better.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.
        grid: as in ``omp``; default 2.
        num_iter: alternations of the digital parts; default 20.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> OmpMmse()(h, 0.1).w_bb.shape
    torch.Size([2, 4, 3])
    """

    name = "omp-mmse"

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        grid: int = 2,
        num_iter: int = 20,
    ) -> None:
        super().__init__(array, constellation)
        self.grid = check_positive_int("grid", grid, 64)
        self.num_iter = check_positive_int("num_iter", num_iter, 10_000)

    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        b = omp_beams(h, noise_var, self.array, self.grid)
        beams = mmse_digital(h, noise_var, b.f_rf, b.w_rf, b.f_bb, self.num_iter)
        return align_phases(h, beams)


def omp_beams(h: Tensor, noise_var: Tensor, array: HybridArray, grid: int) -> Beams:
    """Fit both ends to fully digital MMSE by orthogonal matching pursuit."""
    nr, nt = h.shape[-2:]
    digital = fd_mmse(h, noise_var, array.num_streams, 50)
    f_rf = pursue(digital.f_bb, _dictionary(nt, grid * nt, h.dtype), array.num_tx_chains, None)
    f_bb = scaled_to_power(f_rf, least_squares(f_rf, digital.f_bb))
    transmit = f_rf @ f_bb
    target = mmse_receive(h, noise_var, transmit, None)
    received = h @ transmit.unsqueeze(1)
    covariance = received @ received.mH
    eye = torch.eye(nr, dtype=h.dtype, device=h.device)
    weight = loaded_cholesky(covariance + noise_var[:, None, None, None] * eye).mH
    steering = _dictionary(nr, 2 * grid * nr, h.dtype)
    w_rf = pursue(target, steering, array.num_rx_chains, weight)
    w_bb = least_squares(weight @ w_rf, weight @ target)
    return Beams(f_rf, f_bb, w_rf, w_bb)


def pursue(target: Tensor, dictionary: Tensor, chains: int, weight: Tensor | None) -> Tensor:
    """Choose columns of a dictionary by orthogonal matching pursuit.

    Args:
        target: T, (..., N, S) complex.
        dictionary: (N, G) complex.
        chains: columns to choose.
        weight: A, (..., N, N) complex, for the norm ||A (T - F V)||_F; None: the identity.

    Returns:
        F, (..., N, chains) complex.
    """
    atoms = dictionary if weight is None else weight @ dictionary
    goal = target if weight is None else weight @ target
    atoms = atoms / torch.linalg.vector_norm(atoms, dim=-2, keepdim=True)
    left, chosen = goal, []
    used = torch.zeros(*goal.shape[:-2], dictionary.shape[-1], dtype=torch.bool)
    for _ in range(chains):
        score = (atoms.mH @ left).abs().square().sum(-1).masked_fill(used, -1.0)
        best = score.argmax(-1)
        used.scatter_(-1, best.unsqueeze(-1), True)
        chosen.append(best)
        index = torch.stack(chosen, -1)
        picked = torch.take_along_dim(
            atoms.expand(*goal.shape[:-2], *atoms.shape[-2:]), index.unsqueeze(-2), -1
        )
        left = goal - picked @ least_squares(picked, goal)
    return dictionary.T[torch.stack(chosen, -1)].mT.contiguous()


def _dictionary(num_ant: int, num_points: int, dtype: torch.dtype) -> Tensor:
    """(num_ant, num_points) steering vectors e^(j pi n u), u uniform over [-1, 1)."""
    u = 2 * torch.arange(num_points, dtype=torch.float64) / num_points - 1
    phase = math.pi * torch.outer(torch.arange(num_ant, dtype=torch.float64), u)
    return torch.polar(torch.ones_like(phase), phase).to(dtype)
