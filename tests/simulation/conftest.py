"""Scenarios and detectors small enough that every test takes a fraction of a second."""

from typing import final

import pytest
import torch
from torch import Tensor

from mimolearn import Detector, GaussianDetection, HardDetection
from mimolearn.detectors import Cost
from mimolearn.link.scenario import Scenario


@final
class Oracle(Detector):
    """Decides everything as point 0, with flags that the test chooses."""

    name = "oracle"

    def __init__(self, constellation, decide=None):
        super().__init__(constellation)
        self.decide = decide

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Tensor:
        return h

    def _detect(self, prepared: Tensor, y: Tensor):
        indices = torch.zeros(*y.shape[:-1], prepared.shape[-1], dtype=torch.int64)
        if self.decide is not None:
            return self.decide(self.constellation, indices, y)
        return HardDetection(self.constellation, indices)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return Cost(0, None)


@pytest.fixture
def oracle():
    """The class of a detector whose answer the test writes."""
    return Oracle


@pytest.fixture
def nan_detector():
    """Answers NaN where the first received sample has a positive real part."""

    def decide(constellation, indices, y):
        nan = torch.where(y[..., :1].real > 0, float("nan"), 1.0)
        return GaussianDetection(constellation, nan * (indices + 1j), torch.ones(1))

    return Oracle("qpsk", decide)


@pytest.fixture
def scenario():
    """2 x 2 QPSK, three vectors a channel."""
    return Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk", channel_reuse=3)
