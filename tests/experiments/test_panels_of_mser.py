"""Panels in Python of the hybrid-beamforming paper: what they compute, by other means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mimolearn import BeamScenario
from mimolearn.papers.mser import descent, trainings
from mimolearn.papers.mser.formulas import (
    bound,
    noise,
    qam_rate,
    rotation,
    sizes,
    slopes,
    width_slope,
)
from mimolearn.papers.mser.objective import (
    derivatives,
    draw_symbols,
    objective,
    outputs,
    printed_by_p,
    random_beams,
)
from mimolearn.papers.panels import TableRun
from mimolearn.papers.python_panel import PythonPanel
from mimolearn.papers.verdict import Measured

LINK = BeamScenario.shipped("mser-qpsk")


def values_of(panel: PythonPanel, draws: int = 1) -> dict[str, float]:
    """The numbers of a quick run that have no intervals."""
    values = panel(TableRun("quick", draws, Path())).values
    return {name: value for name, value in values.items() if isinstance(value, float)}


def test_the_objective_counts_errors_of_noisy_outputs():
    """Noise as wide as the kernel errs as often as the smoothed objective says."""
    h = LINK.draw(1, torch.Generator().manual_seed(1), torch.complex128).h
    beams, symbols, width = random_beams(LINK.array, 1, 2), draw_symbols(16, 6, 3), 0.5
    seen = torch.view_as_real(outputs(h, beams, symbols)) * torch.view_as_real(symbols)
    generator = torch.Generator().manual_seed(4)
    drawn = torch.randn(20_000, *seen.shape, dtype=torch.float64, generator=generator)
    wrong = (seen + width * drawn < 0).double().mean(0).sum() / len(symbols)
    assert float(objective(h, beams, symbols, width)) == pytest.approx(float(wrong), rel=0.01)


def test_the_gradient_with_leakage_is_that_of_differences():
    h = LINK.draw(1, torch.Generator().manual_seed(5), torch.complex128).h
    beams, symbols, width = random_beams(LINK.array, 1, 6), draw_symbols(32, 6, 7), 0.5
    whole = printed_by_p(h, beams, symbols, width, leakage=True)[0, 3, 2]
    for way, part in ((1.0, whole.real), (1.0j, whole.imag)):
        ends = []
        for sign in (1, -1):
            f_bb = beams.f_bb.clone()
            f_bb[0, 3, 2] += sign * 1e-6 * way
            ends.append(objective(h, beams._replace(f_bb=f_bb), symbols, width))
        assert float(ends[0] - ends[1]) / 2e-6 == pytest.approx(float(part), rel=1e-5)
    by_p, _ = derivatives(h, beams, symbols, width)
    assert complex(2 * by_p[0, 3, 2]) == pytest.approx(complex(whole))


def test_printed_equations_are_off_and_their_corrections_are_not():
    values = values_of(noise)
    assert values["(9) off"] > 0.5 > 0.1 > values["sigma^2 ||U^H w||^2 off"]
    values = values_of(slopes)
    assert values["cosine with leakage"] == pytest.approx(1)
    assert values["cosine of (16)"] < 0.99
    assert values["size of (17)"] == pytest.approx(2)
    values = values_of(width_slope)
    assert values["corrected off"] < 1e-9 < 0.1 < values["(55) off"]
    values = values_of(rotation)
    assert values["w alone"] == pytest.approx(1)
    assert abs(values["(46)"]) < 0.3
    values = values_of(qam_rate)
    assert values["other sign over counted"] == pytest.approx(1)
    assert values["(47)"] > 1


def test_parameters_of_both_kinds_and_the_bound():
    values = values_of(sizes)
    assert (values["formula"], values["shapes"]) == (42_356, 18_416)
    assert (values["rows lacking, larger"], values["rows lacking, smaller"]) == (64, 0)
    values = values_of(bound)
    assert 1 <= values["least"] < 1.001
    assert 1 < values["below 1e-2"] < 1.05


def test_an_aligned_start_and_a_constant_offset(monkeypatch):
    assert 0.8 < values_of(descent.two_iterations, 64)["left of the second step"] <= 1.02
    monkeypatch.setattr(descent, "_STARTS", 8)
    ratio = descent.starts(TableRun("quick", 2, Path())).values["best of 50 over aligned"]
    assert isinstance(ratio, Measured)
    assert ratio.low < ratio.value < ratio.high
    assert ratio.value > 1


def test_trainings_are_compared_seed_by_seed(monkeypatch, tmp_path):
    """A seed moves both trainings of a pair alike, which does not widen the interval."""

    def losses(plan, seed, run):
        line = -np.arange(12) / 10 * (1 + plan.bank / 1000) + 5 * seed
        return line + 0.001 * seed * (plan.bank == 500)

    monkeypatch.setattr(trainings, "losses", losses)
    values = trainings.banks(TableRun("default", 3, tmp_path)).values
    first = values["100 less 500, last"]
    assert isinstance(first, Measured)
    assert first.value == pytest.approx(0.44 - 0.002)
    assert first.high - first.low < 0.01
    table = trainings.banks(TableRun("quick", 3, tmp_path))
    assert not table.values
    assert "does not do" in table.missing["500 less 800, last"]


def test_a_training_is_kept_by_its_recipe(tmp_path, monkeypatch):
    run, calls = TableRun("default", 3, tmp_path), []

    class Done:
        history = ({"validation_loss": -0.25}, {"validation_loss": -0.5})

    def train(recipe):
        calls.append(recipe.seed)
        return Done()

    monkeypatch.setattr(trainings, "train", train)
    plan = trainings.Plan(layers=2)
    assert list(trainings.losses(plan, 1, run)) == [-0.25, -0.5]
    assert list(trainings.losses(plan, 1, run)) == [-0.25, -0.5]
    trainings.losses(plan, 2, run)
    assert calls == [1, 2]
    recipe = plan.recipe(1)
    assert (recipe.batch.channels, recipe.batch.bank, recipe.build().num_layers) == (20, 500, 2)


def test_looks_until_a_training_has_converged():
    line = np.array([0.0, -0.5, -0.97, -1.0, -0.99, -1.0])
    assert trainings._steps(line) == 20
    assert trainings._steps(np.array([-1.0, -1.0])) == 5
    assert trainings._early(line) == -0.5
