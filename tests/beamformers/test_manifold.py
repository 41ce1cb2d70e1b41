"""The batched manifold search against pymanopt, and what its fits are worth."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pymanopt
import pytest
import torch
from pymanopt.manifolds import ComplexCircle
from pymanopt.optimizers import ConjugateGradient
from torch import Tensor

from mimolearn.beamformers.classical.factor import (
    fit_by_sweeps,
    least_squares,
    phase_sweep,
    residual,
)
from mimolearn.beamformers.classical.fd_mmse import fd_mmse
from mimolearn.beamformers.classical.manifold import circle_cg, fit_on_manifold
from mimolearn.beamformers.classical.svd_phase import svd_phases

from .conftest import SMALL, clustered


def problem() -> tuple[Tensor, Tensor]:
    """Start and target of a transmitter's fit, for three channels."""
    h = clustered(3)
    target = fd_mmse(h, torch.full((3,), 0.5).double(), 2, 20).f_bb
    return svd_phases(h, SMALL.num_tx_chains, SMALL.num_rx_chains)[0], target


def by_pymanopt(start: np.ndarray, v: np.ndarray, target: np.ndarray) -> float:
    manifold = ComplexCircle(start.size)

    @pymanopt.function.numpy(manifold)
    def cost(x: np.ndarray) -> float:
        return float(np.linalg.norm(target - x.reshape(start.shape) @ v) ** 2)

    @pymanopt.function.numpy(manifold)
    def gradient(x: np.ndarray) -> np.ndarray:
        return (2 * (x.reshape(start.shape) @ v - target) @ v.conj().T).reshape(-1)

    found = ConjugateGradient(verbosity=0, max_iterations=300).run(
        pymanopt.Problem(manifold, cost, euclidean_gradient=gradient),
        initial_point=start.reshape(-1),
    )
    return float(found.cost)


def test_conjugate_gradients_reach_pymanopts_objective() -> None:
    start, target = problem()
    v = least_squares(start, target)
    mine = residual(circle_cg(start, v, target, 200), v, target)
    theirs = [by_pymanopt(*(x.numpy() for x in one)) for one in zip(start, v, target, strict=True)]
    # Not convex: both end in a local minimum from the same start.
    assert mine.tolist() == pytest.approx(theirs, rel=0.05)


def test_no_step_raises_the_residual() -> None:
    f, target = problem()
    v = least_squares(f, target)
    values = [residual(f, v, target)]
    for _ in range(4):
        f = phase_sweep(f, v, target)
        values.append(residual(f, v, target))
        f = circle_cg(f, v, target, 1)
        values.append(residual(f, v, target))
    for before, after in pairwise(values):
        assert bool((after <= before + 1e-12).all())


def test_sweeps_and_manifold_agree_where_both_have_converged() -> None:
    start, target = problem()
    fits = fit_by_sweeps(start, target, 100), fit_on_manifold(start, target, 60, 8)
    by_sweeps, by_manifold = (residual(f, least_squares(f, target), target) for f in fits)
    assert torch.allclose(by_sweeps, by_manifold, rtol=0.3, atol=0.01)
