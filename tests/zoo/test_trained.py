"""Shipped weights are trained: none are the random numbers that their training began with."""

import torch

from mimolearn import BeamRecipe, Recipe, load, zoo_names
from mimolearn.zoo import beam_names, card


def kept_random_start(network, recipe) -> bool:
    """Whether a network is what its recipe begins with, and that is random."""
    if not network.random_start:
        return False
    new = recipe.build().state_dict()
    return all(torch.equal(network.state_dict()[name], start) for name, start in new.items())


def test_no_shipped_weights_kept_a_random_start():
    """Those of soft bits are the last of their training, whatever step was best."""
    kinds = (BeamRecipe, beam_names()), (Recipe, zoo_names())
    for kind, names in kinds:
        for name in names:
            found = card(name)
            if found.best_step or found.start or found.soft_bits or found.kind == "quantizer":
                continue
            assert not kept_random_start(load(name), kind.shipped(name)), name


def test_untrained_weights_would_be_noticed():
    recipe = BeamRecipe.shipped("cnn-mser-qpsk")
    network = recipe.build()
    assert kept_random_start(network, recipe)
    with torch.no_grad():
        network.get_parameter("digital.4.bias").add_(1e-3)
    assert not kept_random_start(network, recipe)
