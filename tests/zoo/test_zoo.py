"""Shipped weights: each has its recipe, and reaches what its card says."""

import pytest

from mimolearn import InvalidInputError, Recipe, load, shipped_recipes, zoo_names
from mimolearn.studies import Contender
from mimolearn.training import Measurement, measure
from mimolearn.zoo import card

NETWORKS = [
    name for name in zoo_names() if card(name).kind == "detector" and not card(name).soft_bits
]


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_come_from_their_recipe(name):
    recipe, found = Recipe.shipped(name), card(name)
    assert found.recipe_key == recipe.key()
    assert Recipe(**found.recipe) == recipe


def test_every_recipe_has_its_weights():
    assert set(shipped_recipes("detection")) == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_reach_what_their_card_says(name):
    recipe, found = Recipe.shipped(name), card(name)
    claimed = found.measured[-1]
    # TDL channels take 30 ms each to draw.
    channels, near = 16 if recipe.scenario.channel.model == "tdl" else 128, 0.35
    if "bpsk" in name and recipe.scenario.name.startswith("detnet"):
        # What such networks still get wrong are few vectors, each wholly.
        channels, near = 8192 // recipe.measure.vectors, 0.6
    elif name.startswith("detnet"):
        channels, near = 1024, 0.6
    plan = Measurement(snr_db=(claimed.snr_db,), channels=channels, vectors=recipe.measure.vectors)
    reached = measure(load(name), recipe.scenario, plan, recipe.seed)[0]
    assert reached.nmse_db == pytest.approx(claimed.nmse_db, abs=near)


def test_one_card_to_the_last_digit():
    name = "lcgnet-s-32x64-bpsk"
    plan = Measurement(snr_db=(4.0,))
    reached = measure(load(name), Recipe.shipped(name).scenario, plan, 1)[0]
    claimed = card(name).measured[0]
    assert reached.nmse_db == pytest.approx(claimed.nmse_db, abs=2e-3)
    assert reached.ber == pytest.approx(claimed.ber, rel=0.01)


def test_weights_are_contenders(tmp_path):
    name = "lcgnet-s-32x64-bpsk"
    contender = Contender.parse(name)
    assert contender.label == name
    assert contender.weights == card(name).sha256
    again = Contender.from_dict(contender.to_dict())
    assert again.key() == contender.key() != Contender("lcgnet-s").key()
    assert contender.build("bpsk").num_layers == 15
    with pytest.raises(InvalidInputError, match="expected the scenario's"):
        contender.build("qpsk")
    with pytest.raises(InvalidInputError, match=f"options of {name}: .*expected none"):
        Contender.parse(f"{name}:num_layers=3")
    with pytest.raises(InvalidInputError, match=f"did you mean '{name}'"):
        Contender.parse("lcgnet-s-32x64-bspk")


def test_stored_contender_knows_when_its_weights_changed():
    content = Contender("lcgnet-s-32x64-bpsk").to_dict()
    content["identity"]["detector"]["weights"] = "0" * 64
    stored = Contender.from_dict(content)
    with pytest.raises(InvalidInputError, match="no longer those that the results are of"):
        stored.build("bpsk")
