"""Training on recorded channels: what a card keeps, and a comparison on the same samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mimolearn import simulate
from mimolearn.plans.contender import Contender
from mimolearn.plans.shared_samples import shared_samples
from mimolearn.report import Answers
from mimolearn.report.text.sentences import cautions
from mimolearn.training import fine_tune_recipe, train
from mimolearn.weights import read_card


def test_shared_samples_are_said_and_paths_stay_here(recipe, small_scenario, tmp_path):
    rng = np.random.default_rng(2)
    h = rng.normal(size=(20, 8, 4)) + 1j * rng.normal(size=(20, 8, 4))
    np.save(tmp_path / "h.npy", h)
    channel = {"model": "recorded", "path": str(tmp_path / "h.npy"), "entry_variance": "1/Nr"}
    link = small_scenario.with_(channel={**channel, "rows": "0:80%"})
    train(recipe(scenario=link), out=tmp_path)
    weights = str(tmp_path / "small.safetensors")
    kept = read_card(weights).recipe["scenario"]["channel"]
    assert (kept["path"], kept["sample_range"]) == ("h.npy", [0, 16])
    assert str(tmp_path) not in (tmp_path / "small.json").read_text("utf-8")
    contender = Contender(weights, label="small")
    numbers = {"0:80%": 16, "0:": 16, "70%:": 2, "80%:": 0}
    for rows, expected in numbers.items():
        other = small_scenario.with_(channel={**channel, "rows": rows})
        assert shared_samples(contender, other) == expected
        assert shared_samples(Contender("lmmse"), other) == 0
    assert shared_samples(contender, small_scenario) == 0
    result = simulate(link, [contender, "lmmse"], [0.0], min_errors=50, max_vectors=2000)
    said = " ".join(cautions(Answers(result)))
    assert "small was trained on 16 of these samples" in said
    apart = replace(result, scenario=link.with_(channel={**channel, "rows": "80%:"}))
    assert "was trained on" not in " ".join(cautions(Answers(apart)))
    (tmp_path / "h.npy").unlink()
    assert fine_tune_recipe(weights, small_scenario).scenario == small_scenario
