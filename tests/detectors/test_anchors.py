"""Reference numbers that papers and independent measurements give for these detectors.

Each is a rate or an error power at a fixed seed; tolerances are a few standard errors of both
sides, since the references are sampled too.
"""

import math

import pytest
import torch

from mimolearn.detection import GaussianDetection
from mimolearn.detectors import Detector, make_detector
from mimolearn.detectors.linear.cg import ConjugateGradient
from mimolearn.detectors.linear.gauss_seidel import GaussSeidel
from mimolearn.detectors.linear.neumann import Neumann
from mimolearn.detectors.linear.wl_cg import WidelyLinearCG
from mimolearn.link.scenario import Block, Scenario

LCG = Scenario(
    num_tx_ant=32,
    num_rx_ant=64,
    constellation="bpsk",
    channel={"model": "rayleigh", "entry_variance": "1/Nr"},
    snr_definition="per_symbol",
    channel_reuse=4,
)
DEEP_CG = Scenario(
    num_tx_ant=20,
    num_rx_ant=128,
    constellation="64-qam",
    snr_definition="receive_antenna",
    channel_reuse=8,
)


def draw(scenario: Scenario, snr_db: float, num_channels: int, seed: int = 0) -> Block:
    return scenario.draw(snr_db, num_channels, torch.Generator().manual_seed(seed))


def ber(name: str, scenario: Scenario, block: Block) -> float:
    detector = make_detector(name, scenario.constellation)
    bits = detector.constellation.indices_to_bits(block.indices)
    detection = detector(block.y, block.h_hat, block.noise_var)
    assert detection.finite().all()
    return (detection.bits() != bits).double().mean().item()


def ser(name: str, scenario: Scenario, block: Block) -> float:
    detection = make_detector(name, scenario.constellation)(block.y, block.h_hat, block.noise_var)
    return (detection.indices() != block.indices).double().mean().item()


@pytest.mark.parametrize(
    ("snr_db", "name", "rate"),
    [
        (8, "wl-lmmse", 2.76e-2),
        (10, "wl-lmmse", 9.9e-3),
        (8, "zf", 4.06e-2),
        (10, "zf", 1.49e-2),
    ],
)
def test_detnet_channel(snr_db: float, name: str, rate: float) -> None:
    """BPSK, 30 x 60 real: the circular noise's other half must not matter to the real channel."""
    scenario = Scenario(
        num_tx_ant=30,
        num_rx_ant=60,
        constellation="bpsk",
        channel={"model": "real-gaussian"},
        snr_definition="per_realisation",
        channel_reuse=4,
    )
    assert ber(name, scenario, draw(scenario, snr_db, 2000)) == pytest.approx(rate, rel=0.05)


def mse_db(estimate: torch.Tensor, block: Block, scenario: Scenario) -> float:
    x = scenario.points().map(block.indices)
    return 10 * math.log10(float((estimate - x).abs().square().sum() / x.abs().square().sum()))


def test_lcgnet_mean_square_errors() -> None:
    """Raw estimates of CG, and of CG on the widely linear system, at 30, 10 and 5 dB."""
    expected = {
        30: {"cg": {6: -23.28, 13: -29.99}, "wl-cg": {5: -33.2, 6: -34.4}},
        10: {"cg": {13: -10.74}, "wl-cg": {5: -14.88, 6: -14.89}},
        5: {"cg": {13: -6.84}, "wl-cg": {5: -10.30, 6: -10.30}},
    }
    detectors = {"cg": ConjugateGradient("bpsk", 14), "wl-cg": WidelyLinearCG("bpsk", 7)}
    for snr_db, by_name in expected.items():
        block = draw(LCG, snr_db, 300)
        for name, levels in by_name.items():
            detector = detectors[name]
            iterates = detector.iterates(detector.prepare(block.h, block.noise_var), block.y)
            for index, level in levels.items():
                got = mse_db(iterates[index], block, LCG)
                assert got == pytest.approx(level, abs=0.2), (snr_db, name, index + 1)


@pytest.mark.parametrize(
    ("snr_db", "name", "rate"),
    [(4, "lmmse", 6.8e-3), (4, "wl-lmmse", 3.0e-3), (6, "lmmse", 1.37e-3)],
)
def test_lcgnet_error_rates(snr_db: float, name: str, rate: float) -> None:
    block = draw(LCG, snr_db, 3000, seed=1)
    assert ber(name, LCG, block) == pytest.approx(rate, rel=0.12)


def evm(detector: Detector, block: Block, raw: bool) -> float:
    prepared = detector.prepare(block.h, block.noise_var)
    if raw:
        assert isinstance(detector, ConjugateGradient | Neumann | GaussSeidel)
        estimate = detector.iterates(prepared, block.y)[-1]
    else:
        detection = detector.detect(prepared, block.y)
        assert isinstance(detection, GaussianDetection)
        estimate = detection.x_hat
    error = estimate - DEEP_CG.points().map(block.indices)
    return 100 * float(error.abs().square().mean().sqrt())


def test_deep_cg_error_vector_magnitudes() -> None:
    """K = 20, M = 128, 64-QAM, 20 dB. Published figures measure the raw, biased estimate.

    The published Gauss-Seidel sweeps start from zero.
    """
    block = draw(DEEP_CG, 20, 400)
    expected: list[tuple[Detector, float, bool]] = [
        (make_detector("zf", "64-qam"), 4.31, False),
        (make_detector("lmmse", "64-qam"), 4.30, False),
        (make_detector("mrc", "64-qam"), 38.8, False),
    ]
    for terms, level in {2: 21.9, 3: 14.8, 4: 10.9, 5: 8.8, 6: 7.4, 10: 5.2}.items():
        expected.append((Neumann("64-qam", terms), level, True))
    for sweeps, level in enumerate((28.7, 8.9, 4.94, 4.38, 4.31), start=1):
        expected.append((GaussSeidel("64-qam", sweeps, start="zero"), level, True))
    for steps, level in {3: 6.80, 4: 4.70, 5: 4.36, 6: 4.31, 7: 4.31}.items():
        expected.append((ConjugateGradient("64-qam", steps), level, True))
    for detector, level, raw in expected:
        assert evm(detector, block, raw) == pytest.approx(level, rel=0.045), (detector.name, level)


@pytest.mark.parametrize(
    ("size", "constellation", "snr_db", "lmmse", "oamp"),
    [
        (4, "qpsk", 10, 0.103, 0.080),
        (8, "qpsk", 15, 0.035, 0.0088),
        (8, "16-qam", 20, 0.204, 0.119),
    ],
)
def test_untrained_oamp_on_square_channels(
    size: int, constellation: str, snr_db: float, lmmse: float, oamp: float
) -> None:
    """The reference's MMSE at 16-QAM does not remove the bias; ours, which does, is better."""
    scenario = Scenario(
        num_tx_ant=size,
        num_rx_ant=size,
        constellation=constellation,
        channel={"model": "rayleigh", "entry_variance": "1/Nr"},
        snr_definition="per_stream",
    )
    block = draw(scenario, snr_db, 15_000)
    published = make_detector("oamp", constellation, variances="shared")
    wrong = published(block.y, block.h, block.noise_var).indices() != block.indices
    assert wrong.double().mean().item() == pytest.approx(oamp, rel=0.12)
    assert ser("oamp", scenario, block) < wrong.double().mean().item()
    detector = make_detector("lmmse", constellation, biased=True)
    biased = detector(block.y, block.h, block.noise_var).indices() != block.indices
    assert biased.double().mean().item() == pytest.approx(lmmse, rel=0.06)
    assert ser("lmmse", scenario, block) <= biased.double().mean().item()


def test_re_mimo_stored_results() -> None:
    """16-QAM, 16 x 64: MMSE 4.36e-2 (biased) and OAMP between AMP's and OAMPNet's at 9 dB."""
    scenario = Scenario(
        num_tx_ant=16,
        num_rx_ant=64,
        constellation="16-qam",
        channel={"model": "rayleigh", "entry_variance": "1/Nr"},
        snr_definition="received",
    )
    block = draw(scenario, 9, 2500)
    assert ser("lmmse", scenario, block) == pytest.approx(4.3e-2, rel=0.05)
    assert ser("oamp", scenario, block) == pytest.approx(2.45e-2, rel=0.08)
    assert ser("ep", scenario, block) == pytest.approx(2.45e-2, rel=0.08)


@pytest.mark.parametrize(
    ("size", "constellation", "snr_db", "gmi", "rate"),
    [
        (2, "64-qam", 16, 0.713, 0.093),
        (2, "64-qam", 18.5, 0.793, 0.066),
        (4, "16-qam", 8, 0.652, 0.110),
    ],
)
def test_lmmse_mutual_information(
    size: int, constellation: str, snr_db: float, gmi: float, rate: float
) -> None:
    scenario = Scenario(
        num_tx_ant=size, num_rx_ant=size, constellation=constellation, snr_definition="per_stream"
    )
    block = draw(scenario, snr_db, 8000)
    detection = make_detector("lmmse", constellation)(block.y, block.h, block.noise_var)
    signs = 2.0 * scenario.points().indices_to_bits(block.indices) - 1
    loss = torch.nn.functional.softplus(-signs * detection.llr()).mean() / math.log(2)
    assert 1 - loss.item() == pytest.approx(gmi, abs=0.013)
    assert ber("lmmse", scenario, block) == pytest.approx(rate, rel=0.06)
