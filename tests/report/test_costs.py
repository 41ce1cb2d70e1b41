"""Counts of every detector from one place, and the WeSNet paper's formulas beside them."""

import json

import pytest
import torch

from mimolearn import InvalidInputError, Scenario, detector_names
from mimolearn.papers.wesnet.formulas import counted_flops, network, table_i, table_ii
from mimolearn.report import detector_costs

LINK = Scenario.shipped("detnet-30x60-bpsk")


def test_every_detector_is_counted_or_named_with_its_reason():
    small = LINK.model_copy(update={"num_tx_ant": 4, "num_rx_ant": 8})
    found = detector_costs(small)
    assert {cost.name for cost in found.costs} | set(found.missing) == set(detector_names())
    assert set(found.missing) == {"nn-det", "eq-net", "eq-net-published"}
    assert all("expected QPSK or larger" in reason for reason in found.missing.values())
    assert all(cost.per_channel > 0 and cost.per_vector > 0 for cost in found.costs)
    assert {c.name for c in found.costs if c.measured} >= {"sphere", "sdr"}
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_a_scenario_rules_out_is_named():
    link = LINK.model_copy(update={"constellation": "16-qam"})
    found = detector_costs(link.model_copy(update={"num_tx_ant": 3, "num_rx_ant": 6}))
    assert "more than two levels" in found.missing["wesnet"]
    assert "detnet" in {cost.name for cost in found.costs}
    with pytest.raises(InvalidInputError, match=r"^wesnet: output: "):
        detector_costs(link, ("wesnet",))


def test_parameters_bytes_and_blocks():
    link = LINK.model_copy(update={"channel_reuse": 7})
    lmmse, detnet = detector_costs(link, ("lmmse", "detnet")).costs
    assert (lmmse.parameters, lmmse.parameter_bytes) == (0, 0)
    assert (detnet.parameters, detnet.parameter_bytes) == (20 * 57_931, 4 * 20 * 57_931)
    assert detnet.flops == 2 * (detnet.per_channel + 7 * detnet.per_vector)


@pytest.mark.parametrize("nt", [5, 30])
def test_table_ii_of_detnet_is_the_count_of_its_network(nt):
    assert counted_flops(network(nt, 1).shape, 90) == table_ii("detnet", nt)


def test_counted_multiplications_are_half_of_the_flops():
    shape = network(30, 1).shape
    # Beside the products there are H^T H s, and what is elementwise: 2 of v and 3 of the soft sign.
    products = shape.multiplications() - 30**2 - 2 * 60 - 3 * 30
    assert counted_flops(shape, 1) == 2 * products - (240 + 30 + 60) + 240 + 30


def test_multiplications_of_a_layer_are_those_of_its_tensors():
    for width in (1.0, 0.3):
        layer = network(30, 1, width)
        products = layer.w1.numel() + layer.w2.numel() + layer.w3.numel()
        assert layer.shape.multiplications() == products + 30**2 + 2 * 60 + 3 * 30


def test_table_i_by_brute_force():
    def counted(m: int, n: int, length: int) -> int:
        a, b = torch.ones(m, n), torch.ones(n, length)
        return int((a @ b).sum()) + m * length * (n - 1)

    assert table_i("matrix-matrix", 4, 3, 5) == counted(4, 3, 5)
    assert table_i("matrix-vector", 4, 3) == counted(4, 3, 1)
    assert table_i("inner", 6) == counted(1, 6, 1)
    assert table_i("vector-scaling", 6) == 6
    entries = [counted(1, 4, 1) for i in range(3) for j in range(i, 3)]
    assert table_i("gram", 4, 3) == sum(entries)


def test_table_ii_of_wesnet_is_that_of_detnet_but_for_a_slip():
    assert table_ii("wesnet", 30) - table_ii("detnet", 30) == 90 * 16 * 30
    assert 1 - table_ii("wesnet", 30, beta=0.5) / table_ii("detnet", 30) == pytest.approx(
        0.4967, abs=1e-4
    )
