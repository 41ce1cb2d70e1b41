"""Small results that the report's tests share: of vectors, of blocks, of slots."""

from __future__ import annotations

from typing import Any

import pytest

from mimolearn.link.coding import Coding
from mimolearn.link.frames import NrPusch
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.harq import Harq
from mimolearn.link.scenario import Scenario
from mimolearn.results.goodput import GoodputStudy
from mimolearn.studies import Comparison, compare, compare_mcs


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


@pytest.fixture(scope="package")
def coded() -> Comparison:
    link = Scenario(
        num_tx_ant=2,
        num_rx_ant=2,
        constellation="qpsk",
        coding=Coding(code="5g-ldpc", num_info_bits=40, num_coded_bits=80),
        harq=Harq(transmissions=2, combining="chase"),
    )
    rules: dict[str, Any] = {"metric": "bler", "target": 0.1, "min_errors": 20}
    return compare(link, ["zf", "lmmse"], [-6, 0, 8], max_vectors=20_000, **rules)


@pytest.fixture(scope="package")
def study() -> GoodputStudy:
    link = GridScenario(num_tx_ant=2, num_rx_ant=2, frame=NrPusch(num_prb=1, num_ues=2, mcs=2))
    receivers = ["lmmse", {"name": "mmse-pic", "passes": 1, "label": "pic"}]
    rules: dict[str, Any] = {"metric": "bler", "target": 0.1, "min_errors": 5, "min_channels": 16}
    return compare_mcs(link, receivers, [0, 8], mcs=[2, 8], max_vectors=2000, **rules)
