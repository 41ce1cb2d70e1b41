"""Panels in Python of papers: what they count and compute, by other means."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mimolearn import GaussianDetection, Scenario
from mimolearn.detectors import CGNR, make_detector
from mimolearn.papers.deepcg.counts import frame, iteration, layer_gradients
from mimolearn.papers.deepcg.link import backward
from mimolearn.papers.deepcg.recursion import (
    Steps,
    blind_loss,
    chebyshev,
    draw_systems,
    exact_steps,
    printed_error_gradients,
    printed_gradients,
    run_fixed,
    run_table_1,
    squared_error,
    true_gradients,
)
from mimolearn.papers.deepcg.table1 import appendix
from mimolearn.papers.deepcg.training import descend, first_pass
from mimolearn.papers.eqnet.tables import parameters, times_2x2
from mimolearn.papers.eqnet.theorems import theorems
from mimolearn.papers.panels import TableRun
from mimolearn.papers.python_panel import PythonPanel
from mimolearn.papers.rivals.linear import half_regularised
from mimolearn.papers.verdict import Measured
from mimolearn.papers.wesnet.complexity import layers, table_i_rows, table_ii_rows
from mimolearn.papers.wesnet.formulas import table_i_row
from mimolearn.papers.wesnet.profiles import gradient_step, profiles, sparsity

LINK = Scenario.shipped("deepcg-20x128-64qam")


def values_of(panel: PythonPanel) -> dict[str, float]:
    """The numbers of a panel that has no intervals."""
    values = panel(TableRun("quick", 1, Path())).values
    return {name: value for name, value in values.items() if isinstance(value, float)}


def test_table_1_with_its_missing_step_is_cgnr():
    link = LINK.model_copy(update={"num_tx_ant": 6, "num_rx_ant": 12})
    system = draw_systems(link, 10.0, 5, seed=1)
    block = link.draw(10.0, 5, torch.Generator().manual_seed(1), torch.complex128)
    detector = CGNR("64-qam", num_iter=4)
    x = detector.iterates(detector.prepare(block.h, block.noise_var), block.y)[-1][:, 0]
    ours = run_table_1(system, 4).s
    torch.testing.assert_close(ours, torch.cat([x.real, x.imag], -1).double(), rtol=1e-4, atol=1e-5)
    printed = run_table_1(system, 4, printed_loop=True).s
    assert not torch.allclose(printed, ours, rtol=0.1)
    assert torch.isnan(run_table_1(system, 2, printed_start=True).s).all()


def test_exact_steps_kept_fixed_repeat_the_iterations_of_their_vector():
    system = draw_systems(LINK, 20.0, 3, seed=2)
    alpha, beta = exact_steps(system, 6)
    first = Steps(alpha[:, 1], beta[:-1, 1], torch.zeros_like(alpha[:, 1]))
    torch.testing.assert_close(run_fixed(system, first).s[1], run_table_1(system, 6).s[1])


def test_vectors_of_one_channel_share_it():
    system = draw_systems(LINK, 20.0, 400, seed=3, one_channel=True)
    assert (len(system.matrix), len(system.right)) == (1, 400)
    part = system.part(7)
    torch.testing.assert_close(part.linear()[0], system.linear()[7])
    # At 20 dB zero forcing is at 4.31 % over channels; LMMSE is a little better.
    assert system.evm_percent(system.linear()) == pytest.approx(4.31, rel=0.1)
    noisy = draw_systems(LINK, 0.0, 200, seed=3)
    assert noisy.evm_percent(noisy.linear(1.0)) < noisy.evm_percent(noisy.linear())


def test_gradients_of_the_appendix_hold_where_the_panel_says():
    system, steps = draw_systems(LINK, 20.0, 8, seed=4), chebyshev(20 / 128, 3)
    of_alpha, last, of_beta = printed_error_gradients(system, steps)
    true = true_gradients(system, steps, squared_error)
    torch.testing.assert_close(of_alpha[-1], true.alpha[-1])
    torch.testing.assert_close(last, true.beta[-1])
    torch.testing.assert_close(of_beta[-1], -last)
    values = values_of(appendix)
    assert values["A.4"] < 1e-6
    assert values["A.5 over A.4"] == pytest.approx(-1)


def test_steps_of_a_first_pass_are_for_their_channel_alone():
    values = first_pass(TableRun("quick", 2, Path())).values
    one = values["first pass 15"]
    assert isinstance(one, Measured)
    assert one.low <= one.value < 0.5
    elsewhere = values["others 15"]
    assert isinstance(elsewhere, Measured)
    assert elsewhere.value > 100


def test_printed_gradients_are_another_descent_than_exact_ones():
    system = draw_systems(LINK, 20.0, 40, seed=5, one_channel=True)
    start = chebyshev(20 / 128, 6)
    exact = descend(system, start, true_gradients, 0.01)
    printed = descend(system, start, printed_gradients, 0.01)
    assert len(exact) == 41
    first, last = (float(blind_loss(system, steps)) for steps in (start, exact[-1]))
    assert last < first
    assert not torch.isfinite(blind_loss(system, printed[-1]))


def test_gradients_come_out_behind_120_layers():
    values = values_of(backward)
    assert values["finite"] == 1
    assert values["to the received vector"] > 0


def test_operations_of_an_iteration():
    exact, fixed = (iteration(20, fixed=fixed) for fixed in (False, True))
    assert exact.multiplications - fixed.multiplications == 4 * 20
    assert (exact.divisions, fixed.divisions, exact.products) == (2, 0, 2)
    assert layer_gradients(20).multiplications == 4 * 20
    assert values_of(frame)["frame over theirs"] == 10


def test_rows_of_table_i_add_up_and_a_wrong_one_would_not():
    values = values_of(table_i_rows)
    assert (values["sums off"], values["counts off"]) == (0, 0)
    assert values["inverse"] == pytest.approx(1)
    products, sums, total = table_i_row("gram", 6, 4, 1)
    a = torch.ones(6, 4)
    # A product a row of every pair of columns, and one sum fewer.
    assert products == float((a.T @ a).triu().sum())
    assert total == products + sums


def test_table_ii_is_what_its_algorithms_need():
    values = values_of(table_ii_rows)
    for name in ("detnet", "wesnet"):
        assert values[f"{name} counted"] == values[f"{name} table"]
    for name, tolerance in (("zf", 0.02), ("mmse", 0.02), ("ml", 2e-4)):
        assert values[f"{name} counted"] == pytest.approx(values[f"{name} table"], rel=tolerance)
    assert values["wesnet products"] == values["detnet products"]
    # 16 Nt products by beta a layer, of 90.
    assert values["wesnet table"] - values["detnet table"] == 90 * 16 * 30
    assert values["iterations"] == pytest.approx(139.4, abs=0.1)
    counted = values_of(layers)
    assert counted["work more of L"] == 0
    assert counted["saved by table 50%"] == pytest.approx(49.67, abs=0.01)


def test_profiles_the_penalty_and_the_step_of_gradient_descent():
    values = values_of(profiles)
    assert values["weighed at 50 %"] == 0
    assert values["rises linear"] < 0
    shares = values_of(sparsity)
    assert shares["penalised"] > 5 * shares["control"]
    change = values_of(gradient_step)
    assert change["other signs"] < 0 < change["as printed"]


def test_numbers_of_a_use_hold_its_soft_bits_and_are_counted():
    values = values_of(theorems)
    assert max(values[f"theorem {n}"] for n in (1, 2, 3)) < 1e-3
    assert [values[f"numbers {n}"] for n in (1, 2, 3)] == [8, 6, 6]
    assert values["soft bits"] == 12


def test_parameters_of_the_published_networks():
    values = values_of(parameters)
    assert values["f_E (L) 2x2 64-qam"] == 411_462
    assert values["deployed 2x2 64-qam"] == 411_462 + 117_516
    # gamma, phi, xi and theta of eight layers.
    assert values["OAMP-Net2"] == 32
    assert "EQ-Net (P), published over EQ-Net (L), published 16" in times_2x2.values


def test_the_linear_row_of_others_tables_is_biased_mmse_with_half_of_the_noise():
    link = Scenario(num_tx_ant=3, num_rx_ant=5, constellation="16-qam", channel_reuse=4)
    block = link.draw(8.0, 20, torch.Generator().manual_seed(5))
    ours = make_detector("lmmse", "16-qam", biased=True)
    theirs = half_regularised("16-qam")(block.y, block.h, block.noise_var)
    halved = ours(block.y, block.h, block.noise_var / 2)
    assert isinstance(theirs, GaussianDetection)
    assert isinstance(halved, GaussianDetection)
    torch.testing.assert_close(theirs.x_hat, halved.x_hat, rtol=1e-4, atol=1e-5)
    whole = ours(block.y, block.h, block.noise_var)
    assert isinstance(whole, GaussianDetection)
    assert not torch.allclose(theirs.x_hat, whole.x_hat, rtol=1e-3)
