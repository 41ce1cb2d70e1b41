"""Draws that several comparisons with other libraries share."""

import pytest
import torch

from mimolearn.link.scenario import Block, Scenario


@pytest.fixture(params=["qpsk", "16-qam"])
def peer_scenario(request: pytest.FixtureRequest) -> Scenario:
    """Small enough for exhaustive search, several vectors a channel."""
    return Scenario(num_tx_ant=3, num_rx_ant=4, constellation=request.param, channel_reuse=2)


@pytest.fixture
def peer_block(peer_scenario: Scenario) -> Block:
    """200 channels in double precision at a medium SNR."""
    return peer_scenario.draw(9, 200, torch.Generator().manual_seed(21), torch.complex128)
