"""What the one loop promises for detectors, beamformers and soft bits alike."""

import os

import pytest
import torch

from mimolearn import BeamRecipe, BeamScenario, HybridArray, InvalidInputError, Recipe, Scenario
from mimolearn.training import SoftBitRecipe, fine_tune_recipe, train
from mimolearn.training.problems.soft_bits import SoftBits

LINK = Scenario(num_tx_ant=2, num_rx_ant=4, constellation="bpsk")
QAM = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="16-qam")
ARRAY = HybridArray(
    num_users=2, num_tx_ant=16, num_tx_chains=4, num_rx_ant=4, num_rx_chains=2, num_streams=1
)
SOFT = {
    "name": "small",
    "scenario": QAM,
    "teacher": "lmmse",
    "snr": {"low_db": 8.0, "high_db": 12.0},
    "uses": 300,
    "seed": 3,
}
DETECTION = Recipe(
    name="small",
    network="lcgnet-v",
    options={"num_layers": 2},
    scenario=LINK,
    stage=[{"steps": 14}, {"steps": 10, "learning_rate": 0.005}],
    batch={"channels": 4, "vectors": 2},
    validation={"channels": 8, "vectors": 2, "every": 5},
)
RECIPES = {
    "detection": DETECTION,
    "beams": BeamRecipe(
        name="small",
        options={"num_layers": 2, "steps": "scalar"},
        scenario=BeamScenario(array=ARRAY, snr_offset_db=-8.0),
        levels_db=(3.0, 6.0),
        batch={"channels": 4, "bank": 10},
        stage=[{"steps": 24, "learning_rate": 0.05}],
        validation={"channels": 4, "every": 5},
    ),
    "quantizer": SoftBitRecipe(
        network="eq-net",
        bits=3.0,
        options={"steps": 14, "tuning_steps": 10, "width": 8, "learned_levels": True},
        **SOFT,
    ),
    "published": SoftBitRecipe(network="eq-net-published", bits=3.0, options={"steps": 24}, **SOFT),
    "estimator": SoftBitRecipe(
        part="estimator", network="eq-net", fit={"steps": 24, "batch": 16}, **SOFT
    ),
}
every_problem = pytest.mark.parametrize("kind", RECIPES)


@pytest.fixture(autouse=True)
def checkpoint_at_every_look(monkeypatch):
    monkeypatch.setattr("mimolearn.training.loop._CHECKPOINT_S", 0.0)
    monkeypatch.setattr(SoftBits, "every", 5)


def stop_at(step):
    def progress(event):
        if event.step >= step:
            raise KeyboardInterrupt

    return progress


def same_weights(a, b):
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@every_problem
@pytest.mark.parametrize("step", [9, 16])
def test_an_interrupted_run_goes_on_bit_for_bit(kind, step, tmp_path):
    recipe = RECIPES[kind]
    whole = train(recipe, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, out=tmp_path / "cut", progress=stop_at(step))
    assert (tmp_path / "cut" / "small.checkpoint.safetensors").exists()
    events = []
    resumed = train(recipe, out=tmp_path / "cut", progress=events.append)
    assert events[0].step > 2
    for ending in ("safetensors", "log.jsonl"):
        files = [(tmp_path / name / f"small.{ending}").read_bytes() for name in ("whole", "cut")]
        assert files[0] == files[1]
    assert resumed.history == whole.history
    assert resumed.achieved == whole.achieved
    assert not (tmp_path / "cut" / "small.checkpoint.safetensors").exists()


@every_problem
def test_every_problem_tells_its_progress(kind):
    events = []
    trained = train(RECIPES[kind], progress=events.append)
    assert events[-1].step == events[-1].total_steps == 24
    assert [event.to_dict() for event in events] == list(trained.history)
    assert events[0].eta_s is None
    assert all(event.eta_s is not None and event.eta_s >= 0 for event in events[1:])
    assert events[-1].eta_s == 0


def test_a_checkpoint_whose_writing_was_killed_leaves_the_one_before(tmp_path, monkeypatch):
    whole = train(DETECTION)
    written = []

    def killed(descriptor):
        written.append(descriptor)
        if len(written) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            train(DETECTION, out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "small.checkpoint.safetensors",
        "small.log.jsonl",
    ]
    events = []
    resumed = train(DETECTION, out=tmp_path, progress=events.append)
    # Checkpoints lay at steps 5, 10 and, killed, 14.
    assert events[0].step == 14
    assert resumed.history == whole.history
    assert same_weights(resumed.network, whole.network)


@every_problem
def test_modes_of_the_caller_change_nothing(kind):
    plain = train(RECIPES[kind])
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        inside = train(RECIPES[kind])
    assert same_weights(plain.network, inside.network)
    assert not any(p.is_inference() for p in inside.network.parameters())


def test_dropout_draws_from_the_training_s_generator():
    recipe = Recipe(
        name="drops",
        network="nn-det",
        options={"num_layers": 2, "first_width": 8, "second_width": 8},
        scenario=QAM,
        loss={"name": "cross-entropy"},
        stage=[{"steps": 6}],
        batch={"channels": 8, "vectors": 2},
        validation={"channels": 8, "every": 3},
    )
    first = train(recipe)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = train(recipe)
    assert torch.equal(before, torch.get_rng_state())
    assert same_weights(first.network, again.network)
    dropout = next(m for m in again.network.modules() if type(m).__name__ == "_Dropout")
    x = torch.ones(4000)
    assert torch.equal(dropout(x), x)
    dropped = dropout.train()(x)
    assert set(dropped.unique().tolist()) == {0.0, 1.25}
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.05)


def test_training_says_what_it_achieved():
    better = train(RECIPES["quantizer"]).achieved
    assert better.loss is not None
    assert better.start_loss is not None
    assert better.loss < better.start_loss
    assert str(better).endswith(f"down from {better.start_loss:.4g} at the start.")
    # LMMSE is what this estimator begins with, and its teacher.
    worse = train(RECIPES["estimator"]).achieved
    assert not worse.kept_start
    assert str(worse).endswith("this training made nothing better.")
    # A huge learning rate spoils the network at once.
    wild = DETECTION.model_dump() | {"stage": [{"steps": 4, "learning_rate": 5.0}]}
    kept = train(Recipe(**wild)).achieved
    assert kept.kept_start
    assert kept.loss == kept.start_loss
    assert "the weights are those that training started from" in str(kept)
    levels = train(SoftBitRecipe(network="max-mi", bits=2.0, **SOFT))
    assert str(levels.achieved) == "Fitted in one go, without training steps."
    assert levels.history == ()


def test_only_weights_of_detection_are_fine_tuned():
    with pytest.raises(InvalidInputError, match=r"^weights: .*not of soft-bits"):
        fine_tune_recipe("eq-net-estimator-2x2-64qam", Scenario.shipped("eqnet-2x2-64qam"))
