"""Trainings of the paper's network in its main setting, short enough to be run by a figure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.papers.verdict import Measured
from mimolearn.training import BeamRecipe, Stage, train
from mimolearn.training.recipe import BeamBatch, BeamValidation

_SNR_DB = 5.0
_STEPS, _EVERY = 60, 5
# A look within this of the last one, in ln, has converged.
_NEAR = 0.02
_NO_TRAINING = "networks have to be trained first, which a quick run does not do"
_NOTE = (
    f"ln of the validation error rate at {_SNR_DB:g} dB over that of the start of the layers, mean "
    f"over training seeds; {_STEPS} steps, scalar step sizes, 64 antennas, two users."
)


class Plan(NamedTuple):
    """A training.

    Attributes:
        batch: channels a step.
        bank: channels that steps choose from.
        rate: learning rate.
        layers: of the network.
        decay: share of the rate that is left at the end.
    """

    batch: int = 20
    bank: int = 500
    rate: float = 0.04
    layers: int = 15
    decay: float = 0.03

    def recipe(self, seed: int) -> BeamRecipe:
        """Its recipe; the loss is ln of the mean error rate of the best layer."""
        return BeamRecipe(
            name="short",
            options={"num_layers": self.layers, "steps": "scalar"},
            scenario=BeamScenario.shipped("mser-qpsk"),
            levels_db=(_SNR_DB,),
            inner_weight=0.0,
            mean_share=1.0,
            batch=BeamBatch(channels=self.batch, bank=self.bank),
            stage=(Stage(steps=_STEPS, learning_rate=self.rate, final_fraction=self.decay),),
            validation=BeamValidation(channels=64, every=_EVERY),
            seed=seed,
        )


def losses(plan: Plan, seed: int, run: TableRun) -> np.ndarray:
    """Validation losses after 5, 10, ... steps; kept in the run's folder.

    Args:
        plan: the training.
        seed: of it.
        run: gives the folder.
    """
    recipe = plan.recipe(seed)
    path = run.folder / f"training-{recipe.key()}.json"
    if not path.is_file():
        history = [float(line["validation_loss"]) for line in train(recipe).history]
        write_atomically(path, json.dumps(history))
    return np.array(json.loads(path.read_text(encoding="utf-8")))


def _last(line: np.ndarray) -> float:
    return float(line[-1])


def _early(line: np.ndarray) -> float:
    """After 10 steps."""
    return float(line[1])


def _unrest(line: np.ndarray) -> float:
    """Deviation of the change from look to look in the later half."""
    return float(np.diff(line[len(line) // 2 :]).std())


def _steps(line: np.ndarray) -> float:
    """Steps until all further looks are near the last one or below it."""
    away = np.flatnonzero(line > line[-1] + _NEAR)
    return float(_EVERY * (away[-1] + 2)) if len(away) else float(_EVERY)


_READ: Mapping[str, Callable[[np.ndarray], float]] = {
    "last": _last,
    "early": _early,
    "unrest": _unrest,
    "steps": _steps,
}


def _compared(
    what: str, plans: Mapping[str, Plan], wanted: tuple[str, ...], run: TableRun
) -> Table:
    """Differences "A less B, last", paired by seed: a seed gives both the same channels."""
    if run.effort == "quick":
        return Table((what,), (), {}, _NOTE, dict.fromkeys(wanted, _NO_TRAINING))
    seeds = range(1, max(run.draws, 2) + 1)
    lines = {name: [losses(plan, seed, run) for seed in seeds] for name, plan in plans.items()}
    values: dict[str, float | Measured] = {}
    for name in wanted:
        pair, _, read = name.partition(", ")
        first, second = pair.split(" less ")
        each = [
            _READ[read](a) - _READ[read](b)
            for a, b in zip(lines[first], lines[second], strict=True)
        ]
        values[name] = Measured.mean_of(each)
    looks = range(1, _STEPS // _EVERY + 1, 2)
    rows = tuple(
        (name, *(f"{float(np.mean([line[i] for line in of_one])):.3f}" for i in looks))
        for name, of_one in lines.items()
    )
    columns = (what, *(f"{(i + 1) * _EVERY} steps" for i in looks))
    return Table(columns, rows, values, f"{_NOTE} {len(seeds)} seeds.")


_BATCHES = ("5 less 50, early", "5 less 50, last", "5 less 50, unrest", "20 less 50, last")
_RATES = ("0.08 less 0.005, early", "0.08 less 0.02, last")
_LAYERS = ("12 less 6, last", "18 less 12, last", "24 less 18, last", "18 less 6, steps")
_BANKS = ("100 less 500, last", "200 less 500, last", "500 less 800, last")


@python_panel(*_BATCHES)
def batches(run: TableRun) -> Table:
    """Trainings at a constant rate with several batch sizes."""
    plans = {str(n): Plan(batch=n, decay=1.0) for n in (5, 20, 50)}
    return _compared("channels a step", plans, _BATCHES, run)


@python_panel(*_RATES)
def rates(run: TableRun) -> Table:
    """Trainings at several constant rates."""
    plans = {f"{rate:g}": Plan(rate=rate, decay=1.0) for rate in (0.005, 0.02, 0.08)}
    return _compared("learning rate", plans, _RATES, run)


@python_panel(*_LAYERS)
def layers(run: TableRun) -> Table:
    """Trainings of networks with several numbers of layers."""
    plans = {str(n): Plan(layers=n) for n in (6, 12, 18, 24)}
    return _compared("layers", plans, _LAYERS, run)


@python_panel(*_BANKS)
def banks(run: TableRun) -> Table:
    """Trainings on several numbers of channels."""
    plans = {str(n): Plan(bank=n) for n in (100, 200, 500, 800)}
    return _compared("training channels", plans, _BANKS, run)
