"""Training on several scenarios in turn."""

import pytest
import torch
from torch import Generator

from mimolearn import InvalidInputError, Scenario
from mimolearn.detectors import TapNet
from mimolearn.training import Loss, Recipe, SnrMix, fine_tune_recipe, train
from mimolearn.training.data import draw_block, step_generator
from mimolearn.training.losses import loss_of

SHARE = {
    "scenario": {"num_tx_ant": 3, "num_rx_ant": 6, "constellation": "16-qam"},
    "snr": {"low_db": 10.0, "high_db": 14.0},
}
TAP = {
    "network": "tap-net",
    "options": {"num_layers": 2},
    "loss": {"name": "cross-entropy"},
    "stage": [{"steps": 4}],
}


def test_validation_is_the_mean_over_the_scenarios(recipe):
    made = recipe(**TAP, also=[SHARE])
    # The rate is so small that the network stays what it is.
    still = Recipe(**made.model_dump() | {"stage": [{"steps": 2, "learning_rate": 1e-12}]})
    found = train(still).history[-1]["validation_loss"]
    losses = []
    for number, share in enumerate(still.shares()):
        detector = TapNet(share.scenario.constellation, num_layers=2)
        generator = step_generator(still.seed, "validation", number)
        block = draw_block(share.scenario, share.snr, 16, 2, generator)
        losses.append(float(loss_of(still.loss, detector, block, None).detach()))
    assert found == pytest.approx(sum(losses) / 2, rel=1e-5)


def test_the_second_scenario_is_trained_on(recipe):
    alone, mixed = train(recipe(**TAP)), train(recipe(**TAP, also=[SHARE]))
    pairs = zip(alone.network.parameters(), mixed.network.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)
    assert alone.history[-1]["loss"] != mixed.history[-1]["loss"]


def test_a_network_of_one_constellation_refuses_others(recipe):
    with pytest.raises(InvalidInputError, match=r"^constellation: .*made for"):
        recipe(also=[SHARE])
    same = {**SHARE, "scenario": {**SHARE["scenario"], "constellation": "bpsk"}}
    assert len(recipe(also=[same], options={"num_layers": 3, "num_tx_ant": 4}).shares()) == 2


def test_recipes_without_further_scenarios_keep_their_keys(recipe):
    plain = recipe()
    assert "also" not in plain.model_dump()
    assert "log_offset" not in plain.model_dump()["loss"]
    assert recipe(also=[]).key() == plain.key()
    mixed = recipe(**TAP, also=[SHARE])
    assert mixed.key() != recipe(**TAP).key()
    assert Recipe(**mixed.model_dump(mode="json")) == mixed


def test_mixed_recipe_survives_toml(recipe, tmp_path):
    mixed = recipe(**TAP, also=[SHARE])
    path = tmp_path / "mixed.toml"
    path.write_text(mixed.to_toml())
    assert Recipe.from_toml(path) == mixed


def test_fine_tuning_leaves_the_other_scenarios(recipe, tmp_path):
    trained = train(recipe(**TAP, also=[SHARE]), out=tmp_path)
    assert trained.path is not None
    scenario = Scenario(num_tx_ant=4, num_rx_ant=4, constellation="bpsk")
    tuned = fine_tune_recipe(trained.path, scenario, steps=2)
    assert len(tuned.shares()) == 1


def test_log_offset_is_the_logarithm_of_the_loss(small_scenario):
    mix = SnrMix(low_db=5.0, high_db=10.0)
    block = draw_block(small_scenario, mix, 6, 5, Generator().manual_seed(1))
    network = TapNet("bpsk", num_layers=2)
    plain = loss_of(Loss(name="cross-entropy"), network, block, None)
    found = loss_of(Loss(name="cross-entropy", log_offset=0.01), network, block, None)
    torch.testing.assert_close(found, (plain + 0.01).log())
