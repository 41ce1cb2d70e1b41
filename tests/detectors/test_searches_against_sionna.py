"""Enumeration and K-best against another library, on the same draws."""

import warnings
from collections.abc import Iterator

import pytest
import torch

from mimolearn import make_detector
from mimolearn.link.scenario import Block, Scenario

with warnings.catch_warnings():
    # What that library's own imports warn of is not ours to answer for.
    warnings.simplefilter("ignore")
    from sionna.phy.mimo import KBestDetector, MaximumLikelihoodDetector


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """Without its compiler: that takes longer than all of these tests."""
    with torch.compiler.set_stance("force_eager"):
        yield


def draw(num_channels: int) -> tuple[Block, torch.Tensor]:
    scenario = Scenario(
        num_tx_ant=3, num_rx_ant=4, constellation="16-qam", snr_definition="per_stream"
    )
    block = scenario.draw(11.0, num_channels, torch.Generator().manual_seed(9), torch.complex128)
    covariance = block.noise_var[:, None, None] * torch.eye(4, dtype=torch.complex128)
    return block, covariance


@pytest.mark.parametrize(("theirs", "ours"), [("app", "exact"), ("maxlog", "max-log")])
def test_enumeration(theirs: str, ours: str) -> None:
    block, covariance = draw(100)
    peer = MaximumLikelihoodDetector("bit", theirs, 3, "qam", 4, precision="double", device="cpu")
    expected = peer(block.y[:, 0], block.h, covariance)
    detection = make_detector("ml", "16-qam", demapping=ours)(block.y, block.h, block.noise_var)
    torch.testing.assert_close(detection.llr()[:, 0], expected, rtol=1e-9, atol=1e-9)


def test_k_best_makes_no_more_errors() -> None:
    """Their complex tree with k paths against our real one, which is sorted better."""
    block, covariance = draw(2000)
    bits = make_detector("ml", "16-qam").constellation.indices_to_bits(block.indices)[:, 0]
    errors = {}
    for k in (4, 64):
        peer = KBestDetector("bit", 3, k, "qam", 4, precision="double", device="cpu")
        theirs = peer(block.y[:, 0], block.h, covariance) > 0
        ours = make_detector("k-best", "16-qam", k=k)(block.y, block.h, block.noise_var).bits()
        errors[k] = int((theirs != bits).sum()), int((ours[:, 0] != bits).sum())
    assert errors[4][1] < errors[4][0]
    assert errors[64][1] == pytest.approx(errors[64][0], rel=0.02)


def test_k_best_with_a_full_list_has_the_same_llrs() -> None:
    block, covariance = draw(20)
    peer = KBestDetector("bit", 3, 16**3, "qam", 4, precision="double", device="cpu")
    ours = make_detector("k-best", "16-qam", k=16**3)(block.y, block.h, block.noise_var).llr()
    theirs = peer(block.y[:, 0], block.h, covariance)
    torch.testing.assert_close(ours[:, 0], theirs, rtol=1e-9, atol=1e-9)
