"""One small comparison that the report's tests share."""

from __future__ import annotations

import pytest

from mimolearn.link.scenario import Scenario
from mimolearn.studies import Comparison, compare


@pytest.fixture(scope="package")
def comparison() -> Comparison:
    scenario = Scenario(name="small", num_tx_ant=2, num_rx_ant=4, constellation="qpsk")
    return compare(
        scenario,
        ["mrc", "zf", "lmmse", "lmmse:biased=true,label=<b>biased</b>"],
        [-3, 1, 5, 9],
        target=1e-2,
        min_errors=60,
        max_vectors=6000,
    )
