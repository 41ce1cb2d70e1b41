"""A sweep is its members trained one by one, resumed where it stopped."""

from __future__ import annotations

import pytest

from mimolearn import InvalidInputError, Recipe
from mimolearn.training import members, parse_axis, sweep, train

FIELDS = {
    "name": "small",
    "network": "lcgnet-s",
    "options": {"num_layers": 2},
    "scenario": {"num_tx_ant": 2, "num_rx_ant": 4, "constellation": "bpsk"},
    "batch": {"channels": 4},
    "validation": {"channels": 4, "every": 2},
    "measure": {"snr_db": [5.0], "channels": 16},
    "stage": [{"steps": 4}],
}


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(**FIELDS)


def test_members_are_all_combinations_under_names_of_their_own(recipe: Recipe) -> None:
    found = members(recipe, ["seed=1,2", "num_layers=2,3", "num_rx_ant=4"])
    assert [m.values for m in found] == [(1, 2, 4), (1, 3, 4), (2, 2, 4), (2, 3, 4)]
    assert found[1].recipe.name == "small.seed-1.num-layers-3.num-rx-ant-4"
    assert found[1].recipe.seed == 1
    assert found[1].recipe.options["num_layers"] == 3
    assert len({m.recipe.key() for m in found}) == 4
    assert recipe.seed == 0


def test_a_sweep_is_its_members_trained_alone_and_goes_on(recipe: Recipe, tmp_path) -> None:
    events = []
    first = sweep(recipe, ["seed=1,2"], out=tmp_path / "w", progress=events.append)
    assert [event.kept for event in events] == [False, False]
    alone = train(members(recipe, ["seed=2"])[0].recipe, out=tmp_path / "alone")
    assert alone.card.sha256 == first[1][1].sha256 != first[0][1].sha256
    events.clear()
    again = sweep(recipe, ["seed=1,2,3"], out=tmp_path / "w", progress=events.append)
    assert [event.kept for event in events] == [True, True, False]
    assert again[:2] == first
    with pytest.raises(InvalidInputError, match=r"^out: .*another recipe"):
        sweep(Recipe(**{**FIELDS, "stage": [{"steps": 6}]}), ["seed=1"], out=tmp_path / "w")


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        (["seed"], "^sweep: got 'seed'"),
        (["seed=1,1"], "different values"),
        (["seed=1", "seed=2"], "different fields"),
        (["seed=-1"], "^sweep: seed--1: seed"),
        (["num_leyers=3"], "num_leyers"),
        (["options.num_layers.x=3"], "^sweep: got 'options.num_layers.x'"),
        (["sed=1,2"], r"^sweep: got 'sed', expected one of .*\(did you mean 'seed'\?\)"),
        (["num_layer=1"], r"^sweep: got 'num_layer', .*did you mean 'num_layers'"),
        (["nothing.num_layers=3"], "nothing"),
        ([], "at least one field"),
        (["seed=" + ",".join(map(str, range(1001)))], "at most 1000"),
    ],
)
def test_a_wrong_sweep_is_one_line(recipe: Recipe, axes: list[str], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as error:
        members(recipe, axes)
    assert "\n" not in str(error.value)


def test_axis_values_are_read_as_in_a_file() -> None:
    assert parse_axis("options.start=zero,lmmse").values == ("zero", "lmmse")
    assert parse_axis("learn_rho=true,false").values == (True, False)
    assert parse_axis("load=0.5,1").values == (0.5, 1)
