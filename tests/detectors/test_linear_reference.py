"""Linear and iterative detectors against numpy formulas and closed-form error rates."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mimolearn.detection import GaussianDetection
from mimolearn.detectors import Detector, make_detector
from mimolearn.detectors.linear.cg import ConjugateGradient
from mimolearn.detectors.linear.gauss_seidel import GaussSeidel
from mimolearn.detectors.linear.lmmse import LMMSE
from mimolearn.detectors.linear.neumann import Neumann
from mimolearn.detectors.linear.wl_cg import WidelyLinearCG
from mimolearn.detectors.message_passing.oamp import OAMP
from mimolearn.link.scenario import Block, Scenario

SIGMA2 = 0.3


def gaussian(detector: Detector, block: Block) -> GaussianDetection:
    detection = detector(block.y, block.h, block.noise_var)
    assert isinstance(detection, GaussianDetection)
    return detection


@pytest.fixture
def block() -> Block:
    scenario = Scenario(num_tx_ant=3, num_rx_ant=5, constellation="16-qam")
    block = scenario.draw(0, 1, torch.Generator().manual_seed(6), torch.complex128)
    return block._replace(noise_var=torch.tensor([SIGMA2], dtype=torch.float64))


def numpy_filter(name: str, h: np.ndarray) -> np.ndarray:
    """F of x_raw = F y, written for one channel with dense inverses."""
    nt = h.shape[1]
    gram = h.conj().T @ h
    a = gram + SIGMA2 * np.eye(nt)
    d_inv = np.diag(1 / np.diag(a))
    if name == "mrc":
        inverse = np.diag(1 / np.diag(gram))
    elif name == "zf":
        return np.linalg.pinv(h)
    elif name == "lmmse":
        # The other side of the matrix inversion lemma.
        return h.conj().T @ np.linalg.inv(h @ h.conj().T + SIGMA2 * np.eye(h.shape[0]))
    elif name == "neumann":
        series = [np.linalg.matrix_power(-d_inv @ (a - np.diag(np.diag(a))), k) for k in range(4)]
        inverse = sum(series) @ d_inv
    else:
        lower, upper = np.tril(a), np.triu(a, 1)
        inverse = d_inv
        for _ in range(4):
            inverse = np.linalg.inv(lower) @ (np.eye(nt) - upper @ inverse)
    return inverse @ h.conj().T


@pytest.mark.parametrize("constellation", ["bpsk", "16-qam"])
@pytest.mark.parametrize("name", ["mrc", "zf", "lmmse", "neumann", "gauss-seidel"])
def test_estimate_and_error_variance_follow_from_the_filter(
    name: str, constellation: str, block: Block
) -> None:
    """Gain and error power counted from F and H alone, entry by entry."""
    h, y = block.h[0].numpy(), block.y[0, 0].numpy()
    f = numpy_filter(name, h)
    response = f @ h
    gain = np.diag(response)
    detection = gaussian(make_detector(name, constellation), block)
    np.testing.assert_allclose(detection.x_hat[0, 0], (f @ y) / gain, rtol=1e-10)
    for i in range(3):
        interference = np.delete(response[i] / gain[i], i)
        # Only the real half acts on BPSK, and error_var is stated as twice that half.
        power = (
            2 * np.real(interference) ** 2 if constellation == "bpsk" else np.abs(interference) ** 2
        )
        noise = SIGMA2 * np.sum(np.abs(f[i] / gain[i]) ** 2)
        np.testing.assert_allclose(
            detection.error_var[0, 0, i], power.sum() + noise, rtol=1e-9, err_msg=f"stream {i}"
        )


def test_wl_lmmse_against_numpy(block: Block) -> None:
    h, y = block.h[0].numpy(), block.y[0, 0].numpy()
    hr, yr = np.vstack([np.real(h), np.imag(h)]), np.concatenate([np.real(y), np.imag(y)])
    f = hr.T @ np.linalg.inv(hr @ hr.T + SIGMA2 / 2 * np.eye(10))
    response = f @ hr
    detection = gaussian(make_detector("wl-lmmse", "bpsk"), block)
    gain = np.diag(response)
    np.testing.assert_allclose(detection.x_hat[0, 0].real, f @ yr / gain, rtol=1e-10)
    np.testing.assert_allclose(detection.error_var[0, 0] / 2, (1 - gain) / gain, rtol=1e-10)


def test_wl_detectors_equal_plain_ones_for_qam(block: Block) -> None:
    for plain in ("lmmse", "cg"):
        one = make_detector(plain, "16-qam")(block.y, block.h, block.noise_var)
        other = make_detector(f"wl-{plain}", "16-qam")(block.y, block.h, block.noise_var)
        assert torch.equal(one.llr(), other.llr())


def test_biased_lmmse_keeps_the_bias(block: Block) -> None:
    f = numpy_filter("lmmse", block.h[0].numpy())
    detection = gaussian(LMMSE("16-qam", biased=True), block)
    gain = np.real(np.diag(f @ block.h[0].numpy()))
    np.testing.assert_allclose(detection.x_hat[0, 0], f @ block.y[0, 0].numpy(), rtol=1e-10)
    np.testing.assert_allclose(detection.error_var[0, 0], gain * (1 - gain), rtol=1e-9)


def test_converged_iterations_reach_lmmse(block: Block) -> None:
    """CG is exact after Nt steps, and stays there for more."""
    f = numpy_filter("lmmse", block.h[0].numpy())
    expected = torch.from_numpy(f @ block.y[0, 0].numpy())
    h, y, noise_var = block.h, block.y, block.noise_var
    iterative = [
        (ConjugateGradient("16-qam", 3), 1e-9),
        (ConjugateGradient("16-qam", 60), 1e-9),
        (GaussSeidel("16-qam", 200), 1e-9),
    ]
    for detector, tol in iterative:
        raw = detector.iterates(detector.prepare(h, noise_var), y)[-1][0, 0]
        torch.testing.assert_close(raw, expected, rtol=tol, atol=tol)
    wl = WidelyLinearCG("bpsk", 3)
    raw = wl.iterates(wl.prepare(h, noise_var), y)[-1]
    reference = make_detector("wl-lmmse", "bpsk").prepare(h, noise_var)
    unbiased = gaussian(make_detector("wl-lmmse", "bpsk"), block).x_hat
    torch.testing.assert_close(raw, unbiased / reference.scale, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("detector", [Neumann("16-qam", 5), GaussSeidel("16-qam", 3)])
def test_matrix_form_equals_vector_iteration(detector: Neumann | GaussSeidel, block: Block) -> None:
    prepared = detector.prepare(block.h, block.noise_var)
    raw = detector.iterates(prepared, block.y)[-1]
    torch.testing.assert_close(
        gaussian(detector, block).x_hat, raw * prepared.scale, rtol=1e-10, atol=1e-10
    )


def test_lmmse_error_variance_is_accurate_at_high_snr() -> None:
    """1 - g lost its digits in float32 if it were computed as that difference."""
    scenario = Scenario(num_tx_ant=4, num_rx_ant=8, constellation="64-qam")
    block = scenario.draw(55, 50, torch.Generator().manual_seed(0), torch.complex128)
    exact = LMMSE("64-qam").prepare(block.h, block.noise_var).error_var
    prepared = LMMSE("64-qam").prepare(block.h.to(torch.complex64), block.noise_var)
    single = prepared.state.error_var
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=0)


def oamp_real_form(h: np.ndarray, y: np.ndarray, levels: np.ndarray, layers: int) -> np.ndarray:
    """Untrained OAMP-Net2 as published: real form, dense matrices, one vector."""
    hr = np.block([[np.real(h), -np.imag(h)], [np.imag(h), np.real(h)]])
    yr = np.concatenate([np.real(y), np.imag(y)])
    m, n = h.shape
    x = np.zeros(2 * n)
    r = x
    for _ in range(layers):
        z = yr - hr @ x
        v2 = max((z @ z - m * SIGMA2) / np.trace(hr.T @ hr), 1e-9)
        w = v2 * hr.T @ np.linalg.inv(v2 * hr @ hr.T + SIGMA2 / 2 * np.eye(2 * m))
        w = 2 * n / np.trace(w @ hr) * w
        r = x + w @ z
        c = np.eye(2 * n) - w @ hr
        tau2 = v2 * np.trace(c @ c.T) / (2 * n) + SIGMA2 * np.trace(w @ w.T) / (4 * n)
        metric = -((r[:, None] - levels) ** 2) / (2 * tau2)
        weights = np.exp(metric - metric.max(1, keepdims=True))
        x = (weights @ levels) / weights.sum(1)
    return r


@pytest.mark.parametrize("layers", [1, 2, 10])
def test_oamp_equals_the_published_real_form(layers: int, block: Block) -> None:
    levels = np.array([-3, -1, 1, 3]) / math.sqrt(10)
    r = oamp_real_form(block.h[0].numpy(), block.y[0, 0].numpy(), levels, layers)
    detection = gaussian(OAMP("16-qam", layers, variances="shared"), block)
    np.testing.assert_allclose(detection.x_hat[0, 0], r[:3] + 1j * r[3:], rtol=1e-8)


def q(x: float) -> float:
    return 0.5 * math.erfc(x / math.sqrt(2))


def awgn_ber(constellation: str, noise_var: float) -> float:
    """Gray-labelled bit error rates (Cho and Yoon 2002 for QAM)."""
    if constellation == "bpsk":
        return q(math.sqrt(2 / noise_var))
    if constellation == "qpsk":
        return q(math.sqrt(1 / noise_var))
    if constellation == "16-qam":
        a = math.sqrt(1 / (5 * noise_var))
        return 0.75 * q(a) + 0.5 * q(3 * a) - 0.25 * q(5 * a)
    a = math.sqrt(1 / (21 * noise_var))
    return (7 * q(a) + 6 * q(3 * a) - q(5 * a) + q(9 * a) - q(13 * a)) / 12


def diversity_ber(branch_snr: float, order: int) -> float:
    """BPSK bit error rate of ``order`` equal Rayleigh branches (Proakis)."""
    mu = math.sqrt(branch_snr / (1 + branch_snr))
    head = ((1 - mu) / 2) ** order
    return head * sum(math.comb(order - 1 + k, k) * ((1 + mu) / 2) ** k for k in range(order))


def assert_binomial(errors: int, trials: int, rate: float, dependence: float = 1.0) -> None:
    """Within four standard errors; dependence: how many bits share one fade."""
    tolerance = 4 * math.sqrt(dependence * rate * (1 - rate) / trials)
    assert abs(errors / trials - rate) < tolerance, (errors / trials, rate)


def bit_errors(name: str, constellation: str, y: Tensor, h: Tensor, v: float, sent: Tensor) -> int:
    detector = make_detector(name, constellation)
    bits = detector.constellation.indices_to_bits(sent)
    return int((detector(y, h, v).bits() != bits).sum())


@pytest.mark.parametrize("name", ["mrc", "zf", "lmmse", "wl-lmmse", "cg", "neumann", "ep", "oamp"])
@pytest.mark.parametrize(
    ("constellation", "noise_var"),
    [("bpsk", 0.5), ("qpsk", 0.3), ("16-qam", 0.08), ("64-qam", 0.02)],
)
def test_awgn(name: str, constellation: str, noise_var: float) -> None:
    """One antenna each way: every method is the slicer."""
    generator = torch.Generator().manual_seed(8)
    points = make_detector(name, constellation).constellation
    sent = torch.randint(points.num_points, (1, 20_000, 1), generator=generator)
    noise = torch.randn(sent.shape, generator=generator, dtype=torch.complex64)
    h = torch.tensor([[[0.6 - 0.8j]]])
    y = points.map(sent) * (0.6 - 0.8j) + noise * noise_var**0.5
    errors = bit_errors(name, constellation, y, h, noise_var, sent)
    assert_binomial(
        errors, sent.numel() * points.bits_per_symbol, awgn_ber(constellation, noise_var)
    )


@pytest.mark.parametrize(
    ("name", "constellation", "nt", "order"),
    [("mrc", "bpsk", 1, 4), ("lmmse", "qpsk", 1, 4), ("zf", "bpsk", 3, 2), ("zf", "qpsk", 4, 1)],
)
def test_rayleigh_diversity(name: str, constellation: str, nt: int, order: int) -> None:
    """MRC of one stream has order Nr, zero forcing Nr - Nt + 1, exactly."""
    scenario = Scenario(
        num_tx_ant=nt, num_rx_ant=4, constellation=constellation, snr_definition="per_stream"
    )
    block = scenario.draw(5, 30_000, torch.Generator().manual_seed(9))
    snr = 10**0.5 * (1 if constellation == "bpsk" else 0.5)
    noise_var = float(block.noise_var[0])
    errors = bit_errors(name, constellation, block.y, block.h, noise_var, block.indices)
    bits = nt * scenario.points().bits_per_symbol
    assert_binomial(errors, 30_000 * bits, diversity_ber(snr, order), dependence=bits)
