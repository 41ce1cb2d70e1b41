"""Shipped parts that work on soft bits: recipes, cards, and their place in a contender."""

import pytest

from mimolearn import InvalidInputError, load, zoo_names
from mimolearn.link.scenario import Scenario
from mimolearn.quantizers import Quantizer
from mimolearn.studies import Contender, simulate
from mimolearn.training import SoftBitRecipe, shipped_recipes
from mimolearn.training.problems.soft_bits import measure_soft_bits
from mimolearn.zoo import card

NAMES = [name for name in zoo_names() if card(name).soft_bits]


def test_every_recipe_has_its_weights():
    assert set(shipped_recipes("soft-bits")) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_weights_come_from_their_recipe_and_reach_their_card(name):
    recipe, found = SoftBitRecipe.shipped(name), card(name)
    assert found.recipe_key == recipe.key()
    assert SoftBitRecipe(**found.recipe) == recipe
    claimed = found.soft_bits[-1]
    fewer = recipe.model_copy(update={"measure": recipe.measure.model_copy(update={"uses": 4000})})
    part = load(name)
    reached = measure_soft_bits(part, fewer, claimed.snr_db)
    # Few uses lose much of the information, so that the mean of a small sample is rough.
    assert reached.kl_mbit == pytest.approx(claimed.kl_mbit, rel=0.3, abs=0.2)
    if recipe.part == "quantizer":
        assert isinstance(part, Quantizer)
        assert part.bits_per_llr == recipe.bits


@pytest.mark.parametrize("bits", [36, 30, 24])
def test_joint_beats_scalar_at_every_rate(bits):
    joint, scalar = card(f"eq-net-2x2-64qam-{bits}"), card(f"max-mi-2x2-64qam-{bits}")
    for a, b in zip(joint.soft_bits, scalar.soft_bits, strict=True):
        assert a.snr_db == b.snr_db
        assert a.kl_mbit < 0.7 * b.kl_mbit


def test_quantisers_follow_a_contender(tmp_path):
    scenario = Scenario.shipped("eqnet-2x2-64qam-coded")
    name = "max-mi-2x2-64qam-24"
    contender = Contender.parse(f"lmmse:quantizer={name}")
    assert contender.label == f"lmmse | {name}"
    assert Contender.from_dict(contender.to_dict()).key() == contender.key()
    assert contender.key() != Contender.parse("lmmse").key()
    assert contender.key() != Contender.parse("lmmse:quantizer=max-mi-2x2-64qam-30").key()
    file = tmp_path / "results.sqlite"
    found = simulate(
        scenario,
        ["lmmse", contender],
        [13.0],
        metric="bler",
        min_errors=20,
        store=file,
        workers=2,
    )
    plain, kept = (curve.points[0] for curve in found.curves)
    assert kept.gmi() < plain.gmi() - 0.01
    with pytest.raises(InvalidInputError, match="constellation of the quantizer"):
        contender.build("16-qam")
    with pytest.raises(InvalidInputError, match="weights of a detector, not a quantizer"):
        Contender.parse("lmmse:quantizer=tap-net-5s")
    with pytest.raises(InvalidInputError, match="did you mean"):
        Contender.parse("lmmse:quantizer=max-mi-2x2-64qam-2")
    stale = contender.to_dict()
    stale["identity"]["quantizer"]["weights"] = "0" * 64
    with pytest.raises(InvalidInputError, match="no longer those that the results are of"):
        Contender.from_dict(stale).build("64-qam")
    with pytest.raises(InvalidInputError, match="weights of a quantizer, not a detector"):
        Contender.parse(name)
