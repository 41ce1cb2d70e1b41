"""An LLR of L has to mean that the bit is 1 with probability 1 / (1 + exp(-L))."""

import functools

import pytest
import torch
from torch import Tensor

from mimolearn.detectors import make_detector
from mimolearn.link.scenario import Scenario

SIZES = {"bpsk": 3.0, "qpsk": 4.0, "16-qam": 11.0}


@functools.lru_cache(maxsize=64)
def llrs_and_bits(
    name: str,
    constellation: str,
    options: tuple[tuple[str, float | str], ...] = (),
    channel: str = "rayleigh",
    size: tuple[int, int] = (16, 8),
    snr_db: float | None = None,
) -> tuple[Tensor, Tensor]:
    scenario = Scenario(
        num_tx_ant=size[1],
        num_rx_ant=size[0],
        constellation=constellation,
        channel={"model": channel, "entry_variance": "1/Nr"},
        snr_definition="per_stream",
        channel_reuse=2,
    )
    snr_db = SIZES[constellation] if snr_db is None else snr_db
    block = scenario.draw(snr_db, 1200, torch.Generator().manual_seed(12))
    detection = make_detector(name, constellation, **dict(options))(
        block.y, block.h, block.noise_var
    )
    bits = scenario.points().indices_to_bits(block.indices)
    return detection.llr().double().flatten(), bits.double().flatten()


def best_scale(llr: Tensor, bits: Tensor) -> float:
    """The factor on the LLRs that would maximise mutual information; 1 when calibrated.

    The mean of ln(1 + exp(-s L)), L signed so that positive is right, is convex in s: bisection on
    its slope.
    """
    signed = (2 * bits - 1) * llr
    low, high = 0.05, 4.0
    for _ in range(12):
        middle = (low + high) / 2
        if (signed * torch.sigmoid(-middle * signed)).mean() > 0:
            low = middle
        else:
            high = middle
    return low


EXACT = [
    ("lmmse", ()),
    ("zf", ()),
    ("wl-lmmse", ()),
    ("mrc", ()),
    ("neumann", (("num_terms", 3),)),
    ("gauss-seidel", (("num_iter", 2),)),
]


@pytest.mark.parametrize("constellation", list(SIZES))
@pytest.mark.parametrize(("name", "options"), [*EXACT, ("cg", ()), ("wl-cg", ())])
def test_frequency_of_ones_is_what_the_llr_says(
    name: str, options: tuple[tuple[str, float], ...], constellation: str
) -> None:
    llr, bits = llrs_and_bits(name, constellation, options)
    said = torch.sigmoid(llr)
    edges = torch.tensor([0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97], dtype=torch.float64)
    cells = torch.bucketize(said, edges)
    for cell in range(8):
        inside = cells == cell
        count = int(inside.sum())
        assert count > 100
        p, seen = said[inside].mean().item(), bits[inside].mean().item()
        # Two vectors share a channel; interference of 7 streams is not exactly Gaussian.
        tolerance = 4 * (2 * p * (1 - p) / count) ** 0.5 + 0.02
        assert abs(seen - p) < tolerance, (cell, count, p, seen)


@pytest.mark.parametrize("constellation", list(SIZES))
@pytest.mark.parametrize(("name", "options"), EXACT)
def test_no_scale_would_improve_the_llrs(
    name: str, options: tuple[tuple[str, float], ...], constellation: str
) -> None:
    llr, bits = llrs_and_bits(name, constellation, options)
    assert best_scale(llr, bits) == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("name", ["cg", "wl-cg"])
@pytest.mark.parametrize("constellation", list(SIZES))
@pytest.mark.parametrize("num_iter", [3, 8])
def test_large_system_statistics_of_cg(name: str, constellation: str, num_iter: int) -> None:
    """CG's error variance is the large-system one: within 10 % at 16 x 8 from 3 steps on."""
    llr, bits = llrs_and_bits(name, constellation, (("num_iter", num_iter),))
    assert best_scale(llr, bits) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("name", ["lmmse", "mrc", "wl-lmmse", "zf"])
def test_real_symbols_over_a_real_channel(name: str) -> None:
    """All interference lies in the real axis there, all that BPSK uses: it counts in full."""
    llr, bits = llrs_and_bits(name, "bpsk", channel="real-gaussian", snr_db=4)
    assert best_scale(llr, bits) == pytest.approx(1, abs=0.08)


def test_what_the_check_finds() -> None:
    """Known miscalibration: biased decisions, and OAMP as published on square channels."""
    biased, bits = llrs_and_bits("lmmse", "16-qam", (("biased", True),), size=(8, 8), snr_db=5)
    assert abs(best_scale(biased, bits) - 1) > 0.1
    shared = (("variances", "shared"),)
    oamp, bits = llrs_and_bits("oamp", "16-qam", shared, size=(8, 8), snr_db=20)
    assert best_scale(oamp, bits) < 0.7


@pytest.mark.parametrize(("constellation", "snr_db"), [("qpsk", 3), ("16-qam", 8)])
def test_oamp_is_calibrated_where_square_links_are_coded(constellation: str, snr_db: float) -> None:
    llr, bits = llrs_and_bits("oamp", constellation, size=(8, 8), snr_db=snr_db)
    assert best_scale(llr, bits) == pytest.approx(1, abs=0.2)
