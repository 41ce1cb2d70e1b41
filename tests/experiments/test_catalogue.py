"""Every experiment's data: it builds, it names what exists, and each statement can fail."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.papers import (
    AccuracyPanel,
    BeamPanel,
    ErrorRatePanel,
    Measured,
    Outcome,
    TablePanel,
    experiment,
    experiment_names,
    select_experiments,
)
from mimolearn.papers.contenders import (
    Derived,
    Network,
    PerScenario,
    Quantized,
    entry_label,
    resolve,
)
from mimolearn.papers.experiment import check_statement
from mimolearn.training import Recipe, SoftBitRecipe, shipped_recipes
from mimolearn.weights import shipped_weights

# Weights that experiments wait for: of networks that are still to come.
AWAITED = {f"qlcgnet-v-32x64-bpsk-{bits}bit" for bits in (3, 4)}
AWAITED |= {"deep-cg-20x128-64qam", "lcgnet-v-32x64-bpsk-layerwise"}

IN_PYTHON = [n for n in experiment_names() if all(s.check for s in experiment(n).statements)]
each = pytest.mark.parametrize("name", IN_PYTHON)

PROMISED = [f"lcgnet/fig{n}" for n in range(7, 17)] + ["lcgnet/table1", "deep-cg/complexity"]
PROMISED += [f"mser/table{n}" for n in range(1, 7)] + [f"mser/fig{n}" for n in range(5, 13)]
PROMISED += [f"deep-cg/fig{n}" for n in (2, 3, 4, 5)]
PROMISED += [f"eqnet/fig{n}" for n in range(4, 13)] + ["eqnet/harq", "eqnet/frontier"]
PROMISED += ["eqnet/table1", "eqnet/table2", "eqnet/method"]
PROMISED += [f"rivals/{name}" for name in ("re-mimo", "gepnet", "gnn", "iip", "hats")]
PROMISED += [f"wesnet/fig{n}" for n in (5, 6, 7, 8, 9)] + ["wesnet/complexity"]

# Values on both sides of every bound that a statement has.
VALUES = [
    *(-1e6, -40.0, 1e-4, -33.5, -30.0, -23.3, -5.0, -1.0, -0.3, -0.05, 0.0, 0.05, 0.1, 0.3, 0.4),
    *(1.0, 1.5, 3.5, 4.3, 5.0, 12.0, 15.0, 21.0, 100.0, 5_800.0, 60_100.0, 1e7),
    *(1e-5, 1e-3, 2e-2, 0.2, 0.8, 49.9, 69.9, 79.9),
]


def known_labels(panel: Any) -> set[str]:
    if isinstance(panel, BeamPanel):
        return set(panel.labels())
    known = {entry_label(entry) for entry in getattr(panel, "contenders", ())}
    if getattr(panel, "axis", "") == "option":
        known |= {label.partition("(")[0] for label in known}
    return known


class Probe:
    """Stands for Findings: any number for what exists, a failure for what does not."""

    def __init__(self, panels: tuple[Any, ...]) -> None:
        self._panels = {panel.name: panel for panel in panels}
        self._labels = {panel.name: known_labels(panel) for panel in panels}
        self._random = random.Random(1)
        self.same: float | None = None

    def _number(self, panel: str, kind: type, *labels: str) -> Measured:
        found = self._panels[panel]
        assert isinstance(found, kind), panel
        assert set(labels) <= self._labels[panel], labels
        value = self._random.choice(VALUES) if self.same is None else self.same
        return Measured.exact(value)

    def snr(self, panel, label, target=None):
        return self._number(panel, ErrorRatePanel, label)

    def gap(self, panel, worse, better, target=None):
        return self._number(panel, ErrorRatePanel, worse, better)

    def rate(self, panel, label, snr_db):
        assert snr_db in self._panels[panel].snr_db
        return self._number(panel, ErrorRatePanel, label)

    def unlike(self, panel, label, other, snr_db):
        assert snr_db in self._panels[panel].snr_db
        return self._number(panel, ErrorRatePanel, label, other)

    def level(self, panel, label, x=None):
        return self._number(panel, AccuracyPanel, label)

    def difference(self, panel, first, second):
        return self._number(panel, AccuracyPanel, first[0], second[0])

    def beam_rate(self, panel, label, snr_db, *, geometric=False):
        assert snr_db in self._panels[panel].snr_db
        return self._number(panel, BeamPanel, label)

    def beam_ratio(self, panel, over, under, snr_db):
        assert snr_db in self._panels[panel].snr_db
        return self._number(panel, BeamPanel, over, under)

    def value(self, panel, name, unit=""):
        return self._number(panel, TablePanel)


def test_the_figures_and_tables_of_all_papers_are_there():
    assert set(PROMISED) <= set(experiment_names())


@each
def test_names_and_statements(name):
    found = experiment(name)
    assert found.name == name
    assert name.startswith(found.paper.key + "/")
    assert found.statements
    assert all(s.claim and s.source for s in found.all_statements())
    names = [panel.name for panel in found.panels]
    assert len(set(names)) == len(names)


@each
def test_contenders_build_or_wait_for_weights_that_are_known(name, tmp_path):
    for panel in experiment(name).panels:
        if isinstance(panel, TablePanel | BeamPanel):
            continue
        labels = [entry_label(entry) for entry in panel.contenders]
        assert len(set(labels)) == len(labels)
        scenarios = panel.scenarios if isinstance(panel, AccuracyPanel) else (panel.scenario,)
        entries = tuple(
            entry.entry(scenarios[0]) if isinstance(entry, PerScenario) else entry
            for entry in panel.contenders
        )
        assert labels == [entry_label(entry) for entry in entries]
        resolved = resolve(entries, tmp_path, may_train=False)
        for contender in resolved.contenders:
            assert contender.label in labels
            assert contender.build(scenarios[0].constellation) is not None
        assert set(resolved.missing) | {c.label for c in resolved.contenders} == set(labels)
        for entry in entries:
            if isinstance(entry, Network | Quantized | Derived):
                derived = isinstance(entry, Derived)
                wanted = entry.needs if derived else (entry.weights,)
                own = "" if derived or entry.recipe is None else entry.weights
                known = {*shipped_recipes(), *shipped_weights()}
                known |= {*AWAITED, own}
                assert set(wanted) <= known
            else:
                assert entry_label(entry) not in resolved.missing


@each
def test_recipes_of_networks_trained_here_are_valid(name):
    for panel in experiment(name).panels:
        for entry in getattr(panel, "contenders", ()):
            if not isinstance(entry, Network | Quantized) or entry.recipe is None:
                continue
            if set(entry.needs) <= set(shipped_weights()):
                recipe = entry.recipe()
                kind = Recipe if isinstance(entry, Network) else SoftBitRecipe
                assert isinstance(recipe, kind | SoftBitRecipe)
                assert recipe.name == entry.weights


@each
def test_bpsk_networks_stand_beside_what_knows_that_symbols_are_real(name):
    for panel in experiment(name).panels:
        if isinstance(panel, TablePanel | BeamPanel):
            continue
        scenario = panel.scenario if isinstance(panel, ErrorRatePanel) else panel.scenarios[0]
        learned = any(isinstance(entry, Network | Derived) for entry in panel.contenders)
        if scenario.constellation == "bpsk" and learned:
            labels = {entry_label(entry) for entry in panel.contenders}
            assert {"wl-lmmse", "wl-cg"} <= labels
            assert isinstance(panel, AccuracyPanel) or "sphere" in labels


@each
def test_grids_and_references_are_inside_their_axes(name):
    found = experiment(name)
    for panel in found.panels:
        if isinstance(panel, ErrorRatePanel):
            assert set(panel.quick_snr_db) <= set(panel.snr_db)
            assert list(panel.snr_db) == sorted(set(panel.snr_db))
            labels = {entry_label(entry) for entry in panel.contenders}
            assert set(panel.from_snr_db) <= labels
        elif isinstance(panel, AccuracyPanel):
            assert set(panel.shrunk) <= {entry_label(entry) for entry in panel.contenders}
            assert bool(panel.option) == (panel.axis == "option")
    panels = {panel.name: panel for panel in found.panels}
    for point in found.references:
        panel = panels[point.panel]
        assert isinstance(panel, AccuracyPanel)
        assert point.label in {entry_label(entry) for entry in panel.contenders}
        assert point.tolerance > 0
        if panel.axis == "layer":
            assert 1 <= point.x <= 20
        else:
            assert min(panel.snr_db) <= point.x <= max(panel.snr_db)


@each
def test_every_statement_can_hold_and_can_fail(name):
    found = experiment(name)
    probe: Any = Probe(found.panels)
    for statement in found.all_statements():
        outcomes = {check_statement(statement, probe).outcome for _ in range(600)}
        # A statement of many parts holds for few random draws: give all parts one value too.
        for probe.same in VALUES:
            outcomes.add(check_statement(statement, probe).outcome)
        probe.same = None
        assert Outcome.NOT_REPRODUCED in outcomes or Outcome.PAPER_IS_WRONG in outcomes
        assert Outcome.REPRODUCED in outcomes


def test_selection():
    papers = {e.paper.key for e in select_experiments(["deep-cg"])}
    assert papers == {"deep-cg"}
    assert [e.name for e in select_experiments(["lcgnet/fig9", "lcgnet/fig7"])] == [
        "lcgnet/fig7",
        "lcgnet/fig9",
    ]
    with pytest.raises(InvalidInputError, match="did you mean 'lcgnet/fig10'"):
        experiment("lcgnet/fig100")
