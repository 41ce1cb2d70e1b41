"""The loop: it learns, keeps the best, and goes on as if it had never stopped."""

import json

import pytest
import torch

from mimolearn import InvalidInputError, Scenario, load
from mimolearn.training import Stage, fine_tune_recipe, train
from mimolearn.training.checkpoint import load_checkpoint


def stop_at(step):
    def progress(event):
        if event.step >= step:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("step", [4, 7, 12])
def test_interrupted_run_ends_bit_for_bit_as_an_uninterrupted_one(
    recipe, tmp_path, monkeypatch, step
):
    monkeypatch.setattr("mimolearn.training.loop._CHECKPOINT_S", 0.0)
    whole = train(recipe(), out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(recipe(), out=tmp_path / "cut", progress=stop_at(step))
    assert (tmp_path / "cut" / "small.checkpoint.safetensors").exists()
    seen = []
    resumed = train(recipe(), out=tmp_path / "cut", progress=seen.append)
    assert seen[0].step >= step - 1
    files = [(tmp_path / name / "small.safetensors").read_bytes() for name in ("whole", "cut")]
    assert files[0] == files[1]
    assert resumed.history == whole.history
    logs = [(tmp_path / name / "small.log.jsonl").read_text() for name in ("whole", "cut")]
    assert logs[0] == logs[1]
    assert not (tmp_path / "cut" / "small.checkpoint.safetensors").exists()


def test_checkpoint_of_another_recipe_or_damaged_is_refused(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("mimolearn.training.loop._CHECKPOINT_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train(recipe(), out=tmp_path, progress=stop_at(4))
    with pytest.raises(InvalidInputError, match="belongs to another recipe"):
        train(recipe(seed=4), out=tmp_path)
    path = tmp_path / "small.checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InvalidInputError, match="not a training checkpoint") as caught:
        load_checkpoint(path, recipe().key(), recipe().build(), None)
    assert "\n" not in str(caught.value)


def test_training_overfits_a_bank_of_one_channel(recipe):
    options = {"num_layers": 4, "start": "zeros"}
    batch = {"channels": 4, "vectors": 8, "bank": 1}
    snr = {"low_db": 20.0, "high_db": 20.0}
    stage = [{"steps": 150, "learning_rate": 0.05}]
    history = train(
        recipe(options=options, batch=batch, snr=snr, stage=stage, validation={"every": 30})
    ).history
    # From zeros the loss is E|x|^2 = 1; one channel can be learned by heart, others cannot.
    assert history[-1]["loss"] < 0.1
    assert history[-1]["validation_loss"] > 2 * history[-1]["loss"]


def test_best_parameters_are_kept(recipe):
    # A huge learning rate spoils the network at once: what was there before must come back.
    wild = recipe(stage=[{"steps": 4, "learning_rate": 5.0}])
    result = train(wild)
    for parameter, before in zip(
        result.network.parameters(), wild.build().parameters(), strict=True
    ):
        assert torch.equal(parameter, before)
    assert result.history[-1]["validation_loss"] > result.history[-1]["best_loss"]


def test_a_start_that_is_random_or_other_weights_is_not_written_as_trained(recipe, tmp_path):
    # Steps too small to change a number.
    idle = {"stage": [{"steps": 4, "learning_rate": 1e-30}]}
    kept = recipe(network="detnet", options={"num_layers": 2}, name="kept", **idle)
    result = train(kept, out=tmp_path)
    assert result.achieved.kept_start
    assert (result.card, result.path) == (None, None)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.log.jsonl"]
    good = train(recipe(name="good"), out=tmp_path)
    assert good.path is not None
    tuned = train(recipe(name="tuned", start_from=str(good.path), **idle), out=tmp_path)
    assert tuned.achieved.kept_start
    assert tuned.card is None
    assert not (tmp_path / "tuned.safetensors").exists()
    # Classical numbers are good weights, trained or not.
    classical = train(recipe(name="classical", **idle), out=tmp_path)
    assert classical.achieved.kept_start
    assert classical.card is not None


def test_a_loss_that_is_not_finite_stops_in_one_line(recipe):
    with pytest.raises(InvalidInputError, match=r"^loss at step \d+: got (nan|inf)") as caught:
        train(recipe(options={"num_layers": 40}, stage=[{"steps": 60, "learning_rate": 10.0}]))
    assert "\n" not in str(caught.value)


def test_layer_by_layer_freezes_what_is_older(recipe):
    schedule = {"levels_db": [10.0], "newest_steps": 2, "all_steps": 1}
    plan = recipe(stage=(), layer_by_layer=schedule, options={"num_layers": 3, "start": "zeros"})
    stages = plan.stages()
    assert [(s.depth, s.train) for s in stages] == [
        (1, "newest"),
        (1, "all"),
        (2, "newest"),
        (2, "all"),
        (3, "newest"),
        (3, "all"),
    ]
    only_newest = recipe(
        stage=[Stage(steps=3, depth=2, train="newest", final_fraction=1.0)],
        options={"num_layers": 3},
    )
    before, after = only_newest.build().state_dict(), train(only_newest).network.state_dict()
    moved = {
        (name, row): not torch.equal(before[name][row], after[name][row])
        for name in ("alpha", "beta")
        for row in range(len(before[name]))
    }
    assert moved == {
        ("alpha", 0): False,
        ("alpha", 1): True,
        ("alpha", 2): False,
        ("beta", 0): True,
        ("beta", 1): False,
    }


def test_log_and_card_of_layer_by_layer_have_every_depth(recipe, tmp_path):
    schedule = {"levels_db": [12.0, 6.0], "newest_steps": 4, "all_steps": 4}
    plan = recipe(stage=(), layer_by_layer=schedule, validation={"channels": 16, "every": 4})
    trained = train(plan, out=tmp_path)
    history = trained.history
    assert [line["stage"] for line in history] == list(range(12))
    assert trained.card is not None
    best = [line["best_loss"] for line in history[1::2]]
    assert [(d.snr_db, list(d.losses)) for d in trained.card.depths] == [
        (12.0, best[:3]),
        (6.0, best[3:]),
    ]


def test_learning_rate_warms_up_and_falls():
    stage = Stage(steps=11, learning_rate=1.0, warm_up=2, final_fraction=0.1)
    rates = [stage.learning_rate_at(step) for step in range(11)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[-1] == pytest.approx(0.1)
    assert rates[6] == pytest.approx(0.55)


def test_card_says_what_the_network_is_and_fine_tuning_starts_from_it(recipe, tmp_path):
    first = train(recipe(), out=tmp_path)
    card = json.loads((tmp_path / "small.json").read_text())
    assert card["network"] == "lcgnet-v"
    assert card["options"] == {"num_layers": 3, "num_tx_ant": 4, "load": 0.5}
    assert card["recipe_key"] == recipe().key()
    assert card["measured"][0]["vectors"] == 512
    other = Scenario(
        num_tx_ant=4,
        num_rx_ant=8,
        constellation="bpsk",
        channel={"model": "kronecker", "rx_correlation": 0.5, "tx_correlation": 0.5},
    )
    tuned_recipe = fine_tune_recipe(first.path, other, steps=3, name="tuned")
    assert tuned_recipe.scenario == other
    tuned = train(tuned_recipe, out=tmp_path)
    assert tuned.card.start == first.card.sha256
    assert torch.equal(load(tmp_path / "tuned.safetensors").alpha, tuned.network.alpha)


def test_start_from_another_kind_is_refused(recipe, tmp_path):
    first = train(recipe(), out=tmp_path)
    wrong = recipe(network="lcgnet-s", start_from=str(first.path))
    with pytest.raises(InvalidInputError, match=r"^start_from: got <LcgNetV>, expected weights"):
        train(wrong)


def test_sharpness_is_for_soft_quantisers(recipe):
    with pytest.raises(InvalidInputError, match="no soft quantiser"):
        train(recipe(stage=[{"steps": 1, "sharpness": 10.0}]))
