"""Trainings small enough to be run by a figure: 16 antennas, four streams, seconds each."""

from __future__ import annotations

import functools

from mimolearn.papers.mser.setting import QPSK, changed
from mimolearn.papers.panels import Table
from mimolearn.training import BeamRecipe, Stage, train
from mimolearn.training.recipe import BeamBatch, BeamValidation

_ARRAY = {
    "num_users": 2,
    "num_tx_ant": 16,
    "num_tx_chains": 5,
    "num_rx_ant": 4,
    "num_rx_chains": 3,
    "num_streams": 2,
}
_STEPS, _EVERY = 60, 10


@functools.cache
def trained_small(batch: int, bank: int, rate: float, layers: int) -> tuple[float, ...]:
    """Validation losses at 10, 20, ... steps: ln of the error rate relative to the start.

    Args:
        batch: channels a step.
        bank: channels that the training draws from.
        rate: learning rate.
        layers: of the network.
    """
    recipe = BeamRecipe(
        name="small",
        options={"num_layers": layers, "steps": "scalar"},
        scenario=changed(QPSK, _ARRAY, snr_offset_db=0.0),
        levels_db=(5.0,),
        batch=BeamBatch(channels=batch, bank=bank),
        stage=(Stage(steps=_STEPS, learning_rate=rate),),
        validation=BeamValidation(channels=64, every=_EVERY),
        seed=3,
    )
    return tuple(line["validation_loss"] for line in train(recipe).history)


def training_table(what: str, losses: dict[str, tuple[float, ...]], note: str = "") -> Table:
    """Losses by step; values "NAME first" (at 10 steps) and "NAME last".

    Args:
        what: heading of the column of names.
        losses: of each training, by its name.
        note: how to read it.
    """
    count = len(next(iter(losses.values())))
    rows = tuple((name, *(f"{v:.3f}" for v in line)) for name, line in losses.items())
    values = {f"{name} first": line[0] for name, line in losses.items()}
    values |= {f"{name} last": line[-1] for name, line in losses.items()}
    columns = (what, *(f"{(i + 1) * _EVERY} steps" for i in range(count)))
    return Table(columns, rows, values, note or NOTE)


NOTE = (
    "ln of the validation error rate relative to where the layers start, half of the mean and "
    "half of the geometric mean; scalar steps, 16 antennas, two users of two streams, 5 dB, "
    "one seed."
)
