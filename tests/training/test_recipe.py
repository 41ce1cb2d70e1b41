"""Recipes: plain values, errors of one line, a key that knows what matters."""

import pytest

from mimolearn import InvalidInputError, Recipe, Scenario, shipped_recipes
from mimolearn.training import read_recipe


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"network": "lcgnet-w"}, "detector: got 'lcgnet-w'.*did you mean 'lcgnet-"),
        ({"network": "lmmse", "options": {}}, "network: got 'lmmse', expected a detector with lea"),
        ({"options": {"num_layer": 3}}, "got 'num_layer'.*did you mean 'num_layers'"),
        ({"options": {"num_layers": 5000}}, "num_layers: got 5000, expected at most 1024"),
        ({"scenario": "lcgnet"}, "scenario: got 'lcgnet'"),
        ({"stage": []}, r"stage: got 0, expected either \[\[stage\]\] tables or \[layer_by_layer"),
        ({"stage": [{"steps": 0}]}, "stage.0.steps: got 0, expected a value at least 1"),
        ({"stage": [{"steps": 1, "depth": 4}]}, "depth: got 4, expected at most the network's 3"),
        ({"snr": {"low_db": 3.0, "high_db": 2.0}}, "high_db: got 2.0, expected at least low_db"),
        ({"loss": {"name": "mae"}}, "loss.name: got 'mae', expected one of mse, residual"),
        ({"seeed": 1}, "seeed: unknown key, expected one of .*did you mean 'seed'"),
        ({"seed": -1}, "seed: got -1"),
        ({"name": "../up"}, "name: got '../up'"),
    ],
)
def test_errors_are_one_line_and_name_the_field(recipe, fields, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        recipe(**fields)
    assert "\n" not in str(caught.value)


def test_toml_round_trip(recipe, tmp_path):
    for original in (recipe(), recipe(snr={"levels_db": [1.0, 2.0]}, start_from="x")):
        path = tmp_path / "recipe.toml"
        path.write_text(original.to_toml())
        assert read_recipe(path) == original
        assert Recipe.from_toml(path).key() == original.key()


def test_scenario_may_be_a_file(recipe, small_scenario, tmp_path):
    (tmp_path / "link.toml").write_text(small_scenario.to_toml())
    path = tmp_path / "recipe.toml"
    path.write_text('name = "r"\nnetwork = "lcgnet-s"\nscenario = "link.toml"\n[[stage]]\nsteps=1')
    assert read_recipe(str(path)).scenario == small_scenario


def test_file_errors_name_the_file(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('name = "r"\nnetwork = "lcgnet-s"\nscenario = "lcgnet-32x64-bpsk"\n')
    with pytest.raises(InvalidInputError, match=r"recipe.toml: .*stage"):
        read_recipe(path)
    with pytest.raises(InvalidInputError, match="recipe: got 'nosuch', expected one of"):
        read_recipe("nosuch")


def test_key_knows_what_matters(recipe):
    keys = {
        recipe().key(),
        recipe(seed=4).key(),
        recipe(scenario=Scenario(num_tx_ant=4, num_rx_ant=8, constellation="qpsk")).key(),
        recipe(options={"num_layers": 4}).key(),
        recipe(stage=[{"steps": 7}]).key(),
    }
    assert len(keys) == 5
    assert recipe(start_from="").key() == recipe().key()


@pytest.mark.parametrize("name", shipped_recipes("detection"))
def test_shipped_recipes_are_named_after_what_they_make(name):
    recipe = Recipe.shipped(name)
    assert recipe.name == name
    assert recipe.measure.snr_db


def test_the_kind_says_which_recipe_a_file_is(recipe, tmp_path):
    path = tmp_path / "recipe.toml"
    text = recipe().to_toml()
    assert 'kind = "detection"' in text
    path.write_text(text.replace('kind = "detection"\n', ""))
    assert read_recipe(path) == recipe()
    path.write_text(text.replace('kind = "detection"', 'kind = "beam"'))
    with pytest.raises(InvalidInputError, match=r"toml: kind: got 'beam', .*did you mean 'beams'"):
        read_recipe(path)
    with pytest.raises(InvalidInputError, match=r"kind: got 'beam', expected one of detection"):
        Recipe.from_toml(path)


def test_names_of_recipes_are_unique_over_all_kinds():
    kinds = {kind: shipped_recipes(kind) for kind in ("detection", "beams", "soft-bits")}
    assert sorted(sum(kinds.values(), ())) == list(shipped_recipes())
    for kind, names in kinds.items():
        assert read_recipe(names[0]).kind == kind
    with pytest.raises(InvalidInputError, match="kind: got 'beam'"):
        shipped_recipes("beam")
