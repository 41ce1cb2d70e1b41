"""Keys stand for weights by their content and card, at any depth."""

import json
from pathlib import Path

import pytest

from mimolearn import InvalidInputError
from mimolearn.beamformers import beamformer_names
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.plans.beam_contender import BeamContender
from mimolearn.plans.contender import unique_contenders
from mimolearn.plans.identity import difference, weights_tree
from mimolearn.studies import Contender
from mimolearn.weights import read_card

from .keys import key, shipped

# Part of the reliability tests, at whatever length.
pytestmark = pytest.mark.soak

NET = "tap-net-8v"
DEEP = ("{}", "las:inner={}", "guarded:inner={}", "guarded:fallback={}")
DEEPER = ("guarded:inner=guarded:inner={}", "las:inner=guarded:fallback=guarded:inner={}")


@pytest.mark.parametrize("text", [*DEEP, *DEEPER])
def test_weights_count_by_their_content_at_any_depth(copy, text):
    plain = copy(NET, "plain")
    assert key(text.format(plain)) == key(text.format(NET)) == key(text.format(copy(NET, "b")))
    before = key(text.format(plain))
    # The same tensors, read another way.
    copy(NET, "plain", options={"demapping": "max-log"})
    edited = key(text.format(plain))
    copy("tap-net-any", "plain")
    assert len({before, edited, key(text.format(plain))}) == 3


def test_what_a_card_only_tells_is_not_in_the_key(copy):
    told = copy(NET, "told", name="other", seconds=1.0, measured=[], seed=9, versions={"x": "1"})
    assert key(told) == key(NET)


def test_weights_inside_a_card_are_in_the_key(copy):
    inner = copy(NET, "inner")
    empty = (2).to_bytes(8, "little") + b"{}"
    outer = copy(NET, "outer", data=empty, network="las")
    card = json.loads(Path(outer).with_suffix(".json").read_text())
    Path(outer).with_suffix(".json").write_text(json.dumps(card | {"options": {"inner": inner}}))
    before = weights_tree(outer)
    assert before["options"]["inner"]["weights"] == read_card(NET).sha256
    copy(NET, "inner", options={"demapping": "max-log"})
    assert difference(weights_tree(outer), before) == "options.inner.options.demapping"


def test_two_cards_over_one_weights_file_are_told_apart(copy):
    one, other = copy(NET, "one"), copy(NET, "other", options={"demapping": "max-log"})
    assert Path(one).read_bytes() == Path(other).read_bytes()
    found = unique_contenders([one, other])
    assert found[0].key() != found[1].key()
    with pytest.raises(InvalidInputError, match="no twin"):
        unique_contenders([one, copy(NET, "twin")])


def test_a_card_edited_after_the_contender_was_made_is_refused(copy):
    path = copy(NET, "edited")
    contender = Contender("guarded", {"inner": path}, label="mine")
    contender.build("qpsk")
    copy(NET, "edited", options={"demapping": "max-log"})
    with pytest.raises(InvalidInputError, match=r"'mine': .*options.inner.options.demapping"):
        contender.build("qpsk")
    with pytest.raises(InvalidInputError, match="no longer those that the results are of"):
        Contender.from_dict(contender.to_dict()).build("qpsk")


def test_quantisers_count_by_content_and_card(copy):
    name = "max-mi-2x2-64qam-24"
    path = copy(name, "kept")
    assert key(f"ml:quantizer={path}") == key(f"ml:quantizer={name}")
    revision = Contender.parse(f"ml:quantizer={name}").identity["quantizer"]["revision"]
    assert revision == 1
    assert key(f"ml:quantizer={name}") != key("ml:quantizer=max-mi-2x2-64qam-30")


def test_beam_weights_count_by_content_and_card(copy):
    names = [path.stem for path in sorted(shipped("x", "beamformers").parent.glob("*.safetensors"))]
    name = next(n for n in names if n.startswith("unfolded"))
    path = copy(name, "beam", folder="beamformers")
    contender = BeamContender(path)
    assert contender.key() == BeamContender(name).key()
    again = BeamContender.from_dict(json.loads(json.dumps(contender.to_dict())))
    assert again.key() == contender.key()
    options = read_card(name).options
    copy(name, "beam", folder="beamformers", options={"most_samples": 77})
    edited = BeamContender(path)
    assert edited.key() != contender.key()
    assert options.get("most_samples") != 77
    trained = read_card(name).recipe["scenario"]
    link = BeamScenario(array=trained["array"], constellation=trained["constellation"])
    edited.build(link)
    with pytest.raises(InvalidInputError, match=r"what the results are of: options\.most"):
        contender.build(link)


@pytest.mark.parametrize("name", beamformer_names())
def test_beamformers_have_all_options_in_the_key(name):
    plain = BeamContender(name)
    assert plain.key() == BeamContender(name, plain.identity["options"], label="x").key()
