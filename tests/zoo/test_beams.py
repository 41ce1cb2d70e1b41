"""Shipped beamformers: each has its recipe, and reaches what its card says."""

import pytest
import torch

from mimolearn import BeamRecipe, load, symbol_error_rate
from mimolearn.training import shipped_recipes
from mimolearn.zoo import beam_names, card

# Recipes whose training keeps its random start, and makes no weights that could ship.
NOTHING_LEARNT = {"cnn-mser-qpsk"}


def test_every_recipe_has_its_weights():
    assert set(shipped_recipes("beams")) - NOTHING_LEARNT == set(beam_names())


@pytest.mark.parametrize("name", beam_names())
def test_weights_come_from_their_recipe_and_reach_their_card(name):
    recipe, found = BeamRecipe.shipped(name), card(name)
    assert found.recipe_key == recipe.key()
    assert BeamRecipe(**found.recipe) == recipe
    claimed = found.beams_measured[0]
    scenario = recipe.scenario
    h = scenario.draw(48, torch.Generator().manual_seed(5)).h
    noise_var = torch.full((48,), scenario.noise_var(claimed.snr_db))
    network = load(name)
    designs = network(h, noise_var), network.start(h, noise_var)
    rates, before = (
        symbol_error_rate(h, b, noise_var, scenario.constellation).mean() for b in designs
    )
    # Other channels: heavy tails allow a factor, and the gain over the start is in common.
    assert 1 / 3 < float(rates) / claimed.ser < 3
    if name.startswith("unfolded"):
        assert float(rates / before) < 1.15 * claimed.ser / claimed.start_ser
