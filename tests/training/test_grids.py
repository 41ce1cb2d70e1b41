"""Training on estimated channels: what is drawn, and that the loop treats it as anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mimolearn import InvalidInputError
from mimolearn.link.channels import TDLProcess
from mimolearn.link.estimators import LsLinear, Perfect, Wiener
from mimolearn.link.frames import CombPilots, NrPusch, PlainGrid
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.randomness import CounterGenerator
from mimolearn.link.scenario import Block
from mimolearn.training import Recipe, SnrMix, fine_tune_recipe, read_recipe, train
from mimolearn.training.elements import ElementSource, snr_levels


def link(estimator: Any = None, **fields: Any) -> GridScenario:
    given = {"frame": NrPusch(num_prb=1, num_ues=2, mcs=4), "estimator": estimator or Wiener()}
    return GridScenario(num_tx_ant=2, num_rx_ant=3, channel=TDLProcess(), **given | fields)


def plain(estimator: Any) -> GridScenario:
    frame = PlainGrid(num_symbols=4, num_subcarriers=24, num_ues=2)
    pilots = CombPilots(symbols=(0,), spacing=4)
    return link(estimator, frame=frame, pilots=pilots, constellation="qpsk")


def recipe(scenario: Any, **fields: Any) -> Recipe:
    usual: dict[str, Any] = {
        "name": "small",
        "network": "tap-net",
        "options": {"num_layers": 2},
        "scenario": scenario,
        "snr": {"low_db": 0.0, "high_db": 6.0},
        "loss": {"name": "cross-entropy"},
        "stage": [{"steps": 6}, {"steps": 4, "snr": {"low_db": 3.0, "high_db": 3.0}}],
        "batch": {"channels": 16, "vectors": 2},
        "validation": {"channels": 64, "vectors": 1, "every": 2},
        "measure": {"snr_db": [6.0], "channels": 100, "vectors": 1},
    }
    return Recipe(**usual | fields)


def elements(scenario: GridScenario, snr_db: float, num: int = 4000) -> tuple[Block, float]:
    source = ElementSource(scenario, SnrMix(levels_db=(snr_db,)))
    return source.draw(num, CounterGenerator(1)), scenario.noise_var(snr_db)


@pytest.mark.parametrize("reuse", [1, 4])
def test_elements_are_what_a_detector_would_be_given(reuse: int) -> None:
    scenario = link(Wiener(reuse_subcarriers=reuse))
    block, noise_var = elements(scenario, 6.0)
    assert block.y.shape == (4000, 1, 3)
    x = scenario.points().map(block.indices)
    noise = block.y - x @ block.h.mT
    assert float(noise.abs().square().mean()) == pytest.approx(noise_var, rel=0.05)
    # What the estimate lacks of the channel, over all layers, is in the noise variance.
    wrong = (block.h_hat - block.h).abs().square().mean(1).sum(-1)
    claimed = float(block.noise_var.mean()) - noise_var
    assert float(wrong.mean()) == pytest.approx(claimed, rel=0.1)


def test_a_known_channel_is_given_as_it_is() -> None:
    block, noise_var = elements(link(Perfect()), 6.0, 40)
    assert torch.equal(block.h_hat, block.h)
    assert torch.allclose(block.noise_var, torch.tensor(noise_var))


def test_draws_depend_on_the_generator_alone() -> None:
    source = ElementSource(link(), SnrMix(low_db=0.0, high_db=9.0))
    first = source.draw(70, CounterGenerator(2))
    source.draw(5, CounterGenerator(3))
    for one, other in zip(first, source.draw(70, CounterGenerator(2)), strict=True):
        assert torch.equal(one, other)
    assert len(first.noise_var.unique()) > 2
    assert snr_levels(SnrMix(low_db=4.0, high_db=4.0)) == [4.0]
    assert snr_levels(SnrMix(levels_db=(9.0, 1.0))) == [9.0, 1.0]


@pytest.mark.parametrize("bank", [0, 96])
def test_a_run_that_was_interrupted_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bank: int
) -> None:
    monkeypatch.setattr("mimolearn.training.loop._CHECKPOINT_S", 0.0)
    small = recipe(link(), batch={"channels": 16, "vectors": 2, "bank": bank})

    def stop(event: Any) -> None:
        if event.step >= 7:
            raise KeyboardInterrupt

    whole = train(small, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(small, out=tmp_path / "cut", progress=stop)
    resumed = train(small, out=tmp_path / "cut")
    assert resumed.history == whole.history
    files = [(tmp_path / name / "small.safetensors").read_bytes() for name in ("whole", "cut")]
    assert files[0] == files[1]
    assert whole.card is not None
    assert whole.card.constellation == "qpsk"
    assert whole.card.measured[0].vectors == 100
    # Its card is a recipe that can be trained again, and its weights can be tuned to another grid.
    assert Recipe(**whole.card.recipe) == small
    tuned = fine_tune_recipe(tmp_path / "whole" / "small.safetensors", plain(LsLinear()), steps=2)
    assert train(tuned).card is None


def test_recipes_read_grids_by_name_table_and_file(tmp_path: Path) -> None:
    name = "uplink-4x4-16qam-low"
    shipped = recipe(name)
    assert shipped.scenario == GridScenario.shipped(name)
    table = shipped.scenario.model_dump(mode="json", exclude_none=True)
    assert recipe(table) == shipped
    assert recipe(table, also=[{"scenario": name, "snr": {}}]).shares()[1].scenario == (
        shipped.scenario
    )
    (tmp_path / "link.toml").write_text(shipped.scenario.to_toml())
    lines = [
        'name = "mine"',
        'network = "tap-net"',
        'scenario = "link.toml"',
        "[[stage]]",
        "steps = 3",
    ]
    (tmp_path / "recipe.toml").write_text("\n".join(lines))
    assert read_recipe(tmp_path / "recipe.toml").scenario == shipped.scenario
    with pytest.raises(InvalidInputError) as error:
        recipe({**table, "frame": {**table["frame"], "mcs": 40}})
    assert str(error.value).startswith("scenario.frame.mcs: got 40, expected a value at most 28")
