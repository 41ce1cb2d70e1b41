"""All figures and tables of the papers are there, can be chosen, and compare fairly."""

from __future__ import annotations

import pytest

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.papers import (
    AccuracyPanel,
    ErrorRatePanel,
    experiment,
    experiment_names,
    select_experiments,
)
from mimolearn.weights import shipped_weights

PROMISED = [f"lcgnet/fig{n}" for n in range(7, 17)] + ["lcgnet/table1", "deep-cg/complexity"]
PROMISED += [f"mser/table{n}" for n in range(1, 7)] + [f"mser/fig{n}" for n in range(5, 13)]
PROMISED += [f"deep-cg/fig{n}" for n in (2, 3, 4, 5)]
PROMISED += [f"eqnet/fig{n}" for n in range(4, 13)] + ["eqnet/harq", "eqnet/frontier"]
PROMISED += ["eqnet/table1", "eqnet/table2", "eqnet/method"]
PROMISED += [f"rivals/{name}" for name in ("re-mimo", "gepnet", "gnn", "iip", "hats")]
PROMISED += [f"wesnet/fig{n}" for n in (5, 6, 7, 8, 9)] + ["wesnet/complexity"]


def test_the_figures_and_tables_of_all_papers_are_there():
    assert set(PROMISED) <= set(experiment_names())


@pytest.mark.parametrize("name", experiment_names())
def test_every_figure_claims_something_and_says_who_said_it(name):
    figure = experiment(name)
    assert name.startswith(figure.paper.key + "/")
    assert figure.statements
    assert all(statement.claim and statement.source for statement in figure.statements)


def test_bpsk_networks_stand_beside_what_knows_that_symbols_are_real():
    learned_panels = 0
    for panel in (panel for name in experiment_names() for panel in experiment(name).panels):
        if not isinstance(panel, ErrorRatePanel | AccuracyPanel):
            continue
        scenario = panel.scenario if isinstance(panel, ErrorRatePanel) else panel.scenarios[0]
        names = {getattr(entry, "name", "") for entry in panel.contenders}
        learned = any(getattr(entry, "networks", ()) for entry in panel.contenders)
        if scenario.constellation == "bpsk" and (learned or names & {*shipped_weights()}):
            learned_panels += 1
            labels = {entry.label for entry in panel.contenders}
            assert {"wl-lmmse", "wl-cg"} <= labels
            assert isinstance(panel, AccuracyPanel) or "sphere" in labels
    assert learned_panels > 0


def test_selection():
    papers = {e.paper.key for e in select_experiments(["deep-cg"])}
    assert papers == {"deep-cg"}
    assert [e.name for e in select_experiments(["lcgnet/fig9", "lcgnet/fig7"])] == [
        "lcgnet/fig7",
        "lcgnet/fig9",
    ]
    with pytest.raises(InvalidInputError, match="did you mean 'lcgnet/fig10'"):
        experiment("lcgnet/fig100")
