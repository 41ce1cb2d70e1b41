"""Hybrid beams by manifold optimisation: alternate digital least squares and Riemannian CG."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beamformer, Beams
from mimolearn.beamformers.classical.factor import fit_by_sweeps, least_squares, residual
from mimolearn.beamformers.classical.fd_mmse import fd_mmse
from mimolearn.beamformers.classical.svd_phase import svd_phases, unit_modulus
from mimolearn.beamformers.digital import mmse_digital, scaled_to_power
from mimolearn.beamformers.gains import align_phases
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_positive_int
from mimolearn.link.array import HybridArray


class ManifoldOptimisation(Beamformer):
    """MO-AltMin (Yu et al. 2016): hybrid beams fitted to fully digital MMSE on a manifold.

    Choose it as the classical near-optimal hybrid design. It minimises ||P - F V||_F over |F| = 1
    at both ends: V by least squares, F on the product of circles by conjugate gradients (tangent
    projection, retraction F / |F|, Polak-Ribiere+, Armijo backtracking). The paper differs in two
    things. Before it, phase sweeps minimise exactly over one circle at a time, which is ten times
    faster. After it, the digital parts are solved again by MMSE, because the fit alone loses at
    high SNR.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.
        sweeps: phase sweeps; default 40.
        num_iter: alternations of F and V; default 2.
        inner: steps of conjugate gradients in each; default 4.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> ManifoldOptimisation(num_iter=2)(h, 0.1).f_rf.shape
    torch.Size([64, 8])
    """

    name = "mo"

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        sweeps: int = 40,
        num_iter: int = 2,
        inner: int = 4,
    ) -> None:
        super().__init__(array, constellation)
        self.sweeps = check_positive_int("sweeps", sweeps, 10_000)
        self.num_iter = check_positive_int("num_iter", num_iter, 10_000)
        self.inner = check_positive_int("inner", inner, 10_000)

    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        a = self.array
        digital = fd_mmse(h, noise_var, a.num_streams, 50)
        f_rf, w_rf = svd_phases(h, a.num_tx_chains, a.num_rx_chains)
        # Targets of unit norm make step sizes and line searches comparable.
        f_rf = self.fit(f_rf, _unit(digital.f_bb))
        w_rf = self.fit(w_rf, _unit(digital.w_bb))
        f_bb = scaled_to_power(f_rf, least_squares(f_rf, digital.f_bb))
        return align_phases(h, mmse_digital(h, noise_var, f_rf, w_rf, f_bb, 10))

    def fit(self, f: Tensor, target: Tensor) -> Tensor:
        """Fit f (..., N, R) of unit modulus to min over V of ||target - f V||_F."""
        return fit_on_manifold(
            fit_by_sweeps(f, target, self.sweeps), target, self.num_iter, self.inner
        )


def fit_on_manifold(f: Tensor, target: Tensor, num_iter: int, inner: int) -> Tensor:
    """f (..., N, R) of unit modulus moved towards min over V of ||target - f V||_F."""
    for _ in range(num_iter):
        f = circle_cg(f, least_squares(f, target), target, inner)
    return f


class _Search(NamedTuple):
    """point, its cost, Riemannian gradient, search direction, and the step that worked last."""

    f: Tensor
    cost: Tensor
    gradient: Tensor
    direction: Tensor
    step: Tensor


def circle_cg(f: Tensor, v: Tensor, target: Tensor, num_iter: int) -> Tensor:
    """Conjugate gradients for ||target - f v||_F^2 over |f| = 1, each problem by itself."""
    gradient = _gradient(f, v, target)
    # 1 / the largest curvature 2 ||V||^2 is a step that every problem can take.
    step = 1 / (2 * _inner(v, v)).clamp(min=torch.finfo(v.real.dtype).tiny)
    state = _Search(f, residual(f, v, target), gradient, -gradient, 4 * step)
    for _ in range(num_iter):
        state = _cg_step(state, v, target)
    return state.f


def _cg_step(state: _Search, v: Tensor, target: Tensor) -> _Search:
    slope = _inner(state.gradient, state.direction)
    uphill = slope >= 0
    direction = torch.where(uphill[..., None, None], -state.gradient, state.direction)
    slope = torch.where(uphill, -_inner(state.gradient, state.gradient), slope)
    f, cost, step = _backtrack(state, direction, slope, v, target)
    gradient = _gradient(f, v, target)
    moved_gradient = _tangent(f, state.gradient)
    before = _inner(state.gradient, state.gradient)
    beta = _inner(gradient, gradient - moved_gradient) / before.clamp(
        min=torch.finfo(before.dtype).tiny
    )
    direction = -gradient + beta.clamp(min=0)[..., None, None] * _tangent(f, direction)
    return _Search(f, cost, gradient, direction, 2 * step)


def _backtrack(
    state: _Search, direction: Tensor, slope: Tensor, v: Tensor, target: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Halve each problem's step until its cost falls by Armijo's rule; at most 12 times."""
    step, f, cost = state.step.clone(), state.f, state.cost
    waiting = torch.ones_like(cost, dtype=torch.bool)
    for _ in range(12):
        trial = unit_modulus(state.f + step[..., None, None] * direction)
        value = residual(trial, v, target)
        good = waiting & (value <= state.cost + 1e-4 * step * slope)
        f = torch.where(good[..., None, None], trial, f)
        cost = torch.where(good, value, cost)
        waiting = waiting & ~good
        if not bool(waiting.any()):
            break
        step = torch.where(waiting, step / 2, step)
    return f, cost, step


def _gradient(f: Tensor, v: Tensor, target: Tensor) -> Tensor:
    return _tangent(f, 2 * (f @ v - target) @ v.mH)


def _tangent(f: Tensor, x: Tensor) -> Tensor:
    return x - (x * f.conj()).real * f


def _inner(a: Tensor, b: Tensor) -> Tensor:
    """Re <a, b> over the last two axes."""
    parts = (torch.view_as_real(x.resolve_conj()) for x in (a, b))
    return torch.mul(*parts).sum((-1, -2, -3))


def _unit(x: Tensor) -> Tensor:
    return x / torch.linalg.matrix_norm(x)[..., None, None]
