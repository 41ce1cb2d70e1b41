"""Recipes small enough that a training takes a fraction of a second."""

import pytest

from mimolearn.link.scenario import Scenario
from mimolearn.training import Recipe


@pytest.fixture
def small_scenario():
    return Scenario(
        num_tx_ant=4,
        num_rx_ant=8,
        constellation="bpsk",
        channel={"model": "rayleigh", "entry_variance": "1/Nr"},
    )


@pytest.fixture
def recipe(small_scenario):
    """A function that makes a recipe, with fields replaced."""

    def make(**fields):
        defaults = {
            "name": "small",
            "network": "lcgnet-v",
            "options": {"num_layers": 3},
            "scenario": small_scenario,
            "stage": [{"steps": 7}, {"steps": 8, "learning_rate": 0.005}],
            "batch": {"channels": 8, "vectors": 2},
            "validation": {"channels": 16, "vectors": 2, "every": 2},
            "measure": {"snr_db": [6.0], "channels": 64},
            "seed": 3,
        }
        return Recipe(**defaults | fields)

    return make
