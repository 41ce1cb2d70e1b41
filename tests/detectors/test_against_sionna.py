"""Our detectors and Sionna's on the same draws. Only this module imports Sionna, which is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from mimolearn.detectors import make_detector
from mimolearn.link.scenario import Block, Scenario

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(scope="module")
def mimo() -> ModuleType:
    from sionna.phy import mimo

    return mimo


def peer_inputs(block: Block) -> tuple[Tensor, Tensor, Tensor]:
    """Theirs: one channel and one noise covariance a vector."""
    vectors, nr = block.y.shape[1:]
    h = block.h.unsqueeze(1).expand(-1, vectors, -1, -1)
    eye = torch.eye(nr, dtype=block.h.dtype)
    covariance = block.noise_var[:, None, None, None] * eye
    return block.y, h, covariance.expand(-1, vectors, -1, -1)


def test_labels_are_the_same(peer_scenario: Scenario) -> None:
    from sionna.phy.mapping import Constellation

    peer = Constellation("qam", peer_scenario.points().bits_per_symbol, precision="double")
    torch.testing.assert_close(peer(), peer_scenario.points().points_as(torch.complex128))


@pytest.mark.parametrize(("demapping", "peer_method"), [("exact", "app"), ("max-log", "maxlog")])
@pytest.mark.parametrize("name", ["lmmse", "zf"])
def test_linear_llrs(
    name: str,
    demapping: str,
    peer_method: str,
    mimo: ModuleType,
    peer_scenario: Scenario,
    peer_block: Block,
) -> None:
    peer = mimo.LinearDetector(
        name,
        "bit",
        peer_method,
        constellation_type="qam",
        num_bits_per_symbol=peer_scenario.points().bits_per_symbol,
        precision="double",
    )
    ours = make_detector(name, peer_scenario.constellation, demapping=demapping)
    llr = ours(peer_block.y, peer_block.h, peer_block.noise_var).llr()
    # Their app method adds up probabilities and clips them; LLRs beyond 400 are out of its reach.
    inside = llr.abs() < 400
    torch.testing.assert_close(
        llr[inside], peer(*peer_inputs(peer_block))[inside], rtol=1e-4, atol=1e-4
    )


def test_ep_llrs(mimo: ModuleType, peer_scenario: Scenario, peer_block: Block) -> None:
    """The same algorithm up to the variance floors, which are 1e-6 of the cavity and absolute.

    Their prior variance is a sample variance over the levels, L/(L-1) times the true one; it is
    set right here, because until convergence it moves LLRs, by up to 1 at 16-QAM.
    """
    peer = mimo.EPDetector(
        "bit", peer_scenario.points().bits_per_symbol, l=10, beta=0.9, precision="double"
    )
    peer._es = torch.tensor(0.5, dtype=torch.float64)
    ours = make_detector("ep", peer_scenario.constellation, demapping="max-log")
    llr = ours(peer_block.y, peer_block.h, peer_block.noise_var).llr()
    expected = peer(*peer_inputs(peer_block))
    torch.testing.assert_close(llr, expected, rtol=2e-3, atol=2e-3)
    assert (llr - expected).abs().median() < 1e-4
