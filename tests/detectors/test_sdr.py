"""Semidefinite relaxation against an interior-point solver and against ML."""

import cvxpy
import numba
import numpy as np
import pytest
import torch

from mimolearn import InvalidInputError, make_detector
from mimolearn.kernels.search.sdr import relax
from mimolearn.link.scenario import Block, Scenario


@numba.njit
def relaxed(q, v, tolerance, max_sweeps):
    """Call the part from compiled code: it has no entry for Python."""
    return relax(q, v, tolerance, max_sweeps)


@pytest.mark.parametrize("size", [11, 13, 17])
def test_objective_reaches_the_optimum(size: int) -> None:
    rng = np.random.default_rng(size)
    h = rng.standard_normal((2 * (size - 1), size - 1))
    y = h @ rng.choice([-1.0, 1.0], size - 1) + 2.0 * rng.standard_normal(2 * (size - 1))
    q = np.block([[h.T @ h, -(h.T @ y)[:, None]], [-(h.T @ y)[None], np.zeros((1, 1))]])
    v = rng.standard_normal((size, 8))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    loose, tight = v.copy(), v.copy()
    assert relaxed(q, loose, 1e-4, 1000) < relaxed(q, tight, 1e-10, 10_000) < 10_000
    x = cvxpy.Variable((size, size), PSD=True)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.trace(q @ x)), [cvxpy.diag(x) == 1])
    optimum = problem.solve(solver=cvxpy.CLARABEL)
    gap_tight, gap_loose = (np.trace(q @ w @ w.T) / optimum - 1 for w in (tight, loose))
    # The optimum is negative: a ratio below 1 is an objective above it.
    assert abs(gap_tight) < 1e-6
    assert -3e-3 < gap_loose < 1e-6
    np.testing.assert_allclose(np.linalg.norm(loose, axis=1), 1)


@pytest.mark.parametrize(("constellation", "nt"), [("bpsk", 16), ("qpsk", 8)])
def test_decisions_are_near_ml(constellation: str, nt: int) -> None:
    scenario = Scenario(
        num_tx_ant=nt, num_rx_ant=nt, constellation=constellation, snr_definition="matched_filter"
    )
    block = scenario.draw(5.0, 1500, torch.Generator().manual_seed(2))
    inputs = block.y, block.h, block.noise_var
    ml, sdr, mmse = (
        float((make_detector(name, constellation)(*inputs).indices() != block.indices).sum())
        for name in ("sphere", "sdr", "mmse-sic")
    )
    assert 0.95 * ml < sdr < 1.1 * ml < mmse


def hard_block() -> Block:
    scenario = Scenario(
        num_tx_ant=16, num_rx_ant=16, constellation="qpsk", snr_definition="matched_filter"
    )
    return scenario.draw(5.0, 50, torch.Generator().manual_seed(4))


def test_more_roundings_lower_the_distance() -> None:
    block = hard_block()
    distance = []
    for num in (1, 100):
        detector = make_detector("sdr", "qpsk", num_roundings=num)
        x = detector(block.y, block.h, block.noise_var).soft_symbols()
        distance.append(float((block.y - x @ block.h.mT).abs().square().sum()))
    assert distance[1] < 0.98 * distance[0]


def test_seed_alone_sets_the_roundings() -> None:
    block = hard_block()
    inputs = block.y, block.h, block.noise_var
    decided = [
        make_detector("sdr", "qpsk", num_roundings=3, seed=seed)(*inputs).indices()
        for seed in (0, 0, 1)
    ]
    assert torch.equal(decided[0], decided[1])
    assert not torch.equal(decided[0], decided[2])


def test_unsettled_descent_is_reported() -> None:
    block = Scenario(num_tx_ant=8, num_rx_ant=8, constellation="qpsk").draw(
        3.0, 5, torch.Generator().manual_seed(4)
    )
    detection = make_detector("sdr", "qpsk", max_sweeps=1)(block.y, block.h, block.noise_var)
    assert detection.incomplete is not None
    assert detection.incomplete.all()


def test_refusals_are_one_line() -> None:
    with pytest.raises(InvalidInputError, match=r"^constellation: got '16-qam', .*one modulus"):
        make_detector("sdr", "16-qam")
    with pytest.raises(InvalidInputError, match=r"^seed: "):
        make_detector("sdr", "qpsk", seed=-1)
