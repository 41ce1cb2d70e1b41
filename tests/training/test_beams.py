"""Beamformers in the training loop: they learn, go on bit for bit, freeze and transfer."""

import math

import pytest
import torch

from mimolearn import (
    BeamRecipe,
    BeamScenario,
    HybridArray,
    InvalidInputError,
    symbol_error_rate,
    train,
)
from mimolearn.beamformers.trained import load_beamformer
from mimolearn.link.beam_scenario import BeamBlock
from mimolearn.training import read_recipe, shipped_recipes
from mimolearn.training.problems import beams
from mimolearn.weights import read_card

ARRAY = HybridArray(
    num_users=2, num_tx_ant=16, num_tx_chains=4, num_rx_ant=4, num_rx_chains=2, num_streams=1
)
# Gauss-Newton layers start so well that a few steps need not find anything better.
SCALAR = {"num_layers": 3, "steps": "scalar"}


def recipe(**changes):
    fields = {
        "name": "small",
        "options": {"num_layers": 3, "steps": "gauss-newton"},
        "scenario": BeamScenario(array=ARRAY, snr_offset_db=-8.0),
        "levels_db": (3.0, 6.0),
        "batch": {"channels": 8, "bank": 40},
        "stage": [{"steps": 12, "learning_rate": 0.05}],
        "validation": {"channels": 16, "every": 4},
        "measure": {"snr_db": [3.0], "channels": 16},
        "seed": 3,
    }
    return BeamRecipe(**fields | changes)


@pytest.mark.parametrize("steps", ["scalar", "matrix", "gauss-newton"])
def test_layers_learn(steps):
    options = {"num_layers": 3, "steps": steps, "offsets": steps == "matrix"}
    trained = train(recipe(options=options))
    losses = [line["validation_loss"] for line in trained.history]
    untrained = recipe(options=options, stage=[{"steps": 1, "learning_rate": 1e-9}])
    assert min(losses) < train(untrained).history[0]["validation_loss"] - 1e-3
    assert all(not p.requires_grad for p in trained.network.parameters())


@pytest.mark.parametrize("criterion", ["mser", "mmse"])
def test_a_black_box_learns(criterion):
    trained = train(
        recipe(
            network="cnn",
            options={"depth": 3, "width": 4, "hidden": 16},
            criterion=criterion,
            stage=[{"steps": 40, "learning_rate": 0.01}],
        )
    )
    losses = [line["loss"] for line in trained.history]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("network", ["unfolded-mser", "cnn"])
def test_a_loss_under_channel_error_is_over_the_true_channels(network):
    """Designs know the channels with their errors alone, as they do when they are used."""
    options = {"depth": 3, "width": 4, "hidden": 16} if network == "cnn" else SCALAR
    link = BeamScenario(array=ARRAY, snr_offset_db=-8.0, csi_error_var=0.3)
    made = recipe(network=network, options=options, scenario=link, levels_db=(6.0,))
    problem = beams.Beams(made)
    problem.build()
    problem.draw()
    problem.network.eval()
    h, h_hat = problem._validated
    noise_var = torch.full((len(h),), link.noise_var(6.0))
    with torch.no_grad():
        values = problem.network.values(h_hat, noise_var, "mser", h)
        known = problem.network.values(h_hat, noise_var)
        designs = problem.network(h_hat, noise_var)
        exact = symbol_error_rate(h, designs, noise_var, "qpsk").mean((-1, -2))
        blind = float(problem._loss(BeamBlock(h_hat, h_hat), (6.0,)))
        assert problem.validate(0) != pytest.approx(blind, abs=1e-3)
    # P(re) + P(im) is at most twice the error rate, here of the layer that looked best.
    least = torch.stack(values).amin(0).exp()
    assert bool((least < 2.001 * exact).all())
    assert float(values[0].exp().mean()) > 1.2 * float(known[0].exp().mean())


def test_evolution_finds_the_derivatives_where_there_are_some(monkeypatch):
    monkeypatch.setattr(beams, "_STEEPEST", math.inf)
    plan = {"directions": 120, "deviation": 0.001}
    # One layer: there is no trend over layers, and its loss is smooth.
    options = {"num_layers": 1, "steps": "newton-cg"}
    slopes = []
    for evolution in (None, plan):
        problem = beams.Beams(recipe(options=options, evolution=evolution))
        problem.build()
        problem.draw()
        problem.step_loss(0, 0, 0).backward()
        slopes.append(problem.network.scalars.grad.flatten())
    cosine = torch.nn.functional.cosine_similarity(*slopes, dim=0)
    assert float(cosine) > 0.8


@pytest.mark.parametrize(
    "steps", ["gauss-newton", pytest.param("newton-cg", marks=pytest.mark.soak(only=True))]
)
def test_newtons_layers_evolve_and_repeat_bit_for_bit(steps):
    changes = {
        "options": {"num_layers": 4, "steps": steps},
        "evolution": {"directions": 6, "deviation": 0.1},
        "stage": [{"steps": 6, "learning_rate": 0.1}],
        "validation": {"channels": 16, "every": 2},
    }
    first, second = (train(recipe(**changes)) for _ in range(2))
    assert torch.equal(first.network.scalars, second.network.scalars)
    start = train(recipe(**changes | {"stage": [{"steps": 1, "learning_rate": 1e-9}]}))
    before = start.history[0]["validation_loss"]
    assert min(line["validation_loss"] for line in first.history) < before


def test_only_layers_evolve():
    with pytest.raises(InvalidInputError, match="evolution: got <given>, expected none"):
        recipe(network="cnn", options={"depth": 3, "width": 4}, evolution={})
    with pytest.raises(InvalidInputError, match="directions"):
        recipe(evolution={"directions": 0})


def test_a_step_may_take_all_snrs_together():
    def first_loss(levels):
        batch = {"channels": 8, "bank": 40, "levels": levels}
        return train(recipe(options=SCALAR, batch=batch)).history

    together, in_turn = first_loss("together"), first_loss("in turn")
    assert min(line["validation_loss"] for line in together) < together[0]["validation_loss"]
    assert [line["loss"] for line in together] != [line["loss"] for line in in_turn]
    with pytest.raises(InvalidInputError, match="levels: got 'mixed', expected"):
        recipe(batch={"levels": "mixed"})


def test_files_tell_what_was_trained_and_measured(tmp_path):
    result = train(recipe(), out=tmp_path)
    card = read_card(tmp_path / "small.safetensors")
    assert card.kind == "beamformer"
    assert card.recipe_key == recipe().key()
    assert BeamRecipe(**card.recipe) == recipe()
    measured = card.beams_measured[0]
    assert 0 < measured.ser < measured.start_ser
    again = load_beamformer(tmp_path / "small.safetensors")
    h = recipe().scenario.draw(3, torch.Generator().manual_seed(1)).h
    for a, b in zip(result.network(h, 0.5), again(h, 0.5), strict=True):
        assert torch.equal(a, b)


def test_frozen_layers_stay_as_they_came(tmp_path):
    # Hardly trained, so that going on is sure to find something better.
    train(recipe(options=SCALAR, stage=[{"steps": 1, "learning_rate": 1e-9}]), out=tmp_path)
    first = str(tmp_path / "small.safetensors")
    changed = recipe(name="moved", start_from=first, frozen_layers=2, seed=9, options=SCALAR)
    before = load_beamformer(first).scalars
    after = train(changed, out=tmp_path).network.scalars
    assert torch.equal(before[:2], after[:2])
    assert not torch.equal(before[2:], after[2:])
    assert read_card(tmp_path / "moved.safetensors").start == read_card(first).sha256


def test_a_run_that_was_cut_off_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr("mimolearn.training.loop._CHECKPOINT_S", 0.0)

    class CutError(Exception):
        pass

    def cut(event):
        if event.step == 8:
            raise CutError

    whole = train(recipe(), out=tmp_path / "whole")
    with pytest.raises(CutError):
        train(recipe(), out=tmp_path / "cut", progress=cut)
    resumed = train(recipe(), out=tmp_path / "cut")
    assert torch.equal(whole.network.scalars, resumed.network.scalars)


def test_smaller_systems_are_served_and_larger_ones_refused(tmp_path):
    train(recipe(options={"num_layers": 2, "steps": "matrix"}), out=tmp_path)
    path = tmp_path / "small.safetensors"
    smaller = HybridArray(**{**ARRAY.model_dump(), "num_users": 1, "num_tx_ant": 8})
    h = BeamScenario(array=smaller).draw(2, torch.Generator().manual_seed(1)).h
    assert load_beamformer(path, smaller)(h, 0.5).f_rf.shape == (2, 8, 4)
    larger = HybridArray(**{**ARRAY.model_dump(), "num_tx_ant": 32})
    with pytest.raises(InvalidInputError, match="num_tx_ant: got 32, expected at most 16"):
        load_beamformer(path, larger)
    other = HybridArray(**{**ARRAY.model_dump(), "num_tx_chains": 5})
    with pytest.raises(InvalidInputError, match="num_tx_chains: got 5, expected 4"):
        load_beamformer(path, other)


def test_recipes_round_trip_and_ship(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(recipe().to_toml())
    assert read_recipe(path) == recipe()
    for name in shipped_recipes("beams"):
        assert read_recipe(name).name == name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "mo", "options": {}}, "network: got 'mo', expected a beamformer with learned"),
        ({"frozen_layers": 3}, "frozen_layers: got 3, expected less than 3"),
        ({"options": {"steps": "newton"}}, "steps: got 'newton', expected one of scalar"),
        ({"stage": [{"steps": 1, "depth": 1}]}, "expected steps and learning rates alone"),
        ({"scenario": "mser"}, "scenario: got 'mser'"),
        ({"levels_db": []}, "levels_db"),
    ],
)
def test_errors_are_one_line(changes, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        recipe(**changes)
    assert "\n" not in str(caught.value)
