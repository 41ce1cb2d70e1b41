"""Every SNR definition against powers measured on drawn blocks, and against each other."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mimolearn import InvalidInputError, Scenario
from mimolearn.link.codes import CodedLink
from mimolearn.link.scenario import Block
from mimolearn.snr import noise_variance, snr_definitions, snr_label

SNR_DB = 7.0
SNR = 10 ** (SNR_DB / 10)
# About 2e5 noise samples and 5e4 symbols: their powers are known to about 1 % (three sigma).
TOLERANCE = 0.015


def measure(scenario: Scenario, num_channels: int = 1500) -> tuple[Block, Tensor, Tensor]:
    """The block, its symbols x and its noise n = y - H x."""
    block = scenario.draw(SNR_DB, num_channels, torch.Generator().manual_seed(11), torch.complex128)
    x = scenario.points().map(block.indices, torch.complex128)
    return block, x, block.y - x @ block.h.mT


def power(x: Tensor) -> float:
    """Mean squared norm of the vectors along the last axis."""
    return x.abs().square().sum(-1).mean().item()


def a_scenario(definition: str, entry_variance: str, constellation: str = "16-qam") -> Scenario:
    return Scenario(
        num_tx_ant=5,
        num_rx_ant=13,
        constellation=constellation,
        channel={"model": "rayleigh", "entry_variance": entry_variance},
        channel_reuse=10,
        snr_definition=definition,
    )


# What each name promises, from measured E||s||^2, E||Hs||^2, E||n||^2, E||h_k||^2; Nr, Nt, K.
MEASURED = {
    "per_symbol": lambda s, hs, n, hk, nr, nt, k: s / n,
    "received": lambda s, hs, n, hk, nr, nt, k: hs / n,
    "per_stream": lambda s, hs, n, hk, nr, nt, k: (s / nt) / (n / nr),
    "matched_filter": lambda s, hs, n, hk, nr, nt, k: (s / nt) * hk / (n / nr),
    "receive_antenna": lambda s, hs, n, hk, nr, nt, k: s / (n / nr),
    "ebn0": lambda s, hs, n, hk, nr, nt, k: (s / nt / k) / (n / nr),
}


@pytest.mark.parametrize("entry_variance", ["1", "1/Nr", "1/Nt"])
@pytest.mark.parametrize("definition", MEASURED)
def test_measured_powers_give_the_snr_asked_for(definition: str, entry_variance: str) -> None:
    scenario = a_scenario(definition, entry_variance)
    block, x, noise = measure(scenario)
    column = block.h.abs().square().sum(-2).mean().item()
    signal = power(x @ block.h.mT)
    measured = MEASURED[definition](power(x), signal, power(noise), column, 13, 5, 4)
    assert measured == pytest.approx(SNR, rel=TOLERANCE)


def test_all_definitions_are_measured_here() -> None:
    assert {*MEASURED, "per_realisation"} == set(snr_definitions())


def test_noise_is_circular() -> None:
    _, _, noise = measure(a_scenario("per_stream", "1"))
    assert noise.real.square().mean().item() == pytest.approx(0.5 / SNR, rel=TOLERANCE)
    assert noise.imag.square().mean().item() == pytest.approx(0.5 / SNR, rel=TOLERANCE)
    assert abs((noise.real * noise.imag).mean().item()) < TOLERANCE / SNR


@pytest.mark.parametrize(
    ("channel", "constellation"), [("real-gaussian", "bpsk"), ("rayleigh", "qpsk")]
)
def test_per_realisation_is_detnets_in_real_dimensions(channel: str, constellation: str) -> None:
    """SNR = E_d tr(Hr^T Hr) / (K sigma_d^2), for every channel, on the stacked real model."""
    scenario = Scenario(
        num_tx_ant=4,
        num_rx_ant=6,
        constellation=constellation,
        channel={"model": channel},
        channel_reuse=4000,
        snr_definition="per_realisation",
    )
    block, x, noise = measure(scenario, num_channels=12)
    if constellation == "bpsk":
        # Real symbols and a real channel: the imaginary dimension carries nothing.
        real_h, symbol_energy = block.h.real, x.real.square().mean((-2, -1))
        assert torch.equal(block.h.imag, torch.zeros_like(block.h.imag))
    else:
        top = torch.cat([block.h.real, -block.h.imag], -1)
        real_h = torch.cat([top, torch.cat([block.h.imag, block.h.real], -1)], -2)
        symbol_energy = torch.view_as_real(x).square().mean((-3, -2, -1))
    noise_energy = noise.real.square().mean((-2, -1))
    trace = real_h.square().sum((-2, -1))
    measured = symbol_energy * trace / real_h.shape[-1] / noise_energy
    torch.testing.assert_close(
        measured, torch.full((12,), SNR, dtype=torch.float64), rtol=0.05, atol=0
    )
    # The channels' own energies differ far more than that.
    assert float(trace.max() / trace.min()) > 1.3


def test_per_realisation_gives_one_noise_level_a_channel() -> None:
    block, _, _ = measure(a_scenario("per_realisation", "1"), num_channels=7)
    assert block.noise_var.shape == (7,)
    assert len(block.noise_var.unique()) == 7


@pytest.mark.parametrize(
    ("source", "definition", "entry_variance", "rho_over_snr"),
    [
        ("EQ-Net", "per_stream", "1", 13.0),
        ("OAMP-Net2", "per_stream", "1/Nr", 1.0),
        ("MMNet, RE-MIMO", "received", "1/Nr", 13 / 5),
        ("LcgNet, paper", "per_symbol", "1/Nt", (13 / 5) ** 2),
        ("LcgNet, code", "per_symbol", "1/Nr", 13 / 5),
    ],
)
def test_matched_filter_snr_of_published_definitions(
    source: str, definition: str, entry_variance: str, rho_over_snr: float
) -> None:
    """rho = E|s_k|^2 E||h_k||^2 / sigma^2 is what makes works comparable: measured, per source."""
    block, x, noise = measure(a_scenario(definition, entry_variance))
    rho = (power(x) / 5) * block.h.abs().square().sum(-2).mean().item() / (power(noise) / 13)
    assert rho / SNR == pytest.approx(rho_over_snr, rel=TOLERANCE), source


def test_code_rate_counts_information_bits() -> None:
    options = {"num_tx_ant": 2, "num_rx_ant": 2, "constellation": "64-qam"}
    uncoded = noise_variance("ebn0", 3, **options)
    half = noise_variance("ebn0", 3, **options, code_rate=0.5)
    assert half.item() == pytest.approx(2 * uncoded.item())
    assert uncoded.item() == pytest.approx(1 / (6 * 10**0.3))


@pytest.mark.parametrize("definition", snr_definitions())
def test_ten_db_more_is_a_tenth_of_the_noise(definition: str) -> None:
    h = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.complex64)
    options = {"num_tx_ant": 3, "num_rx_ant": 4, "constellation": "qpsk", "h": h}
    low, high = (noise_variance(definition, snr_db, **options) for snr_db in (0, 10))
    torch.testing.assert_close(low, 10 * high)
    assert "dB" in snr_label(definition)


@pytest.mark.parametrize("snr_db", [math.nan, math.inf, -math.inf, 1e4, "10", None, True])
def test_an_snr_is_a_finite_number_of_db(snr_db: object) -> None:
    with pytest.raises(InvalidInputError, match=r"^snr_db: got .*, expected a finite number"):
        noise_variance("received", snr_db, num_tx_ant=2, num_rx_ant=2, constellation="qpsk")


def test_unknown_definition_and_missing_channels() -> None:
    options = {"num_tx_ant": 2, "num_rx_ant": 2, "constellation": "qpsk"}
    with pytest.raises(InvalidInputError, match=r"did you mean 'received'"):
        noise_variance("recieved", 10, **options)
    with pytest.raises(InvalidInputError, match=r"^h: got None"):
        noise_variance("per_realisation", 10, **options)
    with pytest.raises(InvalidInputError, match="snr_definition"):
        snr_label("snr")


LEFT_OVER = [
    {"num_tx_ant": 5, "constellation": "256-qam"},  # 640 of 648 bits
    {"num_tx_ant": 40, "constellation": "256-qam"},  # 640 of 648 bits, 2 uses
    {"num_tx_ant": 25, "constellation": "64-qam", "channel_reuse": 2},  # 600 of 648 bits
]
FIVE_G = {"code": "5g-ldpc", "num_info_bits": 100, "num_coded_bits": 250}


@pytest.mark.parametrize("transmissions", [1, 2])
@pytest.mark.parametrize(
    ("size", "coding"),
    [
        *((size, {}) for size in LEFT_OVER),
        # Filler bits and the first 2 Z bits of 5G are not sent either.
        ({"num_tx_ant": 4, "constellation": "qpsk"}, FIVE_G),  # 248 of 250 bits
        ({"num_tx_ant": 20, "constellation": "256-qam"}, FIVE_G),  # 160 of 250 bits
        ({"num_tx_ant": 2, "constellation": "16-qam", "channel_reuse": 81}, {}),  # all
    ],
)
def test_ebn0_is_the_energy_that_is_sent_per_information_bit(size, coding, transmissions) -> None:
    harq = None if transmissions == 1 else {"transmissions": transmissions, "combining": "chase"}
    scenario = Scenario(num_rx_ant=64, snr_definition="ebn0", coding=coding, harq=harq, **size)
    link = CodedLink(scenario)
    symbols = link.draw(200, torch.Generator().manual_seed(3))
    block = link.transmit(symbols, SNR_DB, torch.Generator().manual_seed(4))
    x = scenario.points().map(block.indices, torch.complex128)
    energy = float(x.abs().square().sum()) / symbols.info.numel()
    noise = block.y.to(x.dtype) - x @ block.h.to(x.dtype).mT
    n0 = float(noise.abs().square().mean())
    assert energy / n0 == pytest.approx(SNR, rel=0.03)
    assert scenario.code_rate == pytest.approx(symbols.info.numel() / symbols.sent.numel())


def test_the_key_tells_where_ebn0_meant_other_noise() -> None:
    """Results from when Eb/N0 counted bits that are not sent are not taken up again."""
    links = [
        Scenario(num_tx_ant=nt, num_rx_ant=4, constellation=name, snr_definition="ebn0", coding={})
        for nt, name in ((4, "16-qam"), (2, "64-qam"))
    ]
    left_over, whole = links

    def as_before(link: Scenario) -> dict[str, Any]:
        new = {"name", "draws", "harq", "replicate"}
        exclude = {**dict.fromkeys(new, True), "coding": {"decoder", "decoder_bits"}}
        content = {"schema": 1, **link.model_dump(mode="json", exclude=exclude)}
        content["coding"]["transmissions"], content["csi"]["noise"] = 1, "thermal"
        return content

    content = as_before(left_over)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert left_over.key() != hashlib.sha256(text.encode()).hexdigest()[:16]
    content = as_before(whole)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert whole.key() == hashlib.sha256(text.encode()).hexdigest()[:16]
