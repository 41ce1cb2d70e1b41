"""Deep-unfolded CG: its recursion, its gradients, its start, its training in a frame."""

import math

import pytest
import torch
from torch import Generator

from mimolearn import Scenario, load, make_detector
from mimolearn.detectors.unfolded.deep_cg import Parameters, squared_chebyshev_steps, unfold
from mimolearn.papers.deepcg.recursion import Steps, average_exact_steps, draw_systems, run_fixed


def frame(channels=16, reuse=16, snr_db=20.0):
    scenario = Scenario.shipped("deepcg-20x128-64qam").model_copy(update={"channel_reuse": reuse})
    return scenario.draw(snr_db, channels, Generator().manual_seed(1))


def evm_percent(detector, block, x_hat=None):
    x = detector.constellation.map(block.indices)
    with torch.no_grad():
        prepared = detector.prepare(block.h, block.noise_var)
        if x_hat is None:
            x_hat = detector.iterates(prepared, block.y)[-1]
    return 100 * math.sqrt((x_hat - x).abs().square().mean())


def test_cgnr_converges_to_zero_forcing_at_the_published_pace():
    block = frame(channels=64)
    evm = {n: evm_percent(make_detector("cgnr", "64-qam", num_iter=n), block) for n in (6, 8, 12)}
    zf = make_detector("zf", "64-qam")(block.y, block.h, block.noise_var).x_hat
    assert evm[6] == pytest.approx(8.05, rel=0.05)
    assert evm[8] == pytest.approx(4.91, rel=0.05)
    expected = evm_percent(make_detector("cgnr", "64-qam"), block, zf)
    assert evm[12] == pytest.approx(expected, rel=0.01)


def test_cgnr_stays_put_after_convergence_in_single_precision():
    h = torch.eye(6, 3, dtype=torch.complex64)
    y = torch.ones(2, 6, dtype=torch.complex64)
    detector = make_detector("cgnr", "qpsk", num_iter=50)
    iterates = detector.iterates(detector.prepare(h, 0.1), y)
    assert torch.equal(iterates[-1], iterates[0])


def test_start_is_stable_at_the_depth_of_the_paper():
    # Steps averaged over CG's own, the paper's choice, reach 6400 % at 10 layers.
    block = frame()
    deep = evm_percent(make_detector("deep-cg", "64-qam", num_layers=120, load=20 / 128), block)
    assert deep == pytest.approx(evm_percent(load("deep-cg-20x128-64qam"), block), rel=0.05)
    assert deep < 4.6


def test_filter_is_the_last_layer():
    block = frame(channels=2)
    network = load("deep-cg-20x128-64qam")
    prepared = network.prepare(block.h, block.noise_var)
    raw = network.iterates(prepared, block.y)[-1]
    x_hat = network.detect(prepared, block.y).x_hat
    torch.testing.assert_close(x_hat, raw * prepared.scale, rtol=1e-3, atol=1e-3)


def test_error_variance_is_that_of_the_errors():
    block = frame(channels=64, snr_db=14.0)
    network = make_detector("deep-cg", "64-qam", num_layers=8, load=20 / 128)
    detection = network(block.y, block.h, block.noise_var)
    errors = (detection.x_hat - network.constellation.map(block.indices)).abs().square()
    assert float((errors.mean() / detection.error_var.mean()).detach()) == pytest.approx(
        1, abs=0.05
    )


def test_training_in_the_frame_helps_and_is_blind():
    block = frame(channels=3, reuse=200)
    start = make_detector("deep-cg", "64-qam", num_layers=8, load=20 / 128)
    online = make_detector("deep-cg-online", "64-qam", num_layers=8, load=20 / 128, num_steps=30)
    prepared = online.prepare(block.h, block.noise_var)
    raw = online.detect(prepared, block.y).x_hat / prepared.scale
    assert evm_percent(start, block, raw) < 0.9 * evm_percent(start, block)


def gradients(num_layers, seed=1):
    """Autograd's and the paper's closed forms of d |r_L|^2 / 2, for alpha, beta and rho."""
    generator = Generator().manual_seed(seed)
    h = torch.randn(12, 5, generator=generator, dtype=torch.float64) / 12**0.5
    system, b = h.T @ h, torch.randn(1, 5, generator=generator, dtype=torch.float64)
    alpha = torch.full((num_layers,), 0.6, dtype=torch.float64, requires_grad=True)
    beta = torch.full((num_layers - 1,), 0.3, dtype=torch.float64, requires_grad=True)
    rho = torch.full((num_layers,), 0.05, dtype=torch.float64, requires_grad=True)
    # The recursion once more, with every p and q at hand.
    residual = b
    direction = residual @ system + rho[0] * residual
    directions, products = [], []
    for layer in range(num_layers):
        product = direction @ system + rho[layer] * direction
        directions.append(direction)
        products.append(product)
        residual = residual - alpha[layer] * product
        if layer < num_layers - 1:
            image = residual @ system + rho[layer] * residual
            direction = image + beta[layer] * direction
    true = torch.autograd.grad(residual.square().sum() / 2, (alpha, beta, rho))
    r = residual.detach()
    with torch.no_grad():
        eq6 = torch.stack([-(r * q).sum() for q in products])
        eq8 = []
        for layer in range(num_layers - 1):
            image = directions[layer] @ system + rho[layer + 1] * directions[layer]
            eq8.append(-alpha[-1] * (r * image).sum() * beta[layer + 1 :].prod())
        eq9 = torch.stack([-a * (r * p).sum() for a, p in zip(alpha, directions, strict=True)])
    # The same recursion as the detector's.
    *_, x = unfold(system, b, Parameters(alpha, beta, rho))
    estimate = sum(a * p for a, p in zip(alpha, directions, strict=True))
    torch.testing.assert_close(x, estimate)
    return list(zip(true, (eq6, torch.stack(eq8), eq9), strict=True))


def test_closed_form_gradients_of_the_paper_hold_for_the_last_layer_only():
    for autograd, printed in gradients(num_layers=5):
        torch.testing.assert_close(autograd[-1], printed[-1])
        relative = (autograd[:-1] - printed[:-1]).abs() / autograd[:-1].abs()
        assert (relative > 0.1).all()


def train_steps(system, loss_of, num_layers=8, num_steps=100):
    """EVM in per cent and loss, before and after learning alpha, beta and rho."""
    start = squared_chebyshev_steps(20 / 128, num_layers)
    rho = torch.zeros(num_layers, dtype=torch.float64)
    steps = Steps(*(v.clone().requires_grad_() for v in (start.alpha, start.beta, rho)))
    optimizer = torch.optim.Adam(steps, lr=0.01)
    found = []
    for _ in range(num_steps + 1):
        trace = run_fixed(system, steps)
        loss = loss_of(trace).square().mean()
        error = (trace.s - system.x).detach().square().sum() / system.x.square().sum()
        found.append((100 * float(error.sqrt()), float(loss.detach())))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return found[0], found[-1]


def test_recursive_residual_is_a_trap_once_rho_is_learned():
    system = draw_systems(Scenario.shipped("deepcg-20x128-64qam"), 20.0, 32, seed=5)
    before, after = train_steps(system, lambda trace: trace.r[-1])
    assert after[1] < before[1] / 20
    assert after[0] > 1.3 * before[0]

    def true_residual(trace):
        return system.right - (system.matrix @ trace.s.unsqueeze(-1)).squeeze(-1)

    before, after = train_steps(system, true_residual)
    assert after[1] < before[1] / 10
    assert after[0] < 0.7 * before[0]


def test_averages_of_the_steps_that_cg_computes_diverge():
    system = draw_systems(Scenario.shipped("deepcg-20x128-64qam"), 20.0, 128, seed=3)

    def evm(steps):
        error = (run_fixed(system, steps).s - system.x).square().sum() / system.x.square().sum()
        return 100 * float(error.sqrt())

    start = squared_chebyshev_steps(20 / 128, 10)
    assert evm(Steps(*start, torch.zeros(10).double())) < 10
    assert evm(average_exact_steps(system, 5)) > 10
    assert evm(average_exact_steps(system, 10)) > 500


def test_cgnr_stays_put_where_its_energies_underflow():
    generator = Generator().manual_seed(0)
    h = torch.randn(256, 64, 2, dtype=torch.complex64, generator=generator)
    y = torch.randn(256, 1, 64, dtype=torch.complex64, generator=generator)
    detector = make_detector("cgnr", "qpsk", num_iter=120)
    iterates = detector.iterates(detector.prepare(h, 0.1), y)
    assert torch.equal(iterates[-1], iterates[20])


def test_many_layers_bear_a_channel_beyond_the_spectrum_of_their_load():
    # Two users on one line: its eigenvalue of 2 lies beyond the edge of two users on 128 antennas.
    h = torch.ones(128, 2, dtype=torch.complex64)
    h[:64, 1] = 0.9
    y = h.sum(-1).unsqueeze(0)
    network = make_detector("deep-cg", "qpsk", num_layers=200, load=2 / 128)
    with torch.no_grad():
        x = network.iterates(network.prepare(h, 0.1), y)[-1]
    torch.testing.assert_close(x.sum().real, torch.tensor(2.0), rtol=1e-2, atol=0)
