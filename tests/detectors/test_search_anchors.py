"""Error rates and soft-output quality of the references at published operating points."""

import math

import pytest
import torch
from torch import Tensor

from mimolearn import Detection, make_detector
from mimolearn.link.scenario import Block, Scenario


def error_rates(detection: Detection, block: Block) -> Tensor:
    """One bit error rate a channel."""
    bits = detection.constellation.indices_to_bits(block.indices)
    return (detection.bits() != bits).double().mean((-1, -2, -3))


def assert_rate(rates: Tensor, expected: float, rel: float) -> None:
    """Within four deviations over channels, plus what the anchor itself is uncertain by."""
    deviation = float(rates.std()) / math.sqrt(rates.numel())
    assert abs(float(rates.mean()) - expected) < 4 * deviation + rel * expected


def gmi(detection: Detection, block: Block) -> Tensor:
    """Generalised mutual information per bit of raw LLRs, one value a channel."""
    bits = detection.constellation.indices_to_bits(block.indices).double()
    loss = torch.nn.functional.softplus((1 - 2 * bits) * detection.llr().double())
    return 1 - loss.mean((-1, -2, -3)) / math.log(2)


def test_exact_ml_and_sdr_at_bpsk_30x60() -> None:
    scenario = Scenario(
        num_tx_ant=30,
        num_rx_ant=60,
        constellation="bpsk",
        channel={"model": "real-gaussian"},
        snr_definition="per_realisation",
    )
    block = scenario.draw(8.0, 3000, torch.Generator().manual_seed(8))
    inputs = block.y, block.h, block.noise_var
    ml = error_rates(make_detector("sphere", "bpsk")(*inputs), block)
    sdr = error_rates(make_detector("sdr", "bpsk")(*inputs), block)
    assert_rate(ml, 1.03e-2, 0.03)
    assert_rate(sdr, 1.04e-2, 0.03)
    assert float(sdr.mean()) < 1.05 * float(ml.mean())


@pytest.mark.parametrize(
    ("constellation", "num_rx_ant", "snr_db", "num_channels"),
    [("bpsk", 64, 4.03, 3000), ("bpsk", 32, 7.29, 3000), ("qpsk", 64, 7.06, 1000)],
)
def test_exact_ml_reaches_one_error_in_a_thousand_bits(
    constellation: str, num_rx_ant: int, snr_db: float, num_channels: int
) -> None:
    scenario = Scenario(
        num_tx_ant=32,
        num_rx_ant=num_rx_ant,
        constellation=constellation,
        channel={"model": "rayleigh", "entry_variance": "1/Nr"},
        snr_definition="per_symbol",
        channel_reuse=4,
    )
    block = scenario.draw(snr_db, num_channels, torch.Generator().manual_seed(4))
    detection = make_detector("sphere", constellation)(block.y, block.h, block.noise_var)
    assert detection.incomplete is not None
    assert not detection.incomplete.any()
    assert_rate(error_rates(detection, block), 1.0e-3, 0.05)


@pytest.mark.parametrize(
    ("name", "options", "expected", "rate"),
    [
        ("ml", {}, 0.741, 0.083),
        ("ml", {"demapping": "max-log"}, 0.733, 0.083),
        ("soft-sphere", {}, 0.733, 0.087),
        ("mmse-sic", {}, 0.558, 0.091),
        ("zf-sic", {}, 0.482, 0.094),
    ],
)
def test_soft_output_at_2x2_64_qam(
    name: str, options: dict[str, str], expected: float, rate: float
) -> None:
    scenario = Scenario(
        num_tx_ant=2, num_rx_ant=2, constellation="64-qam", snr_definition="per_stream"
    )
    block = scenario.draw(16.0, 3000, torch.Generator().manual_seed(64))
    detection = make_detector(name, "64-qam", **options)(block.y, block.h, block.noise_var)
    assert_rate(gmi(detection, block), expected, 0.01)
    assert_rate(error_rates(detection, block), rate, 0.03)


@pytest.mark.parametrize(
    ("name", "options", "expected", "rate"),
    [
        ("soft-sphere", {}, 0.73, 0.08),
        ("k-best", {"k": 64}, 0.73, 0.08),
        ("mmse-sic", {}, 0.406, 0.110),
        ("zf-sic", {}, 0.098, 0.136),
    ],
)
def test_soft_output_at_4x4_16_qam(
    name: str, options: dict[str, int], expected: float, rate: float
) -> None:
    scenario = Scenario(
        num_tx_ant=4, num_rx_ant=4, constellation="16-qam", snr_definition="per_stream"
    )
    block = scenario.draw(8.0, 3000, torch.Generator().manual_seed(16))
    detection = make_detector(name, "16-qam", **options)(block.y, block.h, block.noise_var)
    assert_rate(gmi(detection, block), expected, 0.01)
    assert_rate(error_rates(detection, block), rate, 0.03)
