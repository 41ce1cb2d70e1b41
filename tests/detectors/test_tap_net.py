"""tap-net against its equations in plain numpy, its symmetries, and what its parameters do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mimolearn.channels import Rayleigh
from mimolearn.detection import AxisGaussianDetection
from mimolearn.detectors import TapNet
from mimolearn.scenario import Block, Scenario


def draw(
    nt: int, nr: int, constellation: str, snr_db: float, num: int = 6, reuse: int = 3
) -> Block:
    scenario = Scenario(
        num_tx_ant=nt,
        num_rx_ant=nr,
        constellation=constellation,  # pyright: ignore[reportArgumentType]  # parametrised
        channel=Rayleigh(entry_variance="1/Nr"),
        channel_reuse=reuse,
    )
    return scenario.draw(snr_db, num, torch.Generator().manual_seed(3), torch.complex128)


def posterior(r: np.ndarray, var: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    log_weight = -((r[:, None] - levels) ** 2) / (2 * var[:, None])
    weight = np.exp(log_weight - log_weight.max(-1, keepdims=True))
    weight /= weight.sum(-1, keepdims=True)
    mean = weight @ levels
    return mean, (weight * (levels - mean[:, None]) ** 2).sum(-1)


def reference(
    h: np.ndarray, y: np.ndarray, noise_var: float, detector: TapNet, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """r and tau of the last layer for one vector, the equations written as they stand."""
    c = detector.constellation
    levels = c.axis(torch.float64).levels.numpy()
    if c.is_real:
        matrix = np.concatenate([h.real, h.imag])
    else:
        matrix = np.block([[h.real, -h.imag], [h.imag, h.real]])
    observed = np.concatenate([y.real, y.imag])
    gram, b = matrix.T @ matrix, matrix.T @ observed
    n, energy, v, prior = len(b), np.diag(gram), noise_var / 2, float((levels**2).mean())
    squares = gram**2 * (1 - np.eye(n))
    x, nu = np.zeros(n), np.full(n, prior)
    if detector.start == "lmmse":
        inverse = np.linalg.inv(gram + v / prior * np.eye(n))
        mu = 1 - np.diag(inverse) * v / prior
        x, nu = posterior(inverse @ b / mu, prior * (1 - mu) / mu, levels)
    u, gain = np.zeros(n), np.zeros(n)
    r = tau = x
    for delta, alpha, beta, onsager in rows:
        if detector.form == "vector":
            s_nu, s_gain = squares @ nu, squares @ gain
        else:
            s_nu, s_gain = squares.sum(1) * nu.mean(), squares.sum(1) * gain.mean()
        u = b - gram @ x + onsager * s_gain / energy * u
        tau = (beta * v + alpha * s_nu / energy) / energy
        r = x + u / energy
        mean, remaining = posterior(r, tau, levels)
        x, nu = x + delta * (mean - x), nu + delta * (remaining - nu)
        gain = remaining / (tau * energy)
    return r, tau


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam"])
@pytest.mark.parametrize("form", ["vector", "scalar"])
@pytest.mark.parametrize("start", ["lmmse", "zero"])
def test_layers_are_the_equations(constellation: str, form: str, start: str) -> None:
    detector = TapNet(constellation, num_layers=4, form=form, start=start)
    perturb(detector, 0.1)
    block = draw(5, 8, constellation, 6.0)
    with torch.no_grad():
        detection = detector(block.y, block.h, block.noise_var)
        base = detector.scalars.base.double().numpy()
    assert isinstance(detection, AxisGaussianDetection)
    rows = base.copy()
    rows[:, 0] = 1 / (1 + np.exp(-rows[:, 0]))
    rows[:, 1:3] = np.exp(rows[:, 1:3])
    for i in range(len(block.h)):
        for t in range(block.y.shape[1]):
            r, tau = reference(
                block.h[i].numpy(), block.y[i, t].numpy(), float(block.noise_var[i]), detector, rows
            )
            found = detection.values[i, t].mT.reshape(-1), detection.error_var[i, t].mT.reshape(-1)
            np.testing.assert_allclose(found[0].numpy(), r, rtol=1e-6, atol=1e-7)
            np.testing.assert_allclose(found[1].numpy(), tau, rtol=1e-6)


def perturb(detector: TapNet, size: float) -> None:
    """Move all parameters, so that no test sees the starting values alone."""
    generator = torch.Generator().manual_seed(8)
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter += size * torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("adaptive", [False, True])
def test_streams_are_alike(adaptive: bool) -> None:
    detector = TapNet("16-qam", adaptive=adaptive).double()
    perturb(detector, 0.05)
    block = draw(5, 8, "16-qam", 12.0)
    order = torch.tensor([3, 0, 4, 1, 2])
    with torch.no_grad():
        plain = detector(block.y, block.h, block.noise_var).llr()
        permuted = detector(block.y, block.h[..., order], block.noise_var).llr()
    torch.testing.assert_close(permuted, plain[..., order, :], rtol=1e-7, atol=1e-7)


def test_adaptive_scalars_start_as_the_plain_ones_and_follow_the_channel() -> None:
    plain, adaptive = TapNet("qpsk"), TapNet("qpsk", adaptive=True)
    block = draw(5, 8, "qpsk", 6.0)

    def llr(detector: TapNet, noise_var: Tensor) -> Tensor:
        with torch.no_grad():
            return detector(block.y, block.h, noise_var).llr()

    torch.testing.assert_close(llr(adaptive, block.noise_var), llr(plain, block.noise_var))
    perturb(adaptive, 0.05)
    with torch.no_grad():
        rows = adaptive.prepare(block.h, block.noise_var).scalars
    assert rows.shape == (6, 8, 4)
    assert (rows[0] != rows[1]).any()
