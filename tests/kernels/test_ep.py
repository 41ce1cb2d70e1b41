"""The expectation-propagation kernel against the plain equations in double precision."""

import numpy as np
import pytest
import torch

from mimolearn import Constellation, InvalidInputError
from mimolearn.kernels.iterative import calls as iterative_kernels

_LEAST = 1e-3


def _moments(r, v, levels):
    metric = -((r[:, None] - levels) ** 2) / (2 * v[:, None])
    weight = np.exp(metric - metric.max(1, keepdims=True))
    weight /= weight.sum(1, keepdims=True)
    mean = weight @ levels
    return mean, (weight * (levels - mean[:, None]) ** 2).sum(1)


def _reference(h, y, noise_var, levels, num_iter, damping):
    """One real-valued problem: cavity means and variances of the last iteration."""
    s2 = noise_var / 2
    system, b = h.T @ h / s2, h.T @ y / s2
    lam, gam = np.full(len(b), 1 / np.mean(levels**2)), np.zeros(len(b))
    r, v = np.zeros(len(b)), np.ones(len(b))
    for i in range(num_iter):
        if i:
            mean, var = _moments(r, v, levels)
            var = np.maximum(var, _LEAST * v)
            new_lam, new_gam = 1 / var - 1 / v, mean / var - r / v
            keep = new_lam < 0
            new_lam[keep], new_gam[keep] = lam[keep], gam[keep]
            lam = (1 - damping) * new_lam + damping * lam
            gam = (1 - damping) * new_gam + damping * gam
        sigma = np.linalg.inv(system + np.diag(lam))
        mu, diagonal = sigma @ (b + gam), np.diag(sigma)
        v = 1 / (1 / diagonal - lam)
        r = v * (mu / diagonal - gam)
    return r, v


def _problem(name, batch, rx, tx, vectors):
    constellation = Constellation(name)
    generator = torch.Generator().manual_seed(11)
    h = torch.randn(*batch, rx, tx, dtype=torch.complex64, generator=generator)
    sent = torch.randint(constellation.num_points, (*batch, vectors, tx), generator=generator)
    noise = torch.randn(*batch, vectors, rx, dtype=torch.complex64, generator=generator)
    noise_var = tx / 10 * (0.5 + torch.rand(batch, generator=generator))
    y = constellation.map(sent) @ h.mT + noise * noise_var[..., None, None].sqrt()
    return constellation, h, y, noise_var


@pytest.mark.parametrize(
    ("name", "batch", "rx", "tx", "vectors"),
    [
        ("bpsk", (20,), 6, 5, 2),
        ("qpsk", (17,), 8, 4, 1),
        ("qpsk", (3,), 6, 3, 7),
        ("16-qam", (2, 9), 4, 4, 2),
        ("64-qam", (), 8, 7, 1),
    ],
)
def test_equals_the_equations(name, batch, rx, tx, vectors):
    constellation, h, y, noise_var = _problem(name, batch, rx, tx, vectors)
    solved = iterative_kernels.expectation_propagation(
        y, h, noise_var, constellation, 6, 0.7, _LEAST
    )
    axes = 1 if constellation.is_real else 2
    assert solved[0].shape == (*batch, vectors, tx, axes)
    mean, var = (part.flatten(0, -4).numpy() if batch else part.numpy()[None] for part in solved)
    levels = constellation.axis(torch.float64).levels.numpy()
    channels = h.reshape(-1, rx, tx).numpy().astype(np.complex128)
    received = y.reshape(-1, vectors, rx).numpy().astype(np.complex128)
    for c, channel in enumerate(channels):
        real = np.vstack([channel.real, channel.imag])
        if axes == 2:
            real = np.hstack([real, np.vstack([-channel.imag, channel.real])])
        for t in range(vectors):
            stacked = np.concatenate([received[c, t].real, received[c, t].imag])
            level = float(noise_var.reshape(-1)[c])
            r, v = _reference(real, stacked, level, levels, 6, 0.7)
            # Precisions are differences of near values: float32 keeps three digits of them.
            np.testing.assert_allclose(mean[c, t].T.reshape(-1), r, rtol=3e-3, atol=1e-3)
            np.testing.assert_allclose(var[c, t].T.reshape(-1), v, rtol=1e-2)


def test_bad_inputs_are_refused():
    constellation, h, y, noise_var = _problem("qpsk", (20,), 4, 3, 1)
    y[3, 0, 1] = float("nan")
    with pytest.raises(InvalidInputError, match="y"):
        iterative_kernels.expectation_propagation(y, h, noise_var, constellation, 4, 0.9, _LEAST)


def test_threads_change_nothing():
    constellation, h, y, noise_var = _problem("qpsk", (200,), 24, 16, 2)
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(
                iterative_kernels.expectation_propagation(
                    y, h, noise_var, constellation, 10, 0.9, _LEAST
                )
            )
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
