"""Losses over all layers, parts of a network in one step, halves in files, and the penalty."""

import math

import pytest
import torch

from mimolearn import InvalidInputError, Recipe, Scenario, load
from mimolearn.training import Batch, Loss, SnrMix, Stage, Validation, train
from mimolearn.training.data import draw_block
from mimolearn.training.losses import loss_of

LINK = Scenario(
    num_tx_ant=3,
    num_rx_ant=6,
    constellation="bpsk",
    channel={"model": "rayleigh", "entry_variance": "1/Nr"},
)


def recipe(network="detnet", link=LINK, steps=6, loss=None, **fields):
    defaults = {
        "name": "small",
        "network": network,
        "scenario": link,
        "options": {"num_layers": 3},
        "loss": loss or Loss(name="level-entropy", layers="equal"),
        "snr": SnrMix(low_db=-1.0, high_db=3.0),
        "batch": Batch(channels=8, vectors=2),
        "validation": Validation(channels=16, vectors=2, every=3),
        "stage": (Stage(steps=steps),),
    }
    return Recipe(**{**defaults, **fields})


def small_block(link=LINK, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return draw_block(link, SnrMix(low_db=2.0, high_db=2.0), 5, 2, generator)


@pytest.mark.parametrize("constellation", ["bpsk", "qpsk", "16-qam"])
def test_entropy_of_levels_is_that_of_symbols_over_their_axes(constellation):
    link = LINK.model_copy(update={"constellation": constellation})
    network, block = recipe("equi-net", link).build(), small_block(link)
    axes = 1 if constellation == "bpsk" else 2
    by_level = loss_of(Loss(name="level-entropy"), network, block, None)
    by_symbol = loss_of(Loss(name="cross-entropy"), network, block, None)
    # The default of cross-entropy is the last layer's detection alone, as here.
    torch.testing.assert_close(axes * by_level, by_symbol)


def test_weights_of_layers():
    network, block = recipe().build(), small_block()
    parts = torch.stack(
        [loss_of(Loss(name="level-entropy"), network, block, depth) for depth in (1, 2, 3)]
    )
    equal = loss_of(Loss(name="level-entropy", layers="equal"), network, block, None)
    torch.testing.assert_close(equal, parts.mean())
    weights = torch.tensor([0.0, math.log(2), math.log(3)])
    log = loss_of(Loss(name="level-entropy", layers="log"), network, block, None)
    torch.testing.assert_close(log, (weights * parts).sum() / weights.sum())


def test_squares_are_over_those_of_zero_forcing():
    network, block = recipe().build(), small_block()
    x = network.constellation.map(block.indices)
    forced = torch.linalg.lstsq(
        torch.cat([block.h.real, block.h.imag], 1), torch.cat([block.y.real, block.y.imag], 2).mT
    ).solution.mT
    last = network.iterates(network.prepare(block.h, block.noise_var), block.y)[-1]
    ratio = (last - x).abs().square().sum(-1) / (forced - x.real).square().sum(-1)
    found = loss_of(Loss(name="mse-over-zf"), network, block, None)
    torch.testing.assert_close(found, ratio.mean(), rtol=1e-4, atol=0)


def test_penalty_is_added():
    network, block = recipe("r-wesnet").build(), small_block()
    plain, added = (
        loss_of(Loss(name="level-entropy", penalty=weight), network, block, None)
        for weight in (0.0, 0.5)
    )
    torch.testing.assert_close(added - plain, 0.5 * network.penalty())


@pytest.mark.parametrize("network", ["detnet", "l-wesnet", "slim-wesnet", "equi-net"])
def test_training_learns_in_either_precision(network):
    reached = []
    for precision in ("float32", "bfloat16"):
        history = train(recipe(network, steps=90, precision=precision)).history
        assert history[-1]["best_loss"] < 0.9 * history[0]["loss"]
        reached.append(history[-1]["best_loss"])
    assert reached[1] == pytest.approx(reached[0], rel=0.1)


def test_files_hold_halves_and_the_card_measures_them(tmp_path):
    result = train(recipe(stored="float16"), out=tmp_path)
    path = tmp_path / "small.safetensors"
    parameters = sum(p.numel() for p in result.network.parameters())
    assert path.stat().st_size < 2 * parameters + 2000
    loaded = load(path)
    for own, stored in zip(result.network.parameters(), loaded.parameters(), strict=True):
        assert stored.dtype == torch.float32
        assert torch.equal(own, stored)
    assert Recipe(**result.card.recipe) == recipe(stored="float16")


def test_new_fields_change_no_key_at_their_defaults():
    assert recipe().key() == recipe(precision="float32", stored="float32").key()
    assert recipe().key() != recipe(precision="bfloat16").key()


def test_networks_without_level_logits_refuse_their_loss():
    network, block = recipe("tap-net").build(), small_block()
    with pytest.raises(InvalidInputError, match=r"^loss: .*no logits of levels"):
        loss_of(Loss(name="level-entropy"), network, block, None)
